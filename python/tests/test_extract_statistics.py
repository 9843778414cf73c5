"""The seven statistics are those of `blendfuse aggregate`, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract.statistics import NAMES, seven_statistics
from conftest import Run
from numpy.typing import NDArray


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("shape", [(1, 5), (2, 1), (7, 17), (127, 3), (128, 1), (129, 16), (1000, 40)])
def test_they_are_the_bytes_of_the_command(
    run: Run, tmp_path: Path, shape: tuple[int, int], dtype: type
) -> None:
    random = np.random.default_rng(shape[0])
    frames: NDArray[np.floating] = (
        random.normal(size=shape) * 10 ** random.uniform(-3, 3, shape[1]) + 5
    ).astype(dtype)
    frames[:, 0] = 2.5
    folder = tmp_path / "frames"
    folder.mkdir()
    np.save(folder / "clip.npy", frames)
    run("aggregate", folder, "--out", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["X"][0].tobytes() == seven_statistics(frames).tobytes()


def test_they_agree_with_numpy() -> None:
    frames = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    wide = frames.astype(np.float64)
    expected = np.concatenate([wide.mean(0), wide.std(0), *np.percentile(wide, [10, 25, 50, 75, 90], axis=0)])
    np.testing.assert_allclose(seven_statistics(frames), expected, rtol=1e-6, atol=1e-7)
    assert len(NAMES) * 4 == len(expected)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (np.zeros((0, 3), np.float32), r"\[0, 3\]"),
        (np.zeros(3, np.float32), r"\[3\]"),
        (np.zeros((2, 2)), "float64"),
        (np.array([[0, 1], [0, np.nan]], np.float32), "frame 1, feature 1 is nan"),
        (np.array([[np.inf, 1]], np.float32), "frame 0, feature 0 is inf"),
    ],
)
def test_what_has_no_statistics_is_refused(frames: NDArray[np.floating], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        seven_statistics(frames)
