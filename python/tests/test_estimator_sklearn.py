"""The estimator among scikit-learn's: its own checks, and the tools that people combine estimators with."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import blendfuse
import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", "1.6")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

# The suite trains more than a hundred times. No check is expected to fail; that of the array API is skipped for
# every estimator unless SciPy's is switched on.
SMALL: dict[str, Any] = {"projection_dim": 16, "shared_dim": 16, "gate_hidden": 8, "head_hidden": 16}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(  # type: ignore[untyped-decorator, unused-ignore]
    [
        blendfuse.FusionClassifier(**SMALL, lr=0.003),
        blendfuse.FusionClassifier(encoders={"first": slice(0, 1), "all": slice(None)}, **SMALL, lr=0.003),
    ]
)
def test_every_check_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def blobs(clips: int = 90, seed: int = 0) -> tuple[blendfuse.FeatureSet, np.ndarray[Any, Any]]:
    """Three classes that either encoder tells."""
    made = np.random.default_rng(seed)
    y = np.array(["ang", "hap", "sad"])[np.arange(clips) % 3]
    shift = np.arange(clips)[:, None] % 3 * 3.0
    x: dict[str, Any] = {
        "faces": (shift + made.normal(size=(clips, 4))).astype(np.float32),
        "voices": (shift - made.normal(size=(clips, 6))).astype(np.float64),
    }
    x["voices"][::10] = np.nan
    return blendfuse.FeatureSet(x), y


QUICK: dict[str, Any] = {**SMALL, "max_epochs": 60, "lr": 0.003}


def test_cross_validation_of_several_encoders_by_group() -> None:
    x, y = blobs()
    groups = np.arange(90) // 5
    model = blendfuse.FusionClassifier(**QUICK)
    scores = cross_val_score(model, x, y, cv=GroupKFold(3), groups=groups)
    assert scores.min() > 0.9
    proba = cross_val_predict(model, x, y, cv=3, method="predict_proba")
    assert proba.shape == (90, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def test_cross_validation_of_proportions_that_know_their_classes() -> None:
    x, y = blobs()
    shares = np.eye(3)[np.arange(90) % 3] * 0.6 + 0.2 / 1.5
    table = blendfuse.Proportions(shares / shares.sum(axis=1, keepdims=True), ["ang", "hap", "sad"])
    found = cross_validate(
        blendfuse.FusionClassifier(**QUICK), x, table, cv=3, return_estimator=True, n_jobs=2
    )
    assert found["test_score"].min() > 0.5
    assert [model.classes_.tolist() for model in found["estimator"]] == [["ang", "hap", "sad"]] * 3


def test_grid_search_over_top_k_and_lr() -> None:
    x, y = blobs()
    search = GridSearchCV(
        blendfuse.FusionClassifier(**QUICK), {"top_k": [1, 2], "lr": [1e-6, 3e-3]}, cv=2
    ).fit(x, y)
    assert search.best_params_["lr"] == 3e-3
    assert search.best_estimator_.score(x, y) > 0.9
    copy = clone(search.best_estimator_)
    assert copy.get_params() == search.best_estimator_.get_params()
    assert not hasattr(copy, "classes_")


def test_a_pipeline_with_named_columns() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = blobs()
    table = pandas.DataFrame(x["faces"], columns=["a", "b", "c", "d"])
    model = blendfuse.FusionClassifier(encoders={"left": ["a", "b"], "right": ["c", "d"]}, **QUICK)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), model).fit(table, y)
    assert pipeline.score(table, y) > 0.9
    assert list(model.encoders_) == ["left", "right"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["b", "a", "c", "d"]])


def test_a_data_frame_with_two_levels() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = blobs()
    table = pandas.concat({name: pandas.DataFrame(array) for name, array in x.items()}, axis=1)
    whole = blendfuse.FusionClassifier(**QUICK).fit(table, y)
    by_name = blendfuse.FusionClassifier(**QUICK).fit(dict(x), y)
    # pandas gives one type to all columns of a frame; the engine computes in single precision.
    np.testing.assert_array_equal(whole.predict_proba(table), by_name.predict_proba(x))
    assert cross_val_score(whole, table, y, cv=2).min() > 0.9


def test_pickle_and_joblib_also_across_processes(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    x, y = blobs()
    model = blendfuse.FusionClassifier(**QUICK).fit(x, y)
    expected = model.predict_proba(x)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), expected)
    joblib.dump((model, dict(x)), tmp_path / "model")
    code = "import joblib, sys; model, x = joblib.load(sys.argv[1]); print(model.predict_proba(x).tolist())"
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str(expected.tolist())


def test_parallel_fits_give_what_one_gives() -> None:
    x, y = blobs()
    model = blendfuse.FusionClassifier(**QUICK, n_jobs=1)
    alone = cross_val_score(model, x, y, cv=3)
    np.testing.assert_array_equal(cross_val_score(model, x, y, cv=3, n_jobs=2), alone)
