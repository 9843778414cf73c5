"""VideoMAE v2, whose code comes with its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import MissingPackage, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .clone import module_of_clone
from .hub import from_pretrained, record_source
from .pixels import images
from .weight_files import file_of_weights, load_weights


def create(spec: EncoderSpec, options: LoadOptions) -> Encoder:
    """The encoder by where its code is: with its checkpoint, or in a clone."""
    return (VideoMaeOfClone if spec.code else VideoMae)(spec, options)


class VideoMae(Encoder):
    """The mean of the tokens of windows of 16 pictures; pictures after the last whole window are left
    out, and a clip shorter than a window repeats its last picture."""

    window: ClassVar[int] = 16
    stride: ClassVar[int] = 16

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        package: Any = need("transformers", "'transformers<5'")
        if int(package.__version__.split(".")[0]) >= 5:
            raise MissingPackage(
                f"the code of its checkpoint gives errors or wrong features on transformers {package.__version__}: "
                "pip install 'transformers<5' in an environment of its own"
            )
        trust = {"trust_remote_code": True}
        config = from_pretrained(self, package.AutoConfig, **trust)
        model = from_pretrained(
            self, package.AutoModel, config=config, torch_dtype=self._torch.float32, **trust
        )
        record_source(self, model)
        self._model = model.eval().to(options.device)
        self._processor = from_pretrained(self, package.VideoMAEImageProcessor)

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        inputs = [self._processor(images(window), return_tensors="pt")["pixel_values"] for window in batch]
        pixels = self._torch.cat(inputs).permute(0, 2, 1, 3, 4)
        with self._torch.inference_mode():
            out = self._model(pixels.to(self.options.device))
        return [(out if out.ndim == 2 else out.mean(1)).float().cpu().numpy()]


class VideoMaeOfClone(Encoder):
    """The challenge's features: the model fine-tuned on K710, with pixels blue first, squashed to a square,
    without mean and deviation."""

    window: ClassVar[int] = 16
    stride: ClassVar[int] = 16

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        create_model = getattr(module_of_clone(spec, options), spec.model_class)
        self._model = create_model(num_classes=710, all_frames=16, tubelet_size=2, use_mean_pooling=True)
        load_weights(self, self._model, file_of_weights(self))

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        pixels = self._torch.stack([self._pixels(window) for window in batch])
        with self._torch.inference_mode():
            out = self._model.forward_features(pixels.to(self.options.device))
        return [out.float().cpu().numpy()]

    def _pixels(self, window: Sequence[Picture]) -> Any:
        """`[3, 16, 224, 224]`."""
        blue_first = np.stack([picture.pixels[:, :, ::-1] for picture in window]).astype(np.float32) / 255
        frames = self._torch.from_numpy(blue_first).permute(0, 3, 1, 2)
        squares = self._torch.nn.functional.interpolate(frames, size=(224, 224), mode="bilinear")
        return squares.permute(1, 0, 2, 3)
