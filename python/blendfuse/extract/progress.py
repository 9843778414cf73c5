"""Progress on stderr: clips done, clips a second, time left. Silent where stderr is no terminal."""

from __future__ import annotations

import sys
import time

from .store import ClipFile


class Progress:
    """Counts clips."""

    def __init__(self, total: int, quiet: bool) -> None:
        self._total, self._done = total, 0
        self._shows = not quiet and total > 0 and sys.stderr.isatty()
        self._began = time.monotonic()

    def clip_done(self, clip: ClipFile) -> None:
        """One clip more."""
        self._done += 1
        if not self._shows:
            return
        rate = self._done / max(time.monotonic() - self._began, 1e-9)
        left = round((self._total - self._done) / rate)
        text = f"{self._done}/{self._total} clips, {rate:.2f} a second, {left // 60}:{left % 60:02} left  {clip.name}"
        sys.stderr.write(f"\r\x1b[2K{text[:100]}")
        sys.stderr.flush()

    def end(self) -> None:
        """Clears the line."""
        if self._shows:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
