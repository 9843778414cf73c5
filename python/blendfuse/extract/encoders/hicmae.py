"""HiCMAE, whose code is a repository of its own."""

from __future__ import annotations

from ..errors import MissingPackage
from ..registry import EncoderSpec
from .base import Encoder, LoadOptions


class Hicmae(Encoder):
    """Refuses with what makes the features."""

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        raise MissingPackage(
            "run `feature_extractor.py` of the repository TS1349/HiCMA_BlEmoRe in an environment of its own, then "
            "`blendfuse aggregate` on its [2, 512] arrays"
        )
