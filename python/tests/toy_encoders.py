"""Encoders without a model, for tests of everything around the models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from blendfuse.extract.encoders import Encoder, LoadOptions
from blendfuse.extract.encoders.base import Frames
from blendfuse.extract.media import Picture, Samples
from blendfuse.extract.registry import find


class ToySound(Encoder):
    """Frames of 100 samples: mean, smallest and largest."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, name: str = "toy_sound", source: str = "toy", delay: float = 0.0) -> None:
        spec = find("silero_vad")
        assert spec is not None
        super().__init__(replace(spec, name=name, source=source, packages=()), LoadOptions())
        self.delay = delay
        self.calls = 0

    def encode_sound(self, samples: Samples) -> list[Frames]:
        time.sleep(self.delay)
        self.calls += 1
        whole = samples[: len(samples) // 100 * 100].reshape(-1, 100)
        return [np.stack([whole.mean(1), whole.min(1), whole.max(1)], axis=1)]


class ToyPictures(Encoder):
    """The mean colour of each picture, or of each window of pictures."""

    def __init__(self, name: str = "toy_pictures", window: int = 1, stride: int = 1) -> None:
        spec = find("clip")
        assert spec is not None
        super().__init__(replace(spec, name=name, packages=()), LoadOptions())
        self.window, self.stride = window, stride  # type: ignore[misc]
        self.sizes: list[int] = []
        self.limit = 1000
        self.refused = 0

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        if len(batch) > self.limit:
            self.refused += 1
            raise RuntimeError("CUDA out of memory")
        self.sizes.append(len(batch))
        rows = [np.mean([picture.pixels.mean((0, 1)) for picture in window], axis=0) for window in batch]
        return [np.array(rows, np.float32)]
