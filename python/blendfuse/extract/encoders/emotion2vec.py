"""emotion2vec with FunASR, one clip at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import WRONG_WEIGHTS, ExtractError, need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest


class Emotion2vec(Encoder):
    """Frame features, 50 a second; FunASR normalises the waveform."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        package: Any = need("funasr", "funasr torchaudio")
        folder = options.weights.get(spec.name)
        if folder is None and options.offline:
            raise ExtractError(f"{spec.name}: --offline needs --weights {spec.name}=DIR")
        self.source = str(folder or spec.source)
        try:
            self._model = package.AutoModel(
                model=self.source,
                device=options.device,
                disable_update=True,
                disable_pbar=True,
                log_level="ERROR",
            )
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: {self.source} cannot be loaded by FunASR: {reason}") from error

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 400, 16000)
        sound = self._torch.from_numpy(samples)
        result = self._model.generate(sound, granularity="frame", extract_embedding=True)
        return [result[0]["feats"]]
