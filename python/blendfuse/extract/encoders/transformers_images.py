"""Pictures: CLIP, DINOv2, DINOv3 and SigLIP2, with transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..errors import need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .hub import check_layers, from_pretrained, load_model


class TransformersImages(Encoder):
    """The projected embedding of CLIP and SigLIP2, the class token of DINO; or hidden layers' class
    tokens (SigLIP has none: the mean of its tokens)."""

    window: ClassVar[int] = 1
    has_layers: ClassVar[bool] = True

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self._model = load_model(self, spec.model_class)
        self._processor = from_pretrained(self, need("transformers", "transformers").AutoImageProcessor)
        self._settings = f"{type(self._processor).__name__} {self._processor.to_json_string()}"
        config = getattr(self._model.config, "vision_config", self._model.config)
        check_layers(self, config.num_hidden_layers, normalised=spec.model_class == "DINOv3ViTModel")

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        pixels = self.options.pixels
        inputs = pixels.prepared(
            batch,
            self._settings,
            lambda _: self._processor(images=pixels.tensors(batch), return_tensors="pt"),
        ).to(self.options.device)
        with self._torch.inference_mode():
            states = self._layers(inputs) if self.options.layers else [self._last(inputs)]
        return [state.float().cpu().numpy() for state in states]

    def _last(self, inputs: Any) -> Any:
        if hasattr(self._model, "get_image_features"):
            out = self._model.get_image_features(**inputs)
            # transformers 5 wraps the embedding.
            return getattr(out, "pooler_output", out)
        return self._model(**inputs).last_hidden_state[:, 0]

    def _layers(self, inputs: Any) -> list[Any]:
        model = getattr(self._model, "vision_model", self._model)
        states = model(**inputs, output_hidden_states=True).hidden_states
        chosen = [states[layer] for layer in self.options.layers]
        if "Siglip" in self.spec.model_class:
            return [state.mean(1) for state in chosen]
        return [state[:, 0] for state in chosen]
