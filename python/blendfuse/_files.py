"""Clip names, and atomic writes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# As in the program: only these are removed from a clip's name.
MEDIA_EXTENSIONS = frozenset(
    [
        "mov",
        "mp4",
        "m4v",
        "avi",
        "mkv",
        "webm",
        "wmv",
        "flv",
        "mpg",
        "mpeg",
        "ts",
        "wav",
        "mp3",
        "m4a",
        "aac",
        "flac",
        "ogg",
        "oga",
        "opus",
    ]
)


def clip_key(name: str) -> str:
    """The key of a clip: its name without surrounding whitespace and without a media extension."""
    name = name.strip()
    stem, _, extension = name.rpartition(".")
    return stem if stem and extension.lower() in MEDIA_EXTENSIONS else name


@contextlib.contextmanager
def whole_file(path: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary file beside `path` that replaces it at the end, or is removed if writing fails.

    Raises:
        FileExistsError: if `path` is there and is not to be overwritten.
    """
    if not overwrite and path.exists():
        raise FileExistsError(f"{path}: already exists; choose another name, or pass overwrite=True")
    handle, name = tempfile.mkstemp(prefix=".blendfuse-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if os.name == "posix":
            # mkstemp's file is private to its owner; give it the usual permissions.
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
