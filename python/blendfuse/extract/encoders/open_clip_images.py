"""Pictures: EVA and EVA02 in CLIP's space, with open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..errors import WRONG_WEIGHTS, ExtractError, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .pixels import images


class OpenClipImages(Encoder):
    """The projected image embedding. The table's source is `MODEL:WEIGHTS`."""

    window: ClassVar[int] = 1

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        package: Any = need("open_clip", "open-clip-torch")
        model_name, _, weights = spec.source.partition(":")
        file = options.weights.get(spec.name)
        self.source = str(file or spec.source)
        try:
            model, _, self._transform = package.create_model_and_transforms(
                model_name, pretrained=str(file or weights), device=options.device, precision="fp32"
            )
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(
                f"{spec.name}: {self.source} cannot be loaded by open_clip: {reason}"
            ) from error
        self._model = model.eval()
        self._settings = f"open_clip {package.get_model_preprocess_cfg(model)}"

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        pixels = self.options.pixels.prepared(batch, self._settings, self._prepare)
        with self._torch.inference_mode():
            out = self._model.encode_image(pixels.to(self.options.device))
        return [out.float().cpu().numpy()]

    def _prepare(self, pictures: Sequence[Picture]) -> Any:
        return self._torch.stack([self._transform(image) for image in images(pictures)])
