"""Video Swin with torchvision: windows of 32 pictures at 15 a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import WRONG_WEIGHTS, ExtractError, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .weight_files import load_weights


class VideoSwin(Encoder):
    """The pooled features before the classifier, one row each 16 pictures."""

    window: ClassVar[int] = 32
    stride: ClassVar[int] = 16
    # The rate at which its weights were evaluated.
    per_second: ClassVar[float | None] = 15.0

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        video: Any = need("torchvision.models.video", "torchvision")
        weights = video.Swin3D_B_Weights[spec.source]
        self._transform = weights.transforms()
        folder = options.weights.get(spec.name)
        if folder is None and options.offline:
            raise ExtractError(f"{spec.name}: --offline needs --weights {spec.name}=FILE.pth")
        try:
            model = video.swin3d_b(weights=None if folder else weights)
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: its weights cannot be loaded: {reason}") from error
        if folder:
            load_weights(self, model, folder)
        model.head = self._torch.nn.Identity()
        self._model = model.eval().to(options.device)

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        windows = [np.stack([picture.pixels for picture in window]) for window in batch]
        inputs = [self._transform(self._torch.from_numpy(window).permute(0, 3, 1, 2)) for window in windows]
        with self._torch.inference_mode():
            return [self._model(self._torch.stack(inputs).to(self.options.device)).float().cpu().numpy()]
