"""Clips that the tests make: with PyAV, and with ffmpeg where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def ffmpeg() -> str:
    """The ffmpeg of this machine or of imageio-ffmpeg; skips the test without one."""
    if found := shutil.which("ffmpeg"):
        return found
    package: Any = pytest.importorskip("imageio_ffmpeg", reason="no ffmpeg and no imageio-ffmpeg")
    program: str = package.get_ffmpeg_exe()
    return program


def run_ffmpeg(*arguments: str | Path) -> bytes:
    """Runs ffmpeg; gives back its standard output."""
    command = [ffmpeg(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def rgb_of_ffmpeg(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """All pictures as ffmpeg decodes them, each frame once."""
    raw = run_ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def picture(number: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A picture that differs from its neighbours, with a bright corner at the top left."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 200, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(0, 200, height, dtype=np.uint8)[:, None]
    pixels[..., 2] = number * 7 % 250
    pixels[: height // 4, : width // 4] = 255
    return pixels


def tone(seconds: float, rate: int, peak: float = 0.5, hertz: float = 220.0) -> Samples:
    """A sine."""
    time = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def write_clip(
    path: Path,
    pictures: int = 0,
    per_second: int = 25,
    times: Sequence[int] | None = None,
    sound: NDArray[np.float32] | None = None,
    rate: int = 48000,
    index_first: bool = False,
) -> Path:
    """A clip of `pictures` frames (at `times`, in frame periods) and of sound `[channels, N]`; an MP4's index
    is at its end unless it is to be first."""
    av: Any = pytest.importorskip("av", reason="no av")
    with av.open(str(path), "w", options={"movflags": "faststart"} if index_first else {}) as media:
        video: Any = None
        if pictures:
            video = media.add_stream("ffv1" if path.suffix == ".mkv" else "mpeg4", rate=per_second)
            video.width, video.height = 64, 48
            video.pix_fmt = "yuv420p"
            video.time_base = Fraction(1, per_second)
        audio: Any = None
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            codecs = {".mkv": "pcm_s16le", ".wav": "pcm_s16le", ".flac": "flac"}
            audio = media.add_stream(codecs.get(path.suffix, "aac"), rate=rate)
            audio.layout = layout
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, per_second)
            media.mux(video.encode(frame))
        if video is not None:
            media.mux(video.encode(None))
        if sound is not None:
            steps = np.round(sound * 32768).clip(-32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(steps.T).reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.pts = rate, 0
            media.mux(audio.encode(frame))
            media.mux(audio.encode(None))
    return path
