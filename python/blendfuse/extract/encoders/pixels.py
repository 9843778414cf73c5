"""Pictures for models: PIL images, and what models take that prepare them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import need
from ..media import Picture


def images(pictures: Sequence[Picture]) -> list[Any]:
    """PIL images of pictures."""
    pil = need("PIL.Image", "pillow")
    return [pil.fromarray(picture.pixels) for picture in pictures]


class SharedPixels:
    """What was made of the last batch, for the other encoders of a request: they get the same pictures one
    after the other, and resizing a large picture takes longer than decoding it."""

    def __init__(self) -> None:
        self._batch: list[Picture] = []
        self._made: dict[str, Any] = {}

    def prepared(
        self,
        batch: Sequence[Sequence[Picture]],
        settings: str,
        prepare: Callable[[list[Picture]], Any],
    ) -> Any:
        """What `prepare` makes of windows of one picture, once for all encoders of the same `settings`: the name
        of what it makes, and all that this depends on."""
        pictures = [picture for (picture,) in batch]
        if len(pictures) != len(self._batch) or any(
            one is not other for one, other in zip(pictures, self._batch)
        ):
            self._batch, self._made = pictures, {}
        if settings not in self._made:
            self._made[settings] = prepare(pictures)
        return self._made[settings]

    def images(self, batch: Sequence[Sequence[Picture]]) -> list[Any]:
        """PIL images of windows of one picture."""
        found: list[Any] = self.prepared(batch, "images", images)
        return found

    def tensors(self, batch: Sequence[Sequence[Picture]]) -> list[Any]:
        """Tensors `[3, H, W]` of bytes of windows of one picture."""
        found: list[Any] = self.prepared(batch, "tensors", tensors)
        return found


def tensors(pictures: Sequence[Picture]) -> list[Any]:
    """Tensors `[3, H, W]` of the bytes of pictures."""
    torch = need("torch", "torch")
    # torch warns of arrays that cannot be written to, such as those of pictures that were turned.
    writable = (np.require(picture.pixels, requirements="W") for picture in pictures)
    return [torch.from_numpy(pixels).permute(2, 0, 1).contiguous() for pixels in writable]
