"""What is refused, and in which words: argument, row and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import blendfuse
import numpy as np
import pytest

N = 12
Given = dict[str, Any]


def good() -> Given:
    made = np.random.default_rng(1)
    return {
        "parameters": {
            "projection_dim": 4,
            "shared_dim": 8,
            "gate_hidden": 4,
            "head_hidden": 4,
            "max_epochs": 1,
        },
        "X": {"a": made.normal(size=(N, 3)).astype(np.float32), "b": made.normal(size=(N, 2))},
        "y": ["hap", "sad"] * (N // 2),
        "fit": {},
    }


def changed(**changes: Callable[[Any], Any]) -> Given:
    given = good()
    for name, change in changes.items():
        given[name] = change(given[name])
    return given


def put(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda old: {**old, name: value}


def at(array: Any, place: Any, value: float) -> Any:
    copy = np.array(array)
    copy[place] = value
    return copy


NAN, INF = float("nan"), float("inf")
PROPORTIONS = np.tile([0.3, 0.7], (N, 1))

# What is given, the exception, and its words.
CASES: dict[str, tuple[Given, type[Exception], str]] = {
    "one axis": (
        changed(X=put("a", np.zeros(N))),
        ValueError,
        "X: encoder 'a': found shape (12,), expected two axes [clips, features]; for one column use .reshape(-1, 1)",
    ),
    "three axes": (
        changed(X=put("a", np.zeros((N, 5, 3)))),
        ValueError,
        "X: encoder 'a': found shape (12, 5, 3), expected two axes [clips, features]; for windows or frames",
    ),
    "rows": (
        changed(X=put("b", np.zeros((N - 1, 2)))),
        ValueError,
        "X: encoder 'b' has 11 rows, but 'a' has 12; expected one row for each clip",
    ),
    "text": (
        changed(X=put("b", np.full((N, 2), "x"))),
        TypeError,
        "X: encoder 'b': found values of type <U1, expected real numbers",
    ),
    "complex": (
        changed(X=put("b", np.zeros((N, 2), complex))),
        TypeError,
        "X: encoder 'b': found values of type complex128, expected real numbers",
    ),
    "no encoder": (changed(X=lambda _: {}), ValueError, "X: found no encoder, expected at least one"),
    "NaN in part of a row": (
        changed(X=lambda x: {**x, "a": at(x["a"], (3, 1), NAN)}),
        ValueError,
        "X: encoder 'a': row 3, column 1 is NaN; expected finite numbers, or NaN in the whole row where",
    ),
    "infinite": (
        changed(X=lambda x: {**x, "b": at(x["b"], (3, 1), INF)}),
        ValueError,
        "encoder b: row 3, column 1 (both from 0) is infinite; expected finite numbers",
    ),
    "a clip of no encoder": (
        changed(X=lambda x: {name: at(array, 5, NAN) for name, array in x.items()}),
        ValueError,
        "row 5 (from 0): no encoder has features of it",
    ),
    "one clip": (
        changed(X=lambda x: {name: array[:1] for name, array in x.items()}, y=lambda y: y[:1]),
        ValueError,
        "X: found 1 sample, expected at least 2 clips to train on",
    ),
    "no labels": (changed(y=lambda _: None), ValueError, "y: found None; this estimator requires y"),
    "labels": (changed(y=lambda y: y[1:]), ValueError, "y: found 11 labels for 12 clips of X"),
    "sums": (
        changed(y=lambda _: at(PROPORTIONS, (4, 0), 0.5)),
        ValueError,
        "y: row 4: the proportions sum to 1.2, expected 1 (within 1e-3); divide counts",
    ),
    "codes of proportions": (
        changed(y=lambda _: np.tile([1, 3], (N, 1))),
        ValueError,
        "y: row 0, column 1: found 3, expected a proportion from 0 to 1",
    ),
    "an empty set": (
        changed(y=lambda _: [{"hap"}] * (N - 1) + [set()]),
        ValueError,
        "y: row 11: found set(), expected at least one class, each once",
    ),
    "shares": (
        changed(y=lambda _: [{"hap": 70, "sad": 40}] * N),
        ValueError,
        "y: row 0: the shares sum to 110, expected 1, or 100 percent",
    ),
    "a negative share": (
        changed(y=lambda _: [[("hap", 1.5), ("sad", -0.5)]] * N),
        ValueError,
        "y: row 0: found the share -0.5, expected a number of 0 or more",
    ),
    "another class": (
        changed(parameters=put("classes", ["hap", "ang"])),
        ValueError,
        "y: row 1: 'sad' is none of the classes hap, ang",
    ),
    "a class twice": (
        changed(parameters=put("classes", ["hap", "sad", "hap"])),
        ValueError,
        "classes: found ['hap', 'sad', 'hap'], expected a list of different names",
    ),
    "a value out of range": (
        changed(parameters=put("top_k", 0)),
        ValueError,
        "top_k: found 0, expected a whole number from 1",
    ),
    "a word that is none": (
        changed(parameters=put("gate", "soft")),
        ValueError,
        "gate: found soft, expected attention or uniform",
    ),
    "a type that is none": (
        changed(parameters=put("lr", object)),
        TypeError,
        "lr: found <class 'object'> of type type, expected a value such as 0.0003",
    ),
    "a name in encoders": (
        changed(parameters=put("encoders", ["a", "c"])),
        ValueError,
        "encoders: 'c' is no encoder of X; it has a, b",
    ),
    "a modality": (
        changed(parameters=put("modalities", {"a": "smell"})),
        ValueError,
        'modalities: found "smell"; expected video, audio, multimodal or other',
    ),
    "the neutral class": (
        changed(parameters=put("neutral", "neu")),
        ValueError,
        'neutral: there is no class "neu"',
    ),
    "groups": (
        changed(fit=put("groups", [1, 2])),
        ValueError,
        "groups: found 2, expected one for each of the 12",
    ),
    "few groups": (
        changed(fit=put("groups", [1, 2] * 6), parameters=put("early_stopping", True)),
        ValueError,
        "validation_fraction: 0.2 takes one of 5 parts, but there are 2 groups; use 0.5 or more",
    ),
    "folds without a fold": (
        changed(fit=put("folds", [0, 1] * 6)),
        ValueError,
        "folds: the parameter fold is None; set it to the fold that validates",
    ),
    "another fold": (
        changed(fit=put("folds", [0, 1] * 6), parameters=put("fold", 2)),
        ValueError,
        "fold: found 2, expected one of the folds 0, 1",
    ),
    "a fold without folds": (
        changed(parameters=put("fold", 2)),
        ValueError,
        "fold: found 2, but fit was given no folds",
    ),
    "threads": (
        changed(parameters=put("n_jobs", 0)),
        ValueError,
        "n_jobs: found 0, expected a number of threads, or None or -1 for all",
    ),
    "the seed": (
        changed(parameters=put("random_state", -1)),
        ValueError,
        "random_state: found -1, expected a whole number of 0 or more, or None",
    ),
    "actors that are not told": (
        changed(parameters=put("standardize", "actor")),
        ValueError,
        'groups: standardize="actor" takes statistics of each actor\'s own clips; pass the actor of each clip',
    ),
    "actors of the target that are not told": (
        changed(
            parameters=put("standardize", "actor"),
            fit=lambda old: {**old, "groups": ["p", "q"] * (N // 2), "X_target": good()["X"]},
        ),
        ValueError,
        'groups_target: standardize="actor" takes statistics',
    ),
    "a bound without a unit": (
        changed(parameters=lambda old: {**old, "standardize": False, "clip_values": 3.0}),
        ValueError,
        "clip_values: is in standard deviations",
    ),
    "another target": (
        changed(fit=put("X_target", {"a": np.zeros((3, 3))})),
        ValueError,
        "X_target: encoder 'b' is missing; give rows of NaN",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fit_refuses(name: str) -> None:
    given, exception, words = CASES[name]
    model = blendfuse.FusionClassifier(**given["parameters"])
    with pytest.raises(exception, match=re.escape(words)) as told:
        model.fit(given["X"], given["y"], **given["fit"])
    assert "\n" not in str(told.value)
    assert not hasattr(model, "classes_")


@pytest.fixture(scope="module")
def model() -> blendfuse.FusionClassifier:
    given = good()
    return blendfuse.FusionClassifier(**given["parameters"]).fit(given["X"], given["y"])


LATER: dict[str, tuple[Callable[[Given], Any], str]] = {
    "another encoder": (lambda x: {**x, "c": x["a"]}, "X: encoder 'c' was not in fit; it had a, b"),
    "an encoder less": (lambda x: {"a": x["a"]}, "X: encoder 'b' is missing; give rows of NaN"),
    "another width": (lambda x: {**x, "b": x["a"]}, "X: encoder 'b' has 3 columns, but had 2 in fit"),
    "one array": (lambda x: x["a"], "X: found ndarray, expected one array by encoder, as in fit"),
    "NaN in part of a row": (
        lambda x: {**x, "a": at(x["a"], (0, 0), NAN)},
        "X: encoder 'a': row 0, column 0 is NaN",
    ),
    "a clip of no encoder": (
        lambda x: {name: at(array, 2, NAN) for name, array in x.items()},
        "row 2 (from 0) has features of none",
    ),
}


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_sets", "predict_proportions"])
def test_predict_refuses(model: blendfuse.FusionClassifier, name: str, method: str) -> None:
    change, words = LATER[name]
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(model, method)(change(good()["X"]))


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_sets", "explain", "save", "similarity"]
)
def test_a_model_that_is_not_fitted_says_so(method: str) -> None:
    with pytest.raises((ValueError, AttributeError), match="not fitted yet; call fit, or load a run"):
        getattr(blendfuse.FusionClassifier(), method)(good()["X"])


def test_numbers_that_leave_the_range_end_fit_without_naming_a_folder_that_is_gone() -> None:
    random = np.random.default_rng(0)
    x = {"a": random.standard_normal((60, 5), dtype=np.float32)}
    model = blendfuse.FusionClassifier(lr=1e25, max_epochs=5, early_stopping=False)
    with pytest.raises(
        RuntimeError, match=r"not finite, epoch 2.*; it began in .*; a lower train.lr"
    ) as told:
        model.fit(x, random.integers(0, 3, 60))
    assert "weights are in" not in str(told.value)
