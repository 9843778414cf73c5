"""Silero VAD: the probability of speech, 31.25 times a second."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest
from .packaged import package_file, sha256

STEP = 512


class Silero(Encoder):
    """The TorchScript model of the package silero-vad, with its state reset for every clip."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self.weights_sha256 = sha256(package_file("silero_vad", "data/silero_vad.jit", "silero-vad"))
        package: Any = need("silero_vad", "silero-vad")
        self._model = package.load_silero_vad()

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, STEP, 16000)
        whole = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
        self._model.reset_states()
        with self._torch.inference_mode():
            rows = [float(self._model(self._torch.from_numpy(row), 16000)) for row in whole]
        return [np.array(rows, np.float32)[:, None]]
