"""How a feature file was made: a JSON object in its array `provenance`."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ExtractError

if TYPE_CHECKING:
    from .store import ClipFile

# The key of files that `blendfuse openface` and `blendfuse vectors` made from the output of other programs.
PROGRAM = "program"
# Fields that may differ between rows of one file: they say where and for which clips, not how.
INCIDENTAL = frozenset(["device", "clips", "clips_sha256", "missing"])
# Fields that say with which libraries: other versions may give other digits, but compute the same thing.
LIBRARIES = frozenset(["versions", "decoder"])


class NotFromClips(ExtractError):
    """Features that another command than `extract` made."""


@dataclass(frozen=True)
class Provenance:
    """Everything that a row depends on besides the clip, and what the file covers.

    Two files of one encoder fit together if they agree in all but `INCIDENTAL`.
    """

    encoder: str
    model_class: str
    source: str
    revision: str | None
    weights_sha256: str | None
    layer: str | None
    window: str | None
    sample_rate: int | None
    frames_per_second: float | None
    crop: str
    statistics: list[str]
    dtype: str | None
    decoder: str
    versions: dict[str, str]
    device: str = "cpu"
    clips: int = 0
    clips_sha256: str = ""
    missing: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> str:
        """The object as text, with its keys in the order of the fields."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """The inverse of `json`.

        Raises:
            NotFromClips: if another command than `extract` wrote it.
            ExtractError: if a key is missing or unknown.
        """
        try:
            told = json.loads(text)
            if PROGRAM in told:
                raise NotFromClips(f"was made by `{told[PROGRAM]}`, not from clips")
            return cls(**told)
        except (TypeError, ValueError) as error:
            raise ExtractError(f"has a provenance that this version does not read: {error}") from error

    def finished(self, clips: list[ClipFile], missing: list[dict[str, Any]]) -> Provenance:
        """That of a file for `clips`, of which `missing` gave no row."""
        listed = "".join(f"{clip.name}\t{clip.size}\n" for clip in sorted(clips, key=lambda clip: clip.name))
        digest = hashlib.sha256(listed.encode()).hexdigest()
        return replace(self, clips=len(clips), clips_sha256=digest, missing=missing)


def read_provenance(path: Path) -> Provenance | None:
    """How a feature file was made; None if it does not say.

    Raises:
        NotFromClips: if another command than `extract` made it.
        ExtractError: if the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Provenance.from_json(str(arrays["provenance"])) if "provenance" in arrays else None
    except ExtractError as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ExtractError(f"{path}: cannot be read as a feature file: {error}") from error


def difference(a: Provenance, b: Provenance, apart_from: frozenset[str] = frozenset()) -> str:
    """The first field in which two ways differ, with both values; empty if rows of both fit together.

    Weights in files of the user's are compared by their hash, not by where they lie.
    """
    left, right = asdict(a), asdict(b)
    ignored = INCIDENTAL | apart_from
    if a.weights_sha256 is not None and a.weights_sha256 == b.weights_sha256:
        ignored |= {"source"}
    for key in [key for key in left if key not in ignored]:
        if left[key] != right[key]:
            return f"{key} {_told(left[key], right[key])} there, {_told(right[key], left[key])} here"
    return ""


def _told(value: Any, other: Any) -> str:
    """A value as JSON; of an object only the entries that the other has not."""
    if isinstance(value, dict) and isinstance(other, dict):
        value = {key: entry for key, entry in value.items() if other.get(key) != entry}
    return json.dumps(value, ensure_ascii=False)
