"""Faces that were found, kept on disk, so that another encoder or a later run does not look for them again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from .._files import whole_file
from .media import Face, Picture
from .store import ClipFile, file_name

# What a picture without a face has in place of a box.
NO_BOX = (np.nan,) * 4


class Finder(Protocol):
    """What looks for faces. `kind` names it with all that its result depends on."""

    kind: str

    def find(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures of one clip, each with its largest face or with none."""


class SavedFaces:
    """A finder whose results are kept in `folder`, one file a clip, by the number of the picture.

    Between `begin` and `end` of a clip, `find` takes its pictures.
    """

    def __init__(self, finder: Finder, folder: Path) -> None:
        self._finder, self._folder = finder, folder
        self._known: dict[int, Face | None] = {}
        self._added = False

    def begin(self, clip: ClipFile) -> None:
        """Reads what is known of a clip, unless the clip or the finder is another one now."""
        self._known, self._added = {}, False
        try:
            with np.load(self._path(clip), allow_pickle=False) as arrays:
                if json.loads(str(arrays["told"])) == self._told(clip):
                    columns = (arrays[key] for key in ("numbers", "boxes", "probabilities", "landmarks"))
                    self._known = {int(number): _face(*found) for number, *found in zip(*columns)}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            # None yet, or damaged: the faces are looked for again.
            return

    def find(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures, each with its largest face or with none."""
        new = [picture for picture in pictures if picture.number not in self._known]
        for picture in self._finder.find(new) if new else []:
            self._known[picture.number] = picture.face
            self._added = True
        return [replace(picture, face=self._known[picture.number]) for picture in pictures]

    def end(self, clip: ClipFile) -> None:
        """Writes what is known of a clip, if there is more than before."""
        if not self._added:
            return
        faces = list(self._known.values())
        self._folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self._path(clip), overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                told=np.array(json.dumps(self._told(clip))),
                numbers=np.array(list(self._known), np.int64),
                boxes=np.array([face.box if face else NO_BOX for face in faces], np.float64),
                probabilities=np.array([face.probability if face else 0.0 for face in faces], np.float64),
                landmarks=np.array(
                    [face.landmarks if face else np.zeros((5, 2)) for face in faces], np.float32
                ),
            )

    def _told(self, clip: ClipFile) -> dict[str, object]:
        return {"bytes": clip.size, "finder": self._finder.kind}

    def _path(self, clip: ClipFile) -> Path:
        return self._folder / file_name(clip.key)


def _face(box: np.ndarray, probability: float, landmarks: np.ndarray) -> Face | None:
    if np.isnan(box).any():
        return None
    left, top, right, bottom = (float(side) for side in box)
    return Face((left, top, right, bottom), float(probability), landmarks)
