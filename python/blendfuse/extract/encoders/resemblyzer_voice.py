"""Resemblyzer: vectors of the voice, from windows of 1.6 s."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest
from .packaged import package_file, sha256

INSTALL = "--no-deps Resemblyzer==0.1.4 && pip install webrtcvad-wheels librosa torch"
# Windows per second: one every 0.06 s.
RATE = 16
SHORTEST = 960


class Resemblyzer(Encoder):
    """The partial embeddings of `VoiceEncoder`, of sound raised to its usual level, not trimmed.

    Its own `preprocess_wav` cuts pauses out; here the rows keep to the time of the clip.
    """

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._package: Any = need("resemblyzer", INSTALL)
        self.weights_sha256 = sha256(package_file("resemblyzer", "pretrained.pt", INSTALL))
        self._model = self._package.VoiceEncoder(options.device, verbose=False)

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, SHORTEST, 16000)
        loud = self._package.normalize_volume(samples, -30, increase_only=True)
        _, partials, _ = self._model.embed_utterance(loud, return_partials=True, rate=RATE)
        return [partials]
