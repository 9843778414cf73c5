"""What an estimator is given, checked as the field expects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._inputs import WHOLE, Blocks, FeatureSet, by_encoder, is_divided
from ._sklearn import HAS_SKLEARN


def features_to_fit(estimator: Any, x: Any) -> FeatureSet:
    """The features of training; notes on the estimator what later ones must be like.

    Raises
    ------
    ValueError, TypeError
        Naming the encoder and the row.
    """
    estimator._divided = is_divided(x)
    if not estimator._divided:
        return _blocks(estimator, x, fitting=True)
    features = by_encoder(x)
    if isinstance(estimator.encoders, Mapping):
        raise ValueError("encoders: X is given by encoder already; pass a list of names, or None")
    if isinstance(estimator.encoders, str):
        raise ValueError(f"encoders: found {estimator.encoders!r}, expected a list of names")
    for name in estimator.encoders or []:
        _check_known("encoders", str(name), features)
    for name in estimator.modalities or {}:
        _check_known("modalities", str(name), features)
    _check_enough(features)
    estimator.n_features_in_ = features.shape[1]
    estimator._widths = {name: array.shape[1] for name, array in features.items()}
    return features


def features_like(estimator: Any, x: Any, argument: str = "X") -> FeatureSet:
    """Features of the encoders that an estimator was fitted on.

    Raises
    ------
    ValueError, TypeError
        Naming the encoder and the row.
    """
    if not estimator._divided and not is_divided(x):
        return _blocks(estimator, x, fitting=False)
    if estimator._divided != is_divided(x):
        expected = "one array by encoder" if estimator._divided else "one array of all columns"
        raise ValueError(f"{argument}: found {type(x).__name__}, expected {expected}, as in fit")
    features = by_encoder(x)
    known = estimator._widths
    for name in features:
        if name not in known:
            raise ValueError(f"{argument}: encoder {name!r} was not in fit; it had {', '.join(known)}")
    for name, width in known.items():
        if name not in features:
            raise ValueError(
                f"{argument}: encoder {name!r} is missing; give rows of NaN where an encoder lacks clips"
            )
        if features[name].shape[1] != width:
            raise ValueError(
                f"{argument}: encoder {name!r} has {features[name].shape[1]} columns, but had {width} in fit"
            )
    return features


def _check_known(argument: str, name: str, features: FeatureSet) -> None:
    if name not in features:
        raise ValueError(f"{argument}: {name!r} is no encoder of X; it has {', '.join(features)}")


def _check_enough(features: FeatureSet) -> None:
    if features.shape[0] < 2:
        raise ValueError(f"X: found {features.shape[0]} sample, expected at least 2 clips to train on")


def _blocks(estimator: Any, x: Any, fitting: bool) -> FeatureSet:
    """The blocks of one array."""
    whole = estimator.encoders is None
    array = _one_array(estimator, x, fitting, whole)
    if whole:
        return FeatureSet({WHOLE: array})
    if not isinstance(estimator.encoders, Mapping):
        raise ValueError(
            "encoders: X is one array; pass a mapping of names to slices or columns, or give X by encoder"
        )
    names = getattr(estimator, "feature_names_in_", None)
    blocks = Blocks(estimator.encoders, None if names is None else list(names), array.shape[1])
    return FeatureSet(blocks.divide(array))


def _one_array(estimator: Any, x: Any, fitting: bool, finite: bool) -> NDArray[Any]:
    if HAS_SKLEARN:
        from sklearn.utils.validation import validate_data

        array: NDArray[Any] = validate_data(
            estimator,
            x,
            reset=fitting,
            dtype=[np.float32, np.float64, np.float16],
            ensure_all_finite=True if finite else "allow-nan",
            ensure_min_samples=2 if fitting else 1,
        )
        return array
    array = by_encoder({WHOLE: x})[WHOLE]
    if finite and not np.isfinite(array).all():
        row, column = (int(place) for place in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"X: row {row}, column {column}: Input X contains NaN or infinity")
    if fitting:
        _check_enough(FeatureSet({WHOLE: array}))
        estimator.n_features_in_ = array.shape[1]
    elif array.shape[1] != estimator.n_features_in_:
        raise ValueError(f"X has {array.shape[1]} features, but {estimator.n_features_in_} were in fit")
    return array


def in_rows(features: FeatureSet) -> list[tuple[str, NDArray[Any]]]:
    """The arrays in C order, copied only if they are in another."""
    return [(name, np.ascontiguousarray(array)) for name, array in features.items()]


def one_for_each(argument: str, values: Any, count: int) -> list[Any]:
    """One value for each clip.

    Raises
    ------
    ValueError
        For another number of them.
    """
    found: list[Any] = np.asarray(values).ravel().tolist()
    if len(found) != count:
        raise ValueError(f"{argument}: found {len(found)}, expected one for each of the {count} clips")
    return found
