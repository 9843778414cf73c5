#!/usr/bin/env bash
# Packages: pandas 3.1.1, numpy 2.4.6.
# Expected: astype("U") or astype(str) turns a column of clip names into a numpy array of text, as it did
#   with pandas 2's object columns followed by numpy's astype, so that np.savez needs no pickle.
# Behaviour: with pandas 3 the names are of its own str type, and every conversion that pandas makes
#   (.to_numpy(), .astype(str), .astype("U")) ends in an object array.
#   np.savez pickles it without a warning, and the file is refused where it is read: np.load says
#   "Object arrays cannot be loaded when allow_pickle=False", other readers cannot read it at all.
# Output seen:
#   object: column.to_numpy()
#   object: column.astype(str).to_numpy()
#   object: column.astype("U").to_numpy()
#   text:   column.to_numpy(dtype=str)
#   text:   np.array(column, dtype=str)
# What to do: column.to_numpy(dtype=str).
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 numpy==2.4.6
cd "$work"
venv/bin/python -W error - <<'PY'
import numpy as np
import pandas as pd

with open("clips.csv", "w") as file:
    file.write("filename,fold\nA1_c1,0\nA1_c2,1\n")
column = pd.read_csv("clips.csv")["filename"]
ways = {
    "column.to_numpy()": "object",
    "column.astype(str).to_numpy()": "object",
    'column.astype("U").to_numpy()': "object",
    "column.to_numpy(dtype=str)": "text",
    "np.array(column, dtype=str)": "text",
}
for way, expected in ways.items():
    np.savez("clips.npz", filenames=eval(way))
    try:
        kind = "text" if np.load("clips.npz")["filenames"].dtype.kind == "U" else "?"
    except ValueError:
        kind = "object"
    print(f"{kind + ':':<8}{way}")
    assert kind == expected, f"{way} now gives {kind}"
PY
