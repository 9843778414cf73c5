"""InternVL: the last hidden state of the last token of a prompt with a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .hub import from_pretrained, load_model
from .pixels import images

PROMPT = "Which emotions does this person show, and how strongly?"


class InternVl(Encoder):
    """One row a picture, one tile a picture."""

    window: ClassVar[int] = 1
    per_second: ClassVar[float | None] = 1.0

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self._model = load_model(self, spec.model_class, dtype=self._torch.bfloat16)
        self._processor = from_pretrained(self, need("transformers", "transformers").AutoProcessor)

    def largest_batch(self) -> int:
        return 1

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        return [np.stack([self._embed(image) for window in batch for image in images(window)])]

    def _embed(self, image: Any) -> Frames:
        content = [{"type": "image", "image": image}, {"type": "text", "text": PROMPT}]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            # The processor class would cut the picture into up to 13 tiles, whatever its file says.
            crop_to_patches=False,
        ).to(self.options.device, self._torch.bfloat16)
        with self._torch.inference_mode():
            out = self._model(**inputs, output_hidden_states=True)
        state: Frames = out.hidden_states[-1][0, -1].float().cpu().numpy()
        return state
