"""Proportions that know their classes, without pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class Proportions(np.ndarray[Any, np.dtype[np.float64]]):
    """Proportions (N, C) with the classes of the columns: labels for `fit` and `score`, as a data frame is.

    An array like any other otherwise; rows of it keep the classes.

    Parameters
    ----------
    values : array-like of shape (N, C)
        Soft labels, each row of which sums to 1.
    classes : sequence of str of length C
        The class of each column.

    Attributes
    ----------
    classes : tuple of str
        The class of each column; empty for what is no longer a table of them.

    Raises
    ------
    ValueError
        For other numbers of classes than columns.
    """

    classes: tuple[str, ...]

    def __new__(cls, values: ArrayLike, classes: Sequence[str]) -> Proportions:
        table = np.asarray(values, np.float64).view(cls)
        if table.ndim != 2 or table.shape[1] != len(classes):
            raise ValueError(
                f"classes: found {len(classes)} for proportions of shape {table.shape}, expected one for each column"
            )
        table.classes = tuple(classes)
        return table

    def __array_finalize__(self, origin: Any) -> None:
        classes = getattr(origin, "classes", ())
        self.classes = classes if self.ndim == 2 and self.shape[1] == len(classes) else ()

    def __reduce__(self) -> Any:
        parts: Any = super().__reduce__()
        make, arguments, state = parts
        return make, arguments, (state, self.classes)

    def __setstate__(self, state: Any) -> None:
        array, self.classes = state
        super().__setstate__(array)
