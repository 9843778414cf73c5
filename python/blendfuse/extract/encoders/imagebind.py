"""ImageBind: the joint embedding of pictures. Only the model of its package is imported; its loader of
media needs modules that no longer exist."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

from ..errors import WRONG_WEIGHTS, ExtractError, MissingPackage, need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .weight_files import load_weights

INSTALL = "--no-deps imagebind-unofficial && pip install timm ftfy regex iopath"
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def _models() -> Any:
    """The module of the models, without running that of the package, which imports its loader of media."""
    if "imagebind" not in sys.modules:
        found = find_spec("imagebind")
        if found is None or not found.submodule_search_locations:
            raise MissingPackage(f"imagebind is not installed: pip install {INSTALL}")
        package = ModuleType("imagebind")
        package.__path__ = list(found.submodule_search_locations)
        sys.modules["imagebind"] = package
    return need("imagebind.models.imagebind_model", INSTALL)


class ImageBind(Encoder):
    """One vector of norm 1 a picture: shorter side 224, centre crop, the mean and deviation of CLIP."""

    window: ClassVar[int] = 1

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        models = _models()
        folder = options.weights.get(spec.name)
        if folder is None and options.offline:
            raise ExtractError(f"{spec.name}: --offline needs --weights {spec.name}=imagebind_huge.pth")
        self.source = str(folder or spec.source)
        try:
            model = models.imagebind_huge(pretrained=folder is None)
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: its weights cannot be loaded: {reason}") from error
        if folder:
            load_weights(self, model, folder)
        self._vision = models.ModalityType.VISION
        self._model = model.eval().to(options.device)
        transforms: Any = need("torchvision.transforms", "torchvision")
        bicubic = transforms.InterpolationMode.BICUBIC
        self._transform = transforms.Compose(
            [
                transforms.Resize(224, interpolation=bicubic),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(mean=MEAN, std=DEVIATION),
            ]
        )

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        pixels = self._torch.stack([self._transform(image) for image in self.options.pixels.images(batch)])
        with self._torch.inference_mode():
            out = self._model({self._vision: pixels.to(self.options.device)})
        return [out[self._vision].float().cpu().numpy()]
