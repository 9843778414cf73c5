"""Labels in the forms that people have them, as soft labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._proportions import Proportions
from ._sklearn import HAS_SKLEARN, DataConversionWarning

Form = Literal["labels", "sets", "shares", "proportions"]

# As in the program: these come in the challenge's order, others by name.
CHALLENGE_CLASSES = ("ang", "disg", "fea", "hap", "sad", "neu")

# Slack of shares that should sum to 1, as in the program.
SLACK = 1e-3


@dataclass(frozen=True)
class Labels:
    """Labels of N clips."""

    form: Form
    """How they were given: one label per clip, sets, classes with shares, or a row of proportions."""
    classes: NDArray[Any]
    """The classes (C), as they were given."""
    targets: NDArray[np.float64]
    """Soft labels (N, C)."""

    @property
    def names(self) -> list[str]:
        """The classes as text."""
        return [str(name) for name in self.classes.tolist()]


def read_labels(y: Any, classes: Sequence[Any] | NDArray[Any] | None) -> Labels:
    """Soft labels of `y`; `classes` are all classes in their order, if the user tells them.

    Raises
    ------
    ValueError
        Naming the row, for a label that is none; for `y` that is None.
    """
    if y is None:
        raise ValueError("y: found None; this estimator requires y to be passed, but the target y is None")
    known = None if classes is None else known_classes(classes)
    if hasattr(y, "columns") and hasattr(y, "to_numpy") and len(y.columns) > 1:
        return _of_table(y.to_numpy(), list(y.columns), known)
    if isinstance(y, Proportions) and len(y.classes) > 1:
        return _of_table(np.asarray(y), list(y.classes), known)
    if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        first = next(iter(y), None)
        if isinstance(first, (Set, Mapping)) or (
            isinstance(first, (list, tuple)) and first and isinstance(first[0], (list, tuple, str))
        ):
            return _of_collections(list(y), known)
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        if values.dtype.kind in "OSU":
            return _of_collections(values.tolist(), known)
        return _of_matrix(values, known)
    return _of_column(y, known)


def known_classes(classes: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """The classes that a user tells, each once.

    Raises
    ------
    ValueError
        For none, or one that is there twice.
    """
    found = np.asarray(classes)
    names = [str(name) for name in found.ravel().tolist()]
    if found.ndim != 1 or not names or len(set(names)) < len(names):
        raise ValueError(f"classes: found {classes!r}, expected a list of different names")
    return found


def _of_column(y: Any, known: NDArray[Any] | None) -> Labels:
    column = _checked_column(y)
    found = np.unique(column)
    classes = found if known is None else known
    places = {name: place for place, name in enumerate(classes.tolist())}
    rows = np.empty(len(column), np.intp)
    for row, name in enumerate(column.tolist()):
        if name not in places:
            raise ValueError(f"y: row {row}: {name!r} is none of the classes {', '.join(map(str, places))}")
        rows[row] = places[name]
    targets = np.zeros((len(column), len(classes)))
    targets[np.arange(len(column)), rows] = 1.0
    return Labels("labels", classes, targets)


def _checked_column(y: Any) -> NDArray[Any]:
    if HAS_SKLEARN:
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import column_or_1d

        column: NDArray[Any] = column_or_1d(y, warn=True)
        _check_finite(column)
        check_classification_targets(column)
        return column
    column = np.asarray(y)
    if column.ndim == 2 and column.shape[1] == 1:
        text = "A column-vector y was passed when a 1d array was expected; its values are taken in order"
        warnings.warn(text, DataConversionWarning, stacklevel=2)
        column = column.ravel()
    if column.ndim != 1:
        raise ValueError(f"y: found shape {column.shape}, expected one label for each clip")
    _check_finite(column)
    if column.dtype.kind == "f" and np.any(column != column.astype(int)):
        raise ValueError("y: Unknown label type: continuous numbers; expected classes")
    return column


def _check_finite(column: NDArray[Any]) -> None:
    if column.dtype.kind == "f" and not np.all(np.isfinite(column)):
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise ValueError(f"y: row {row}: Input y contains NaN or infinity; expected a class")


def _in_order(names: Iterable[Any], given: bool) -> NDArray[Any]:
    """Classes in the program's order; `given` if they have one of their own."""
    found = list(names)
    if all(name in CHALLENGE_CLASSES for name in found):
        found.sort(key=CHALLENGE_CLASSES.index)
    elif not given:
        found.sort()
    return np.asarray(found)


