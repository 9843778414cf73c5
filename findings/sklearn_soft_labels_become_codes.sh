#!/usr/bin/env bash
# Packages: scikit-learn 1.9.1, numpy 2.4.6.
# Expected: cross_val_predict passes y to fit as it is, for an estimator that takes a matrix of proportions
#   (label distributions), whatever the method.
# Behaviour: with method="predict_proba" a two-dimensional y is label-encoded column by column first: fit
#   gets the rank of each proportion in its column, as int64. [0.3, 0.7, 0] arrives as [2, 3, 0]. An
#   estimator that normalises its rows trains on distributions that nobody gave, without a word.
#   method="predict" passes y unchanged.
# Output seen:
#   predict:       fit got float64, first row [0.3, 0.7, 0.0]
#   predict_proba: fit got int64, first row [2, 3, 0]
# What to do: split by hand, or refuse rows that do not sum to 1 in fit.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold, cross_val_predict

soft = np.array([[0.1, 0.2, 0.7], [0.2, 0.3, 0.5], [0.3, 0.7, 0.0], [0.5, 0.4, 0.1]])
features = np.arange(8.0).reshape(4, 2)


class MeanDistribution(ClassifierMixin, BaseEstimator):
    """Predicts the mean of the training labels."""

    given = None

    def fit(self, X, y):
        self.classes_ = np.arange(y.shape[1])
        self.mean_ = y.mean(0)
        MeanDistribution.given = y if MeanDistribution.given is None else MeanDistribution.given
        return self

    def predict_proba(self, X):
        return np.tile(self.mean_, (len(X), 1))

    predict = predict_proba


rows = {}
for method in ("predict", "predict_proba"):
    MeanDistribution.given = None
    cross_val_predict(MeanDistribution(), features, soft, cv=KFold(2), method=method)
    given = MeanDistribution.given
    rows[method] = given[0].tolist()
    print(f"{method + ':':<14} fit got {given.dtype}, first row {rows[method]}")
assert rows["predict"] == [0.3, 0.7, 0.0], "predict no longer passes the proportions"
assert rows["predict_proba"] == [2, 3, 0], "predict_proba no longer passes codes"
PY
