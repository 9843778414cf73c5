"""HiCMAE: faces and sound together, with the model code of a clone of its repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import NothingToEncode, need
from ..face_finder import crop
from ..media import Picture, Samples, Sound
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .clone import module_of_clone
from .pixels import images
from .weight_files import file_of_weights, load_weights

SIZE, RATE = 160, 16000
# Log-mel frames of a window of sound, each 10 ms, and the mean and deviation that it was trained with.
MELS, STEPS, MEL_MEAN, MEL_DEVIATION = 128, 256, -4.2677393, 4.5689974
# Samples, filled up with zeros: where a clip's sound has ended, there is less.
SHORTEST = RATE // 10
# What its pretraining has not, with the values that its own fine-tuning begins with: ones, zeros, equal weights.
BEGUN_ANEW = ("fc_norm.", "video_layer_weights", "audio_layer_weights")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of the base model; the depth is that of its pretraining.
SETTINGS = {
    "num_classes": 0,
    "all_frames": 16,
    "tubelet_size": 2,
    "init_scale": 0.1,
    "depth": 10,
    "depth_audio": 10,
    "fusion_depth": 2,
    "attn_type": "joint",
    "use_mean_pooling": True,
}


class Hicmae(Encoder):
    """The pooled features of windows of 16 faces, every fourth picture, and the sound beside them.

    Its authors align faces with OpenFace; here they are MTCNN's boxes with a margin.
    """

    rate: ClassVar[int | None] = RATE
    window: ClassVar[int] = 16
    stride: ClassVar[int] = 16
    every: ClassVar[int] = 4
    finds_faces: ClassVar[bool] = True

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self._kaldi: Any = need("torchaudio.compliance.kaldi", "torchaudio")
        module = module_of_clone(spec, options)
        self._model = getattr(module, spec.model_class)(**SETTINGS)
        load_weights(self, self._model, file_of_weights(self), may_lack=BEGUN_ANEW)

    def encode_windows(self, batch: Sequence[Sequence[Picture]], sound: Sound | None) -> list[Frames]:
        if sound is None:
            raise NothingToEncode("has no sound")
        samples = sound.beside_pictures()
        faces = self._torch.stack([self._faces(window) for window in batch])
        heard = self._torch.stack([self._mels(samples, window) for window in batch])
        with self._torch.inference_mode():
            out = self._model(faces.to(self.options.device), heard.to(self.options.device))
        return [out.float().cpu().numpy()]

    def _faces(self, window: Sequence[Picture]) -> Any:
        """`[3, 16, 160, 160]`."""
        squares = [image.resize((SIZE, SIZE), 2) for image in images([crop(picture) for picture in window])]
        pixels = np.stack([np.asarray(square, np.float32) for square in squares]) / 255
        normal = (pixels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        return self._torch.from_numpy(np.ascontiguousarray(normal.transpose(3, 0, 1, 2)))

    def _mels(self, samples: Samples, window: Sequence[Picture]) -> Any:
        """`[1, 256, 128]`: the sound beside the window, as in its pretraining."""
        begin, end = sound_of(window)
        piece = samples[round(begin * RATE) : None if end is None else round(end * RATE)]
        piece = np.pad(piece, (0, max(0, SHORTEST - len(piece))))
        sound = self._torch.from_numpy(piece - piece.mean())[None]
        mels = self._kaldi.fbank(
            sound, htk_compat=True, sample_frequency=RATE, use_energy=False, window_type="hanning",
            num_mel_bins=MELS, dither=0.0, frame_shift=10,
        )  # fmt: skip
        mels = self._torch.nn.functional.pad(mels[:STEPS], (0, 0, 0, max(0, STEPS - len(mels))))
        return ((mels - MEL_MEAN) / (2 * MEL_DEVIATION))[None]


def sound_of(window: Sequence[Picture]) -> tuple[float, float | None]:
    """When the sound of a window begins and ends, in seconds: with its first picture, and with the end of the
    one that the next window would begin with. None: with the clip, since the clip fills no window."""
    first, last = window[0], window[-1]
    if last.time == window[-2].time:
        return first.time, None
    seconds = last.time - first.time
    step, picture = seconds / (len(window) - 1), seconds / (last.number - first.number)
    return first.time, last.time + step + picture