def _of_collections(rows: list[Any], known: NDArray[Any] | None) -> Labels:
    shares: list[dict[Any, float]] = []
    form: Form = "sets"
    for place, row in enumerate(rows):
        found, weighted = _shares_of(place, row)
        shares.append(found)
        form = "shares" if weighted else form
    names = dict.fromkeys(name for row in shares for name in row)
    classes = _in_order(names, given=False) if known is None else known
    places = {name: place for place, name in enumerate(classes.tolist())}
    targets = np.zeros((len(shares), len(places)))
    for row, found in enumerate(shares):
        for name, share in found.items():
            if name not in places:
                raise ValueError(
                    f"y: row {row}: {name!r} is none of the classes {', '.join(map(str, places))}"
                )
            targets[row, places[name]] = share
    return Labels(form, classes, targets)


def _shares_of(place: int, row: Any) -> tuple[dict[Any, float], bool]:
    """The classes of a clip with their shares of 1, and whether shares were given."""
    if isinstance(row, Mapping):
        pairs = list(row.items())
    elif isinstance(row, (list, tuple)) and row and all(isinstance(one, (list, tuple)) for one in row):
        pairs = [tuple(one) for one in row]
    elif isinstance(row, (Set, list, tuple)):
        # In rectangular arrays of names "" stands for none.
        names = [name for name in row if name != ""]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"y: row {place}: found {row!r}, expected at least one class, each once")
        return {name: 1.0 / len(names) for name in names}, False
    else:
        raise ValueError(f"y: row {place}: found {row!r}, expected a set of classes, or classes with shares")
    found: dict[Any, float] = {}
    for pair in pairs:
        if len(pair) != 2 or pair[0] in found:
            raise ValueError(f"y: row {place}: found {row!r}, expected each class once, with its share")
        found[pair[0]] = _share(place, pair[1])
    total = sum(found.values())
    # Saliences in percent, or shares of 1.
    if not found or min(abs(total - 1.0), abs(total / 100.0 - 1.0)) > SLACK:
        raise ValueError(f"y: row {place}: the shares sum to {total:g}, expected 1, or 100 percent")
    return {name: share / total for name, share in found.items() if share > 0}, True


def _share(place: int, value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = float("nan")
    if not share >= 0 or share == float("inf"):
        raise ValueError(f"y: row {place}: found the share {value!r}, expected a number of 0 or more")
    return share


def _of_table(values: NDArray[Any], names: list[Any], known: NDArray[Any] | None) -> Labels:
    """Proportions whose columns have these names."""
    classes = _in_order(names, given=True) if known is None else known
    lacking = [name for name in classes.tolist() if name not in names]
    if lacking or len(classes) < len(names):
        raise ValueError(f"y: found the columns {names}, expected one for each of {classes.tolist()}")
    places = [names.index(name) for name in classes.tolist()]
    return Labels("proportions", classes, _proportions(values[:, places]))


def _of_matrix(values: NDArray[Any], known: NDArray[Any] | None) -> Labels:
    classes = np.arange(values.shape[1]) if known is None else known
    if len(classes) != values.shape[1]:
        raise ValueError(f"y: found {values.shape[1]} columns, expected one for each of {classes.tolist()}")
    return Labels("proportions", classes, _proportions(values))


def _proportions(values: NDArray[Any]) -> NDArray[np.float64]:
    """Rows that sum to 1. They are never made so: other rows are counts, flags, or codes that some tool made
    of proportions."""
    try:
        shares = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"y: found values of type {values.dtype}, expected proportions") from None
    bad = ~np.isfinite(shares) | (shares < 0) | (shares > 1 + SLACK)
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        raise ValueError(
            f"y: row {row}, column {column}: found {shares[row, column]:g}, expected a proportion from 0 to 1; "
            "divide counts by their sum first (cross_val_predict makes codes of proportions: pass labels, "
            "or use blendfuse.cross_validate)"
        )
    sums = shares.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SLACK)
    if len(off):
        raise ValueError(
            f"y: row {off[0]}: the proportions sum to {sums[off[0]]:g}, expected 1 (within 1e-3); divide "
            "counts and 0/1 flags by their sum, or pass sets of classes"
        )
    return shares
