"""HuBERT by s3prl, as the challenge's script takes it."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import WRONG_WEIGHTS, ExtractError, need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest

INSTALL = "--no-deps s3prl==0.4.18 && pip install torchaudio filelock tqdm requests pandas"


class S3prlSpeech(Encoder):
    """`last_hidden_state` of an upstream model of s3prl."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        # Not s3prl.hub: that imports every model of s3prl, and some need what torchaudio no longer has.
        hub: Any = need("s3prl.upstream.hubert.hubconf", INSTALL)
        file = options.weights.get(spec.name)
        if file is None and options.offline:
            raise ExtractError(f"{spec.name}: --offline needs --weights {spec.name}=FILE.pt")
        self.source = str(file or spec.source)
        try:
            model = hub.hubert_custom(str(file)) if file else getattr(hub, spec.source)()
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: s3prl cannot load {self.source}: {reason}") from error
        self._model = model.eval().to(options.device)

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 400, 16000)
        with self._torch.inference_mode():
            out = self._model([self._torch.from_numpy(samples).to(self.options.device)])
        return [out["last_hidden_state"][0].float().cpu().numpy()]
