"""The clips of a request, and which feature file each belongs to."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from .._files import MEDIA_EXTENSIONS, clip_key, whole_file
from .errors import ExtractError
from .store import ClipFile

SPLITS = ("train", "test")


def find_clips(paths: Iterable[Path], recursive: bool, pattern: str | None) -> list[ClipFile]:
    """The media files of folders and those named themselves, in the order of their names.

    Raises:
        ExtractError: if a path does not exist, there is no clip, or two files would be one clip.
    """
    found: dict[str, ClipFile] = {}
    for path in paths:
        for file in _media_files(path, recursive, pattern):
            clip = ClipFile(file, file.name, file.stat().st_size)
            other = found.setdefault(clip.key, clip)
            if other.path != clip.path:
                raise ExtractError(
                    f"{other.path} and {file} are both the clip {clip.key!r}; choose one with --pattern, "
                    "such as --pattern '*.mov'"
                )
    if not found:
        listed = ", ".join(map(str, paths))
        matching = f" that match {pattern!r}" if pattern else ""
        raise ExtractError(f"{listed}: no media files{matching}; expected .mov, .mp4, .wav, .flac, …")
    return sorted(found.values(), key=lambda clip: clip.name)


def _media_files(path: Path, recursive: bool, pattern: str | None) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ExtractError(f"{path}: no such file or folder")
    files = path.rglob(pattern or "*") if recursive else path.glob(pattern or "*")
    return [file for file in files if file.is_file() and file.suffix[1:].lower() in MEDIA_EXTENSIONS]


def targets(out: Path, name: str) -> list[Path]:
    """The feature files that an encoder may have in a data folder."""
    return [out / "features" / split / f"{name}.npz" for split in SPLITS]


def divide(clips: list[ClipFile], out: Path, all_test: bool = False) -> dict[str, list[ClipFile]]:
    """The clips of each split by `test_metadata.csv` of the data folder; all others are training clips.
    With `all_test`, there are none.

    Raises:
        ExtractError: if the table has no column `filename`.
    """
    test = {clip.key for clip in clips} if all_test else _test_table(out)[1]
    return {
        "train": [clip for clip in clips if clip.key not in test],
        "test": [clip for clip in clips if clip.key in test],
    }


def _test_table(out: Path) -> tuple[list[str], set[str]]:
    """The columns and the clips of `test_metadata.csv`; none where there is no such table."""
    path = out / "test_metadata.csv"
    if not path.exists():
        return [], set()
    with path.open(newline="", encoding="utf-8-sig") as text:
        rows = csv.DictReader(text)
        columns = list(rows.fieldnames or [])
        if "filename" not in columns:
            raise ExtractError(f"{path}: line 1: has no column filename")
        return columns, {clip_key(row["filename"] or "") for row in rows}


def check_test_table(out: Path, clips: list[ClipFile]) -> None:
    """Refuses a table of other test clips that has more than their names, which could not be added to it.

    Raises:
        ExtractError: naming a clip that it lacks; if it has no column `filename`.
    """
    columns, known = _test_table(out)
    lacking = [clip.name for clip in clips if clip.key not in known]
    if len(columns) > 1 and lacking:
        raise ExtractError(
            f"{out / 'test_metadata.csv'}: lacks the clip {lacking[0]!r}; add it there, or choose another --out"
        )


def write_test_table(out: Path, clips: list[ClipFile]) -> None:
    """Writes the names of the test clips, unless there is a table with more than names."""
    if len(_test_table(out)[0]) > 1:
        return
    with whole_file(out / "test_metadata.csv", overwrite=True) as temporary:
        with temporary.open("w", newline="", encoding="utf-8") as text:
            rows = csv.writer(text, lineterminator="\n")
            rows.writerows([["filename"], *([clip.name] for clip in clips)])
