"""About how long an extraction takes and how much disk it needs, before it starts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from .errors import MediaError, MissingPackage, need
from .media import Length, length, pictures
from .registry import EncoderSpec
from .store import ClipFile

# Headers that are read of a large folder; the rest is taken to be like them.
HEADERS = 500
# Pictures that are decoded for the speed of decoding.
DECODED = 60
# The part of a matrix product's speed that a model reaches.
EFFICIENCY = 0.5
# Bytes of a small file per clip while an extraction runs, besides its row.
OVERHEAD = 700


@dataclass(frozen=True)
class Estimate:
    """Seconds (None: unknown) and bytes."""

    seconds: float | None
    size: float

    def plus(self, other: Estimate) -> Estimate:
        """The sum; what is unknown counts as nothing."""
        return Estimate((self.seconds or 0) + (other.seconds or 0), self.size + other.size)

    def told(self) -> str:
        """In words."""
        return f"about {'unknown time' if self.seconds is None else duration(self.seconds)}, {_size(self.size)} on disk"


@dataclass(frozen=True)
class Workload:
    """The clips of a request: how many, seconds in all, pictures taken in all, seconds of decoding."""

    clips: int
    seconds: float
    pictures: float
    decoding: float

    def told(self) -> str:
        """In words."""
        return f"{self.seconds / 60:.1f} minutes, {self.pictures:.0f} pictures (by the clips' headers)"

    def of(self, spec: EncoderSpec, layers: int, speed: float, keeps_frames: bool) -> Estimate:
        """The estimate of an encoder, at `speed` operations a second."""
        rows = self._rows(spec)
        units = self.seconds if spec.modality == "audio" else rows
        seconds = None if spec.gflops is None else units * spec.gflops * 1e9 / speed
        row = 4 * spec.columns * layers
        frames = 4 * spec.frame_size * rows * layers if keeps_frames else 0
        return Estimate(seconds, self.clips * (2 * row + OVERHEAD) + frames)

    def _rows(self, spec: EncoderSpec) -> float:
        """Frames of all clips, by the words of the table."""
        text = spec.frames_per_second or ""
        if spec.per_clip:
            return self.clips
        if re.fullmatch(r"[\d.]+", text):
            return self.seconds * float(text)
        if found := re.match(r"one row per (\d+) s", text):
            return self.seconds / int(found[1])
        taken = self.pictures / (4 if "every fourth" in text else 1)
        if found := re.search(r"at (\d+) per second", text):
            taken = min(taken, self.seconds * int(found[1]))
        window = re.match(r"one row per (\d+) frames", text)
        return taken / int(window[1]) if window else taken


def measure(clips: Sequence[ClipFile], per_second: float | None) -> Workload | None:
    """The workload of clips by their headers; None without PyAV."""
    try:
        need("av", "av")
    except MissingPackage:
        return None
    step = max(1, len(clips) // HEADERS)
    known = [found for clip in clips[::step] if (found := length(clip.path)) is not None]
    scale = len(clips) / len(clips[::step])
    taken = sum(one.seconds * _pace(one, per_second) for one in known)
    decoded = sum(one.seconds * one.pictures_per_second for one in known)
    decoding = decoded * _seconds_per_picture(clips) if decoded else 0.0
    return Workload(len(clips), scale * sum(one.seconds for one in known), scale * taken, scale * decoding)


def _pace(clip: Length, per_second: float | None) -> float:
    return min(clip.pictures_per_second, per_second or clip.pictures_per_second)


def _seconds_per_picture(clips: Sequence[ClipFile]) -> float:
    """Of the clip of middle size that has pictures."""
    ordered = sorted(clips, key=lambda clip: clip.size)
    for clip in ordered[len(ordered) // 2 :]:
        began = time.perf_counter()
        try:
            count = sum(1 for _ in islice(pictures(clip.path), DECODED))
        except (MediaError, OSError):
            continue
        if count:
            return (time.perf_counter() - began) / count
    return 0.0


def operations_per_second(device: str) -> float:
    """What a model may reach on a device: part of the speed of a matrix product in float32."""
    try:
        torch: Any = need("torch", "torch")
    except MissingPackage:
        x = np.ones((1024, 1024), np.float32)
        return EFFICIENCY * _speed(lambda: x @ x, 1024)
    y = torch.ones(2048, 2048, device=device)
    return EFFICIENCY * _speed(lambda: float((y @ y)[0, 0]), 2048)


def _speed(product: Any, size: int) -> float:
    times = []
    for _ in range(4):
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    speed: float = 2 * size**3 / max(min(times), 1e-9)
    return speed


def duration(seconds: float) -> str:
    """Seconds, minutes, hours or days in words."""
    for unit, length_of in [("days", 86400.0), ("hours", 3600.0), ("min", 60.0)]:
        if seconds >= 1.5 * length_of:
            return f"{seconds / length_of:.1f} {unit}"
    return f"{seconds:.0f} s"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
