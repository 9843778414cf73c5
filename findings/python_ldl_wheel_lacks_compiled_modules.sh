#!/usr/bin/env bash
# Packages: python-ldl 0.1.2 (imported as pyldl), numpy 2.4.6.
# Expected: the algorithms that the package of label distribution learning lists can be used after
#   `pip install python-ldl`, and a regressor's score works with scikit-learn's cross_val_score.
# Behaviour: the wheel holds the C sources of two extension modules (_tree.c, _rbm.c) but neither compiled,
#   so that the tree-based algorithms, among them the structured forests that papers compare with, fail at
#   import. score returns a tuple of six measures, which cross_val_score refuses without scoring=.
# Output seen:
#   SA_BFGS: imported
#   AA_KNN: imported
#   DF_LDL: No module named 'pyldl.algorithms._tree'
#   StructRF: No module named 'pyldl.algorithms._tree'
#   LDLogitBoost: No module named 'pyldl.algorithms._tree'
#   score of SA_BFGS: tuple of 6
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet python-ldl==0.1.2 numpy==2.4.6
cd "$work"
KERAS_BACKEND=numpy venv/bin/python -W ignore - <<'PY'
import numpy as np
from pyldl import algorithms

found = {}
for name in ("SA_BFGS", "AA_KNN", "DF_LDL", "StructRF", "LDLogitBoost"):
    try:
        found[name] = getattr(algorithms, name)
        print(f"{name}: imported")
    except ModuleNotFoundError as error:
        print(f"{name}: {error}")
labels = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]] * 20)
features = np.random.default_rng(0).standard_normal((40, 3))
score = found["SA_BFGS"]().fit(features, labels).score(features, labels)
print(f"score of SA_BFGS: {type(score).__name__} of {len(score)}")
assert set(found) == {"SA_BFGS", "AA_KNN"}, "the tree-based algorithms can be imported now"
assert isinstance(score, tuple) and len(score) == 6, "score has changed"
PY
