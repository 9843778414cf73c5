"""Rows of a feature file in the order of clips."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._files import clip_key


def read_features(
    file: str | PathLike[str], clips: Iterable[str]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Features of `clips`, in their order, from an encoder's `NAME.npz` (`X` `[N, D]`, `filenames` `[N]`).

    Returns `(x, present)`: `x` is (clips, D), with zeros where the encoder lacks a clip, and `present`
    says which clips it has. Clips are matched with and without a media extension, as the program does.

    Raises:
        FileNotFoundError: if no such file.
        ValueError: if an array is missing, has another shape, or names a clip twice.
    """
    path = Path(file)
    with np.load(path, allow_pickle=False) as arrays:
        lacking = [name for name in ("X", "filenames") if name not in arrays]
        if lacking:
            found = ", ".join(arrays) or "none"
            raise ValueError(f"{path}: found the arrays {found}, expected X and filenames")
        try:
            features, names = arrays["X"], arrays["filenames"]
        except ValueError as error:
            raise ValueError(f"{path}: {error}; save names with np.array(names, dtype=str)") from error
    if features.ndim != 2 or names.shape != features.shape[:1]:
        raise ValueError(
            f"{path}: found X {list(features.shape)} and filenames {list(names.shape)}, expected [N, D] and [N]"
        )
    row_of: dict[str, int] = {}
    for row, name in enumerate(names.tolist()):
        key = clip_key(name.decode() if isinstance(name, bytes) else str(name))
        if row_of.setdefault(key, row) != row:
            raise ValueError(f"{path}: filenames: {key!r} is listed twice, in rows {row_of[key]} and {row}")
    rows = np.array([row_of.get(clip_key(clip), -1) for clip in clips], dtype=np.intp)
    present = rows >= 0
    x = np.zeros((len(rows), features.shape[1]), np.float32)
    x[present] = features[rows[present]]
    return x, present
