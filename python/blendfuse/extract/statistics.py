"""The seven statistics over time of `blendfuse aggregate`, to the last bit.

The command's kernel adds distances to the first frame, 128 frames at a time, in double precision; the
same operations in the same order give the same bits here, so that a feature file does not depend on
which of the two wrote it. A test compares both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Frames that the command's kernel adds up before it adds their sum to the total.
CHUNK = 128

NAMES = ("mean", "std", "p10", "p25", "p50", "p75", "p90")
PERCENTILES = (10.0, 25.0, 50.0, 75.0, 90.0)


def seven_statistics(frames: ArrayLike) -> NDArray[np.float32]:
    """Mean, population standard deviation and 10th, 25th, 50th, 75th and 90th percentile over time.

    `frames` is `[T, d]`, float16 or float32; the result is `[7 d]`, all means first, then all
    deviations, and so on.

    Raises:
        ValueError: if there are no frames or values, or one of them is NaN or infinite.
    """
    x = np.asarray(frames)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"frames have the shape {list(x.shape)}, expected [T, d] with T and d at least 1")
    if x.dtype not in (np.float16, np.float32):
        raise ValueError(f"frames are {x.dtype}, expected float32 or float16")
    if not np.isfinite(x).all():
        frame, feature = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"frame {frame}, feature {feature} is {x[frame, feature]}")
    mean, std = _moments(x)
    ordered = np.sort(x.astype(np.float32), axis=0).astype(np.float64)
    percentiles = [_percentile(ordered, q) for q in PERCENTILES]
    return np.concatenate([mean, std, *percentiles]).astype(np.float32)


def _moments(x: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = x[0].astype(np.float64)
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for start in range(0, len(x), CHUNK):
        distance = x[start : start + CHUNK].astype(np.float64) - first
        # A cumulative sum adds one frame after the other; np.sum adds a single column in pairs.
        total += np.cumsum(distance, axis=0)[-1]
        squares += np.cumsum(distance * distance, axis=0)[-1]
    shift = total / len(x)
    variance = np.maximum(squares / len(x) - shift * shift, 0.0)
    return first + shift, np.sqrt(variance)


def _percentile(ordered: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Linear interpolation from the nearer neighbour (Hyndman and Fan 1996, type 7)."""
    last = len(ordered) - 1
    at = last * (q / 100.0)
    rank = min(int(at), last)
    t = at - rank
    below, above = ordered[rank], ordered[min(rank + 1, last)]
    step = above - below
    between: NDArray[np.float64] = below + step * t if t < 0.5 else above - step * (1.0 - t)
    return between
