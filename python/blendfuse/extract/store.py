"""The rows of one feature file while it is made, and the file itself.

Each clip's row is a small file of its own, written whole or not at all, so that killed or concurrent
processes lose nothing and do nothing twice. When all clips have a row or a reason for none, the rows
become the feature file (`X`, `filenames`, `clip_bytes`, `provenance`), and the small files go away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from .._files import clip_key, whole_file
from .errors import ExtractError
from .provenance import NotFromClips, Provenance, difference, read_provenance

Row = NDArray[np.float32]


@dataclass(frozen=True)
class ClipFile:
    """A clip: its path, its name in feature files, and its size in bytes."""

    path: Path
    name: str
    size: int

    @property
    def key(self) -> str:
        """What tells it apart from other clips: its name without a media extension."""
        return clip_key(self.name)


@dataclass(frozen=True)
class Outcome:
    """What a clip gave: a row, or the reason for none. `failed` is an error; otherwise there was
    nothing to encode."""

    row: Row | None
    reason: str = ""
    failed: bool = False


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one version of a file from another; None without a file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def file_name(key: str) -> str:
    """The name of a clip's own small file."""
    name = quote(key, safe=" ()+,=@")
    return f"{name if len(name) <= 200 else hashlib.sha256(key.encode()).hexdigest()}.npz"


class RowStore:
    """The outcomes of one encoder, on disk under `work`, and those in the feature files at `targets`."""

    def __init__(self, work: Path, name: str, provenance: Provenance, targets: list[Path]) -> None:
        self.name = name
        self.folder = work / name
        self.provenance = provenance
        self.targets = targets
        self._finished: dict[str, tuple[int, Outcome]] = {}
        # Of the feature files as they were read last.
        self._stamps: dict[Path, tuple[int, int, int] | None] = {}
        self._begin()
        self._read_changed()

    def _begin(self) -> None:
        """Refuses rows that were begun with another model, version or option."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "provenance.json"
        with contextlib.suppress(FileExistsError):
            with whole_file(path, overwrite=False) as temporary:
                temporary.write_text(self.provenance.json(), encoding="utf-8")
        try:
            began = Provenance.from_json(path.read_text(encoding="utf-8"))
        except ExtractError as error:
            raise ExtractError(f"{path}: {error}; remove its folder to begin anew") from error
        if told := difference(began, self.provenance):
            raise ExtractError(
                f"{self.name}: unfinished rows in {self.folder} were made otherwise ({told}); "
                "repeat that command, or remove the folder to begin anew"
            )

    def _read_changed(self) -> bool:
        """Reads the feature files that another process has written since; whether there were any."""
        stamps = {target: _stamp(target) for target in self.targets}
        changed = [target for target, stamp in stamps.items() if stamp != self._stamps.get(target)]
        self._stamps = stamps
        for target in changed:
            self._read_finished(target)
        return bool(changed)

    def _read_finished(self, target: Path) -> None:
        if not target.exists():
            return
        try:
            found = read_provenance(target)
        except NotFromClips as error:
            raise ExtractError(f"{error}; move it away, or choose another --out") from error
        if found is None:
            raise ExtractError(
                f"{target}: does not say how it was made; move it away, or choose another --out"
            )
        if told := difference(found, self.provenance):
            raise ExtractError(f"{target}: was made otherwise ({told}); choose another --out, or --force")
        with np.load(target, allow_pickle=False) as arrays:
            sizes = arrays["clip_bytes"].tolist()
            for name, size, row in zip(arrays["filenames"].tolist(), sizes, arrays["X"]):
                self._finished[clip_key(name)] = (size, Outcome(row))
        for entry in found.missing:
            self._finished[clip_key(entry["clip"])] = (entry["bytes"], Outcome(None, entry["reason"]))

    def _path(self, key: str) -> Path:
        return self.folder / file_name(key)

    def outcome(self, clip: ClipFile) -> Outcome | None:
        """What the clip gave; None if it is to be done: new, changed in size, or failed before."""
        outcome = self._known(clip)
        # A process that finishes the feature file removes the small files after it.
        return self._known(clip) if outcome is None and self._read_changed() else outcome

    def _known(self, clip: ClipFile) -> Outcome | None:
        size, outcome = self._finished.get(clip.key, (None, None))
        if size == clip.size:
            return outcome
        try:
            with np.load(self._path(clip.key), allow_pickle=False) as arrays:
                told = json.loads(str(arrays["told"]))
                row = arrays["row"] if "row" in arrays else None
        except (OSError, ValueError, KeyError):
            return None
        if told["bytes"] != clip.size:
            return None
        return Outcome(row, told["reason"], told["failed"])

    def put(self, clip: ClipFile, outcome: Outcome) -> None:
        """Writes what a clip gave, in place of what it gave before."""
        self._begin()
        self._write(self._path(clip.key), outcome, clip.size)

    def _write(self, path: Path, outcome: Outcome, size: int) -> None:
        told = json.dumps({"bytes": size, "reason": outcome.reason, "failed": outcome.failed})
        arrays: dict[str, Any] = {"told": np.array(told)}
        if outcome.row is not None:
            arrays["row"] = outcome.row
        with whole_file(path, overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    def write_file(self, target: Path, clips: list[ClipFile], outcomes: dict[str, Outcome]) -> int:
        """Writes the feature file of `clips`; returns its number of rows. Without any row there is no file.

        Raises:
            ExtractError: if clips have rows of different lengths.
        """
        rows = [(clip, outcome.row) for clip in clips if (outcome := outcomes[clip.key]).row is not None]
        missing = [
            {"clip": clip.name, "bytes": clip.size, "reason": outcomes[clip.key].reason}
            for clip in clips
            if outcomes[clip.key].row is None and not outcomes[clip.key].failed
        ]
        if not rows:
            return 0
        widths = {len(row) for _, row in rows if row is not None}
        if len(widths) > 1:
            raise ExtractError(f"{self.name}: clips gave rows of different lengths: {sorted(widths)}")
        provenance = self.provenance.finished(clips, missing)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target, overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                X=np.stack([row for _, row in rows if row is not None]),
                filenames=np.array([clip.name for clip, _ in rows]),
                clip_bytes=np.array([clip.size for clip, _ in rows], np.int64),
                provenance=np.array(provenance.json()),
            )
        return len(rows)

    def remove_rows(self) -> None:
        """Removes the small files, once the feature file has them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def claim(work: Path, name: str) -> Iterator[bool]:
    """Whether this process has `name` to itself until the end of the block.

    The operating system gives the claim back when a process ends, however it ends.
    """
    locks = work / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    path = locks / hashlib.sha256(name.encode()).hexdigest()[:32]
    with path.open("ab") as file:
        taken = _lock(file.fileno())
        try:
            yield taken
        finally:
            if taken and os.name == "nt":
                _unlock(file.fileno())


def _lock(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(handle: int) -> None:
    import msvcrt

    os.lseek(handle, 0, os.SEEK_SET)
    msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
