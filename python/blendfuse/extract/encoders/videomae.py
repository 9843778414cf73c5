"""VideoMAE v2, whose code comes with its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..errors import ExtractError, MissingPackage, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .hub import from_pretrained, record_source
from .pixels import images


class VideoMae(Encoder):
    """The mean of the tokens of windows of 16 pictures; pictures after the last whole window are left
    out, and a clip shorter than a window repeats its last picture."""

    window: ClassVar[int] = 16
    stride: ClassVar[int] = 16

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        if spec.where == "code":
            raise ExtractError(
                f"{spec.name}: the checkpoint of the challenge runs only in a clone of OpenGVLab/VideoMAEv2; "
                "use videomaev2, or extract with that clone and `blendfuse aggregate`"
            )
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
