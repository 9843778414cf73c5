"""The table of encoders (`encoders.json`), which the Rust program reads too."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from .errors import ExtractError

# Statistics per feature of a frame; an encoder of whole clips has one value per feature.
STATISTICS = 7


@dataclass(frozen=True)
class EncoderSpec:
    """One row of the table. None: unknown, or the encoder has no such thing.

    `revision` None means that the table pins none; the feature file records the one that was used.
    """

    name: str
    title: str
    modality: str
    frame_size: int
    aliases: tuple[str, ...]
    sets: tuple[str, ...]
    family: str
    model_class: str
    source: str
    where: str
    revision: str | None
    licence: str | None
    gated: bool
    layer: str | None
    window: str | None
    rows: str
    frames_per_second: str | None
    shortest: str | None
    sample_rate: int | None
    picture_size: int | None
    normalisation: str | None
    dtype: str | None
    packages: tuple[str, ...]
    evidence: str | None
    note: str | None
    # Approximate: megabytes to download, and 10^9 operations per row of pictures or per second of sound.
    download_mb: int | None
    gflops: float | None
    # A file of a repository that no package index has: repository, revision, file, sha256.
    code: dict[str, str] | None = None

    @property
    def per_clip(self) -> bool:
        """Whether a clip gives one vector, which is the row itself."""
        return self.rows == "clip"

    @property
    def columns(self) -> int:
        """Usual number of columns of its feature file."""
        return self.frame_size if self.per_clip else STATISTICS * self.frame_size


@cache
def encoders() -> tuple[EncoderSpec, ...]:
    """All encoders: the paper's 36 in its order, the challenge's, then those of the set `light`."""
    text = files(__package__).joinpath("encoders.json").read_text(encoding="utf-8")
    return tuple(_spec(row) for row in json.loads(text)["encoders"])


def _spec(row: dict[str, Any]) -> EncoderSpec:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return EncoderSpec(**fields)


def sets() -> dict[str, list[str]]:
    """The names that stand for several encoders, with the encoders."""
    rows = encoders()
    paper = [spec for spec in rows if "paper" in spec.sets]
    return {
        "paper": [spec.name for spec in paper],
        "video": [spec.name for spec in paper if spec.modality != "audio" and spec.name != "hicmae"],
        "audio": [spec.name for spec in paper if spec.modality == "audio"],
        "challenge": [spec.name for spec in rows if "challenge" in spec.sets],
        "light": [spec.name for spec in rows if "light" in spec.sets],
    }


def find(name: str) -> EncoderSpec | None:
    """The encoder of a name, its title or a variant of them: only letters and digits are compared."""
    key = _plain(name)
    for spec in encoders():
        if key in (_plain(spec.name), _plain(spec.title), *spec.aliases):
            return spec
    return None


def _plain(name: str) -> str:
    return "".join(c for c in name.lower().replace("+", "plus") if c.isalnum())


@dataclass(frozen=True)
class Selection:
    """The encoders of a request, in its order, each once."""

    specs: tuple[EncoderSpec, ...]
    # Those that were asked for by their own name, not only by that of a set.
    named: frozenset[str]


def select(names: Iterable[str]) -> Selection:
    """The encoders of a list of names and sets.

    Raises:
        ExtractError: for an unknown name, with the nearest known one, or for no name at all.
    """
    known_sets = sets()
    chosen: dict[str, EncoderSpec] = {}
    named: set[str] = set()
    for word in (word.strip() for word in names):
        if word in known_sets:
            members = [spec for spec in encoders() if spec.name in known_sets[word]]
        elif spec := find(word):
            members = [spec]
            named.add(spec.name)
        else:
            known = [*known_sets, *(spec.name for spec in encoders())]
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `blendfuse extract --list` shows all"
            raise ExtractError(f"encoder {word!r} is unknown{hint}")
        chosen.update((spec.name, spec) for spec in members)
    if not chosen:
        raise ExtractError("no encoder: name some with --encoders, such as --encoders light")
    return Selection(tuple(chosen.values()), frozenset(named))
