"""`--like`: the encoders and settings by which existing features were made, to make more of the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .encoders import Encoder, LoadOptions, load
from .encoders.base import Sampling
from .errors import ExtractError, MissingPackage
from .making import HIDDEN_LAYER, provenance
from .provenance import LIBRARIES, NotFromClips, Provenance, difference, read_provenance
from .registry import EncoderSpec, find

Ways = dict[str, Provenance]


def ways_of(path: Path, only: Sequence[str] = ()) -> Ways:
    """How the features of a run, of a data folder, or of a folder of feature files were made, by the name
    of the feature file; of those named in `only`, if there are any.

    Raises:
        ExtractError: if there are none, one does not say how it was made, or the splits differ.
    """
    manifest = path / "manifest.json"
    files = _feature_files(path)
    told = _told_by(manifest) if manifest.exists() else {}
    names = list(told) or sorted({file.stem for file in files})
    if not names:
        raise ExtractError(
            f"{path}: no features that say how they were made; expected a data folder or a run whose features "
            "`blendfuse extract` made"
        )
    if lacking := [name for name in only if name not in names]:
        raise ExtractError(f"{path}: has no features of {lacking[0]!r}; it has {', '.join(names)}")
    taken = only or names
    if told:
        return {name: _of_run(manifest, name, told[name]) for name in taken}
    ways = _of_files([file for file in files if file.stem in taken])
    return {name: ways[name] for name in taken}


def _told_by(manifest: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8")).get("provenance", {})
    except (OSError, ValueError, AttributeError) as error:
        raise ExtractError(f"{manifest}: cannot be read: {error}") from error
    return told


def _of_run(manifest: Path, name: str, how: Any) -> Provenance:
    try:
        return Provenance.from_json(json.dumps(how))
    except NotFromClips as error:
        raise ExtractError(
            f"{manifest}: {name} {error}; leave its encoder out with --encoders NAMES"
        ) from error
    except ExtractError as error:
        raise ExtractError(f"{manifest}: {name} {error}") from error


def _feature_files(path: Path) -> list[Path]:
    folders = [path, path / "train", path / "test", path / "features/train", path / "features/test"]
    return [file for folder in folders for file in sorted(folder.glob("*.npz"))]


def _of_files(files: Iterable[Path]) -> Ways:
    ways: Ways = {}
    for file in files:
        try:
            how = read_provenance(file)
        except NotFromClips as error:
            raise ExtractError(f"{error}; leave its encoder out with --encoders NAMES") from error
        if how is None:
            raise ExtractError(
                f"{file}: does not say how it was made; leave its encoder out with --encoders NAMES"
            )
        if told := difference(ways.setdefault(file.stem, how), how):
            raise ExtractError(f"{file}: was made otherwise than the other split's ({told})")
    return ways


@dataclass(frozen=True)
class Wanted:
    """One encoder to load: what is to be like `ways`, in the order of its hidden layers."""

    spec: EncoderSpec
    sampling: Sampling
    ways: tuple[tuple[str, Provenance], ...]


def wanted(ways: Ways) -> list[Wanted]:
    """The encoders of some ways; hidden layers of one model, made alike, are one.

    Raises:
        ExtractError: if an encoder is unknown.
    """
    groups: dict[str, list[tuple[str, Provenance]]] = {}
    for name, how in ways.items():
        same = replace(how, layer=None) if _hidden(how) is not None else how
        key = json.dumps(
            [same.encoder, same.source, same.revision, same.frames_per_second, same.crop, same.layer]
        )
        groups.setdefault(key, []).append((name, how))
    return [_wanted(sorted(group, key=lambda entry: _hidden(entry[1]) or 0)) for group in groups.values()]


def _wanted(group: list[tuple[str, Provenance]]) -> Wanted:
    name, how = group[0]
    spec = find(how.encoder)
    if spec is None:
        raise ExtractError(f"{name}: this version does not know its encoder {how.encoder!r}")
    sampling = Sampling(how.frames_per_second, how.crop == "face")
    return Wanted(replace(spec, revision=how.revision or spec.revision), sampling, tuple(group))


def _hidden(how: Provenance) -> int | None:
    number = (how.layer or "").removeprefix(HIDDEN_LAYER)
    return int(number) if number != how.layer and number.isdigit() else None


def load_wanted(entry: Wanted, options: LoadOptions) -> tuple[Encoder, list[str]]:
    """A loaded encoder that makes the same features, with notes on libraries of another version.

    Raises:
        ExtractError: if it would make other features, with the field that differs.
    """
    _, how = entry.ways[0]
    layers = tuple(layer for _, way in entry.ways if (layer := _hidden(way)) is not None)
    options = replace(options, layers=layers, weights=_weights(entry, options))
    try:
        encoder = load(entry.spec, options)
    except MissingPackage as error:
        raise ExtractError(f"{entry.spec.name}: {error}") from error
    encoder.sampling = entry.sampling
    encoder.outputs = [name for name, _ in entry.ways]
    notes = []
    for output, (name, how) in enumerate(entry.ways):
        here = provenance(encoder, output, entry.sampling, options.device)
        if told := difference(how, here, LIBRARIES):
            raise ExtractError(f"{name}: cannot be made alike: {told}")
        if told := difference(how, here):
            notes.append(f"{name}: other libraries: {told}")
    return encoder, notes


def _weights(entry: Wanted, options: LoadOptions) -> dict[str, Path]:
    """The folders of weights: those that the user names, else where they were when the features were made."""
    name, how = entry.spec.name, entry.ways[0][1]
    if name in options.weights or how.weights_sha256 is None or how.source == entry.spec.source:
        return options.weights
    if not Path(how.source).exists():
        raise ExtractError(
            f"{name}: was made with the weights {how.source}, which are not there; name them with "
            f"--weights {name}=DIR"
        )
    return {**options.weights, name: Path(how.source)}
