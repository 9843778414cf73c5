#!/usr/bin/env bash
# Packages: safetensors 0.8.0 (0.7.0 for comparison), numpy 2.4.6.
# Expected: safetensors.numpy.save stores the values of an array, or refuses it, as safetensors.torch does
#   for tensors that are not contiguous.
# Behaviour: 0.8.0 writes the memory of the array under its shape. Arrays that are not C-contiguous
#   (W.T, np.asfortranarray, X[:, :k], X[::2]) come back with other values, without an error: a weight
#   matrix converted from another framework by a transpose loads everywhere and computes nonsense.
#   0.7.0 stores the right values.
# Output seen:
#   safetensors 0.7.0: transpose right, first columns right
#   safetensors 0.8.0: transpose WRONG, first columns WRONG
#     saved [[0, 3], [1, 4], [2, 5]], loaded [[0, 1], [2, 3], [4, 5]]
# What to do: np.ascontiguousarray before saving.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cd "$work"
cat > check.py <<'PY'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

matrix = np.arange(6, dtype="float32").reshape(2, 3)
arrays = {"transpose": matrix.T, "first columns": matrix[:, :2]}
loaded = {name: load(save({"x": array}))["x"] for name, array in arrays.items()}
equal = {name: np.array_equal(loaded[name], arrays[name]) for name in arrays}
states = ", ".join(f"{name} {'right' if equal[name] else 'WRONG'}" for name in arrays)
print(f"safetensors {safetensors.__version__}: {states}")
if not equal["transpose"]:
    saved, read = (x["transpose"].astype(int).tolist() for x in (arrays, loaded))
    print(f"  saved {saved}, loaded {read}")
sys.exit(list(equal.values()) != [sys.argv[1] == "right"] * 2)
PY
venv/bin/pip install --quiet safetensors==0.7.0 numpy==2.4.6
venv/bin/python check.py right || { echo "0.7.0 is no longer right"; exit 1; }
venv/bin/pip install --quiet safetensors==0.8.0
venv/bin/python check.py wrong || { echo "0.8.0 now stores the right values"; exit 1; }
