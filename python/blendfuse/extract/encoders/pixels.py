"""Pictures for models that take PIL images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import need
from ..media import Picture


def images(pictures: Sequence[Picture]) -> list[Any]:
    """PIL images of pictures."""
    pil = need("PIL.Image", "pillow")
    return [pil.fromarray(picture.pixels) for picture in pictures]


def firsts(batch: Sequence[Sequence[Picture]]) -> list[Any]:
    """PIL images of windows of one picture."""
    return images([picture for (picture,) in batch])
