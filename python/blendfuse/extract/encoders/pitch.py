"""Pitch: SwiftF0, and the embedding of CREPE's tiny model."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest
from .packaged import package_file, sha256


def create(spec: EncoderSpec, options: LoadOptions) -> Encoder:
    """The encoder of the package that the table names."""
    return {"swift-f0": SwiftF0, "torchcrepe": Crepe}[spec.source](spec, options)


class SwiftF0(Encoder):
    """Pitch in Hz, its confidence and the level in dB, every 16 ms."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self.weights_sha256 = sha256(package_file("swift_f0", "model.onnx", "swift-f0"))
        self._detector: Any = need("swift_f0", "swift-f0").SwiftF0(spin=False)

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 256, 16000)
        found = self._detector.detect(samples, 16000)
        return [np.stack([found.pitch_hz, found.confidence, found.loudness_db], axis=1).astype(np.float32)]


class Crepe(Encoder):
    """The 256 values before the classifier of CREPE tiny, every 10 ms."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self.weights_sha256 = sha256(package_file("torchcrepe", "assets/tiny.pth", "torchcrepe"))
        self._crepe: Any = need("torchcrepe", "torchcrepe torchaudio")

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 160, 16000)
        sound = self._torch.from_numpy(samples)[None]
        with self._torch.inference_mode():
            embedded = self._crepe.embed(
                sound, 16000, 160, model="tiny", device=self.options.device, batch_size=512
            )
        return [embedded.reshape(-1, 256).float().cpu().numpy()]
