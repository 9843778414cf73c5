"""openSMILE: functionals of a clip, or its low-level descriptors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest

# openSMILE's longest window; a shorter sound gives NaN.
SHORTEST = 960
# Samples of 1.0 and more wrap around inside openSMILE.
LARGEST = 32767 / 32768


class OpenSmile(Encoder):
    """A feature set of the package opensmile at 16 kHz, of sound in 16-bit steps as in a WAV file."""

    rate: ClassVar[int | None] = 16000

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        package: Any = need("opensmile", "opensmile")
        level = package.FeatureLevel
        self._smile = package.Smile(
            feature_set=package.FeatureSet[spec.model_class.rpartition(".")[2]],
            feature_level=level.Functionals if spec.per_clip else level.LowLevelDescriptors,
        )

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, SHORTEST, 16000)
        stepped = np.clip(np.round(samples * 32768) / 32768, -1.0, LARGEST).astype(np.float32)
        return [self._smile.process_signal(stepped, 16000).to_numpy(np.float32)]
