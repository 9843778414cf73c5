"""Faces in pictures, by MTCNN of facenet-pytorch, whose weights come with the package (MIT)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from .errors import need
from .media import Face, Picture

# Faces below this probability are not taken.
LEAST_PROBABILITY = 0.9
# Smallest face in pixels. The detector's own 20 takes four times as long.
SMALLEST_FACE = 40
# What a crop adds to the detector's box on each side, as part of its longer side.
MARGIN = 0.15
PACKAGE = "facenet-pytorch"
INSTALL = "--no-deps facenet-pytorch==2.6.0  (its pins of torch and numpy are old; it runs with new ones)"


class FaceFinder:
    """Looks for the largest face of a picture."""

    def __init__(self, device: str) -> None:
        self.kind = (
            f"MTCNN of facenet-pytorch {self.versions()[PACKAGE]}, from {SMALLEST_FACE} pixels and "
            f"probability {LEAST_PROBABILITY}"
        )
        detector = _package().MTCNN
        self._detector = detector(keep_all=True, min_face_size=SMALLEST_FACE, device=device)

    @staticmethod
    def versions() -> dict[str, str]:
        """The version of the package that finds the faces.

        Raises:
            MissingPackage: if it is not installed.
        """
        _package()
        return {PACKAGE: version(PACKAGE)}

    def find(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures of one clip, each with its largest face or with none."""
        if not pictures:
            return []
        batch = np.stack([picture.pixels for picture in pictures])
        boxes, probabilities, landmarks = self._detector.detect(batch, landmarks=True)
        found = zip(pictures, boxes, probabilities, landmarks)
        return [replace(picture, face=_largest(*faces)) for picture, *faces in found]


def _package() -> Any:
    need("torchvision", "torchvision")
    return need("facenet_pytorch", INSTALL)


def _largest(boxes: Any, probabilities: Any, landmarks: Any) -> Face | None:
    if boxes is None:
        return None
    faces = [
        Face(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float(p),
            np.asarray(points, np.float32),
        )
        for box, p, points in zip(boxes, probabilities, landmarks)
        if p >= LEAST_PROBABILITY
    ]
    return max(faces, key=_area, default=None)


def _area(face: Face) -> float:
    left, top, right, bottom = face.box
    return (right - left) * (bottom - top)


def crop(picture: Picture) -> Picture:
    """The square around a picture's face with a margin, as far as the picture goes.

    Raises:
        ValueError: if the picture has no face.
    """
    if picture.face is None:
        raise ValueError("the picture has no face")
    left, top, right, bottom = picture.face.box
    half = max(right - left, bottom - top) * (0.5 + MARGIN)
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = picture.pixels.shape[:2]
    rows = slice(max(0, round(y - half)), min(height, round(y + half)))
    columns = slice(max(0, round(x - half)), min(width, round(x + half)))
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[rows, columns]))
