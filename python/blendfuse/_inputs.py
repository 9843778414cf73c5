"""Features in the forms that people have them, as one array for each encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The encoder of an array that is not divided.
WHOLE = "features"

FLOATS = (np.dtype("float16"), np.dtype("float32"), np.dtype("float64"))


class FeatureSet(Mapping[str, NDArray[Any]]):
    """The features of the same clips from several encoders, which can be indexed by rows too.

    A mapping of encoder names to arrays (N, D_m); a row of NaN where the encoder lacks the clip. With rows
    (an integer, a slice, indices or a mask) in brackets it gives the same encoders for these clips, so that
    scikit-learn's cross-validation can divide it; nothing is copied until then.

    Parameters
    ----------
    features : mapping of str to array of shape (N, D_m)
        NumPy arrays or what converts to them; float16, float32 or float64 are kept, other numbers become
        float32. Masked rows become NaN.

    Raises
    ------
    ValueError
        For arrays that are not two-dimensional or have different numbers of rows, naming the encoder.
    TypeError
        For something else than numbers.
    """

    def __init__(self, features: Mapping[str, Any]) -> None:
        self._arrays = {str(name): numbers_of(str(name), values) for name, values in features.items()}
        if not self._arrays:
            raise ValueError("X: found no encoder, expected at least one")
        first, *others = self._arrays
        for name in others:
            if len(self._arrays[name]) != len(self._arrays[first]):
                raise ValueError(
                    f"X: encoder {name!r} has {len(self._arrays[name])} rows, but {first!r} has "
                    f"{len(self._arrays[first])}; expected one row for each clip"
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Clips N, and columns of all encoders together."""
        arrays = list(self._arrays.values())
        return len(arrays[0]), sum(array.shape[1] for array in arrays)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._arrays[key]
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]
        rows: Any = [key] if isinstance(key, (int, np.integer)) else key
        return FeatureSet({name: array[rows] for name, array in self._arrays.items()})

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        """The number of encoders, as of every mapping of them; `shape[0]` is that of clips."""
        return len(self._arrays)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}: {array.shape[1]}" for name, array in self._arrays.items())
        return f"FeatureSet({self.shape[0]} clips; columns {parts})"


def numbers_of(name: str, values: Any) -> NDArray[Any]:
    """An array (N, D) of an encoder, whose masked rows are NaN."""
    if type(values) is np.ndarray and values.ndim == 2 and values.dtype in FLOATS:
        return values
    what = f"X: encoder {name!r}"
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    if hasattr(values, "toarray"):
        raise TypeError(f"{what}: found a sparse matrix, expected a dense array: use .toarray()")
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(np.float32) if array.dtype == object else _refuse(what, array)
        except (TypeError, ValueError):
            array = _refuse(what, array)
    elif array.dtype not in FLOATS:
        array = array.astype(np.float32)
    if array.ndim != 2:
        reshape = "; for one column use .reshape(-1, 1), for one clip .reshape(1, -1)"
        raise ValueError(
            f"{what}: found shape {array.shape}, expected two axes [clips, features]"
            + (reshape if array.ndim == 1 else "; for windows or frames of each clip use blendfuse aggregate")
        )
    if mask is not None and mask.any():
        whole, part = mask.all(axis=1), mask.any(axis=1)
        if (whole != part).any():
            row = int(np.flatnonzero(whole != part)[0])
            raise ValueError(
                f"{what}: row {row} is masked in part; mask the row where the encoder is missing"
            )
        array = array.copy()
        array[whole] = np.nan
    return array


def _refuse(what: str, array: NDArray[Any]) -> NDArray[Any]:
    raise TypeError(f"{what}: found values of type {array.dtype}, expected real numbers")


@dataclass(frozen=True)
class Blocks:
    """How an array or a data frame with one level of columns is divided."""

    columns: Mapping[str, Any]
    """The columns of each encoder: a slice, places or names."""
    names: Sequence[str] | None
    """Names of the array's columns, if it has any."""
    width: int
    """Columns of the array."""

    def places(self, encoder: str) -> slice | list[int]:
        """Where the columns of an encoder are."""
        wanted = self.columns[encoder]
        if isinstance(wanted, slice):
            if len(range(*wanted.indices(self.width))) == 0:
                raise ValueError(f"encoders: {encoder!r}: {wanted} is none of the {self.width} columns")
            return wanted
        if isinstance(wanted, (str, int, np.integer)):
            wanted = [wanted]
        return [self._place(encoder, one) for one in wanted]

    def _place(self, encoder: str, wanted: Any) -> int:
        if isinstance(wanted, str):
            if self.names is None or wanted not in self.names:
                there = "the columns have no names" if self.names is None else "there is no such column"
                raise ValueError(f"encoders: {encoder!r}: {wanted!r}: {there}")
            return list(self.names).index(wanted)
        if not 0 <= int(wanted) < self.width:
            raise ValueError(f"encoders: {encoder!r}: found column {wanted}, expected 0 to {self.width - 1}")
        return int(wanted)

    def divide(self, array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The columns of each encoder."""
        return {name: array[:, self.places(name)] for name in self.columns}


def is_divided(x: Any) -> bool:
    """Whether features are given by encoder: a mapping, or a data frame with two levels of columns."""
    # Some sparse matrices are mappings too.
    by_name = isinstance(x, Mapping) and not hasattr(x, "toarray")
    return by_name or getattr(getattr(x, "columns", None), "nlevels", 1) == 2


def by_encoder(x: Any) -> FeatureSet:
    """Features that are given by encoder."""
    if isinstance(x, FeatureSet):
        return x
    if isinstance(x, Mapping):
        return FeatureSet(x)
    names = list(dict.fromkeys(x.columns.get_level_values(0)))
    return FeatureSet({str(name): x[name] for name in names})
