"""Pictures: models of timm, their pooled features before the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..errors import WRONG_WEIGHTS, ExtractError, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions


class TimmImages(Encoder):
    """A model created without its classifier, with the transform of its own configuration."""

    window: ClassVar[int] = 1

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        timm: Any = need("timm", "timm")
        file = options.weights.get(spec.name)
        self.source = str(file or f"timm/{spec.source}")
        local = {"pretrained_cfg_overlay": {"file": str(file)}} if file else {}
        try:
            model = timm.create_model(spec.source, pretrained=True, num_classes=0, **local)
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: {self.source} cannot be loaded by timm: {reason}") from error
        self._model = model.float().eval().to(options.device)
        data = need("timm.data", "timm")
        self._transform = data.create_transform(**data.resolve_model_data_config(model), is_training=False)

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        pixels = self._torch.stack([self._transform(image) for image in self.options.pixels.images(batch)])
        with self._torch.inference_mode():
            return [self._model(pixels.to(self.options.device)).float().cpu().numpy()]
