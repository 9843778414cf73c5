"""CLAP: windows of two seconds, one every second."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .hub import from_pretrained, load_model

RATE = 48000


class Clap(Encoder):
    """The audio embedding. A last window that is not whole is left out, unless it is the only one."""

    rate: ClassVar[int | None] = RATE

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self._model = load_model(self, spec.model_class)
        self._extractor = from_pretrained(self, need("transformers", "transformers").ClapFeatureExtractor)

    def encode_sound(self, samples: Samples) -> list[Frames]:
        starts = range(0, max(1, len(samples) - 2 * RATE + 1), RATE)
        return [np.concatenate([self._embed(samples[at : at + 2 * RATE]) for at in starts])]

    def _embed(self, window: Samples) -> Frames:
        inputs = self._extractor(window, sampling_rate=RATE, return_tensors="pt").to(self.options.device)
        with self._torch.inference_mode():
            out = self._model.get_audio_features(**inputs)
        frames: Frames = getattr(out, "pooler_output", out).float().cpu().numpy()
        return frames
