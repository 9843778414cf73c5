"""HuBERT by s3prl, as the challenge's script takes it."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import ExtractError, need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest


class S3prlSpeech(Encoder):
    """`last_hidden_state` of an upstream model of s3prl."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        hub: Any = need("s3prl.hub", "s3prl")
        try:
            self._model = getattr(hub, spec.source)().eval().to(options.device)
        except OSError as error:
            raise ExtractError(f"{spec.name}: s3prl cannot load {spec.source}: {error}") from error

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 400, 16000)
        with self._torch.inference_mode():
            out = self._model([self._torch.from_numpy(samples).to(self.options.device)])
        return [out["last_hidden_state"][0].float().cpu().numpy()]
