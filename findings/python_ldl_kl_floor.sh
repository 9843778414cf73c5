#!/usr/bin/env bash
# Package: python-ldl 0.1.2 (PyPI, imported as pyldl), numpy 2.3.5.
# Expected: the Kullback-Leibler divergence of label-distribution learning is one number per data set
#   and prediction, so that tables of papers compare.
# Behaviour: a predicted share of 0 is replaced by the smallest step of float64, 2.2e-16, which the
#   documentation does not say. Each such share then weighs about 36 times the true share; with a floor
#   of 1e-8 it would be 18 times. Predictions with zeros (nearest neighbours, trees, decoded labels)
#   differ by a factor of two between programs for this alone.
# Seen: without zeros: 0.0211 and 0.0211
#   with a zero: 6.72 by python-ldl and 3.19 with a floor of 1e-8
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check python-ldl==0.1.2 numpy==2.3.5
"$dir/env/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")
import numpy as np
from pyldl.metrics import kl_divergence

truth = np.array([[0.5, 0.3, 0.2]])


def floored(prediction):
    return float(np.sum(truth * np.log(truth / np.maximum(prediction, 1e-8))))


dense = np.array([[0.6, 0.25, 0.15]])
zero = np.array([[0.7, 0.3, 0.0]])
print(f"without zeros: {float(kl_divergence(truth, dense)):.4f} and {floored(dense):.4f}")
print(f"with a zero: {float(kl_divergence(truth, zero)):.2f} and {floored(zero):.2f}")
same = abs(float(kl_divergence(truth, dense)) - floored(dense)) < 1e-9
sys.exit(not (same and float(kl_divergence(truth, zero)) > 1.8 * floored(zero)))
PY
