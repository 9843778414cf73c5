"""OpenFace is a program: it writes tables, which `blendfuse openface` reads."""

from __future__ import annotations

from ..errors import MissingPackage
from ..registry import EncoderSpec
from .base import Encoder, LoadOptions


class OpenFace(Encoder):
    """Refuses with the commands that make the features."""

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        raise MissingPackage(
            {
                "openface2": "run OpenFace's `FeatureExtraction -f CLIP -out_dir processed -aus -gaze -pose -2Dfp`, then "
                "`blendfuse openface processed --out DATA/features/openface2.npz --groups challenge`",
                "openface3": "run the code of CMU-MultiComp-Lab/OpenFace-3.0 in an environment of its own, then "
                "`blendfuse openface processed --out DATA/features/openface3.npz`",
            }[spec.name]
        )
