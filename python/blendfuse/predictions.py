"""Predictions in the challenge's format."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ._files import whole_file

WRAPPER = "predictions"


def read_predictions(file: str | PathLike[str]) -> dict[str, dict[str, float]]:
    """Reads predictions: `{clip: {emotion: salience in percent}}`, in the file's order.

    Takes the challenge's JSON, the mapping alone without `predictions` around it, or a `.zip` that holds
    one such `.json`. As in the program, saliences may be numbers or text, and a single emotion may lack
    its own, which then is 100.

    Raises:
        FileNotFoundError: if no such file.
        ValueError: naming the file, the clip and what is wrong with it.
    """
    path = Path(file)
    text = _unzipped(path) if path.suffix.lower() == ".zip" else path.read_bytes()
    try:
        node = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except ValueError as error:
        raise ValueError(f"{path}: is not a predictions file: {error}") from error
    if isinstance(node, dict) and WRAPPER in node:
        node = node[WRAPPER]
    if not isinstance(node, dict):
        raise ValueError(f"{path}: expected a mapping of clips, found {type(node).__name__}")
    predictions = {}
    for clip, entries in node.items():
        try:
            predictions[clip] = _blend(entries)
        except ValueError as error:
            raise ValueError(f"{path}: {clip}: {error}") from error
    return predictions


def write_predictions(
    file: str | PathLike[str], predictions: Mapping[str, Mapping[str, float]], *, overwrite: bool = False
) -> None:
    """Writes predictions in the challenge's format: JSON, or a `.zip` of it for CodaBench.

    Raises:
        FileExistsError: if the file is there, without `overwrite`.
        ValueError: for a clip without an emotion, or a salience that is negative or not finite.
    """
    path = Path(file)
    clips = {
        clip: [{"emotion": emotion, "salience": float(salience)} for emotion, salience in blend.items()]
        for clip, blend in predictions.items()
    }
    for clip, entries in clips.items():
        try:
            _blend(entries)
        except ValueError as error:
            raise ValueError(f"{path}: {clip}: {error}") from error
    text = json.dumps({WRAPPER: clips}, indent=4, ensure_ascii=False) + "\n"
    with whole_file(path, overwrite) as temporary:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{path.stem}.json", text)
        else:
            temporary.write_bytes(text.encode())


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name
                for name in archive.namelist()
                if name.lower().endswith(".json") and not name.startswith("__MACOSX/")
            ]
            if len(names) != 1:
                raise ValueError(f"{path}: contains {len(names)} .json files, expected one")
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: is not a readable zip: {error}") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python's reader would silently keep the last of two equal keys."""
    node: dict[str, Any] = {}
    for key, value in pairs:
        if key in node:
            raise ValueError(f"{key!r} is listed twice")
        node[key] = value
    return node


def _blend(entries: Any) -> dict[str, float]:
    if not isinstance(entries, list):
        raise ValueError(f"expected a list of emotions, found {type(entries).__name__}")
    blend: dict[str, float] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("emotion"), str):
            raise ValueError("expected `emotion` and `salience`, found an entry that names no emotion")
        emotion = entry["emotion"]
        if emotion in blend:
            raise ValueError(f"names {emotion!r} twice")
        found = entry.get("salience")
        if found is None and len(entries) == 1:
            found = 100.0
        if isinstance(found, bool) or not isinstance(found, (int, float, str)):
            raise ValueError(f"{emotion}: salience is {found!r}, expected a number")
        try:
            salience = float(found)
        except ValueError:
            raise ValueError(f"{emotion}: salience {found!r} is not a number") from None
        if not (math.isfinite(salience) and salience >= 0):
            raise ValueError(f"{emotion}: salience {salience} is not a percentage")
        blend[emotion] = salience
    if not blend:
        raise ValueError("names no emotion")
    return blend
