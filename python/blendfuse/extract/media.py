"""Clips into pictures and sound, by PyAV (FFmpeg).

Pictures: every frame of the first video stream once, in order, whatever the frame rate does, turned
upright as the file says, as FFmpeg converts them to 8-bit RGB: limited or full range by the stream's
flag, BT.601 where the stream names no matrix. Sound: the first audio stream, resampled with the
resampler flushed, channels mixed to their mean (FFmpeg's own mono mix of floats is 3 dB louder and
leaves [-1, 1]).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MediaError, need

Pixels = NDArray[np.uint8]
Samples = NDArray[np.float32]

# Files without a container, and the most bytes of zeros in a row in them: compressed silence is none.
BARE, LONGEST_GAP = frozenset((".mp3", ".flac")), 16 << 20
# A stream that ends this much before its stated end was cut off: seconds, and part of the whole.
LOST_SECONDS, LOST_PART = 0.5, 0.1


@dataclass(frozen=True)
class Face:
    """A face in a picture: corners `(left, top, right, bottom)` in pixels, the detector's probability,
    and its five landmarks `[5, 2]` (eyes, nose, corners of the mouth)."""

    box: tuple[float, float, float, float]
    probability: float
    landmarks: NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One video frame: upright RGB `[H, W, 3]` of bytes, its number in the video, its time in seconds
    since the first frame, and its largest face, if faces were looked for and there is one."""

    pixels: Pixels
    number: int
    time: float
    face: Face | None = None


@dataclass(frozen=True)
class Sound:
    """Mono sound `[N]` in [-1, 1] at `rate` Hz; `start` is when it begins, in seconds after the first
    video frame (0 without video; negative if it begins earlier). No silence is added for a late start."""

    samples: Samples
    rate: int
    start: float

    def beside_pictures(self) -> Samples:
        """The samples from the first video frame on: silence is added, or the beginning cut off."""
        shift = round(self.start * self.rate)
        if shift >= 0:
            return np.concatenate([np.zeros(shift, np.float32), self.samples])
        return self.samples[-shift:]


def _open(path: Path) -> Any:
    av = need("av", "av")
    if path.stat().st_size == 0:
        raise MediaError("the file is empty")
    try:
        return av.open(_WithoutGaps(path) if path.suffix.lower() in BARE else str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"cannot be opened as a clip: {_reason(error)}") from error


class _WithoutGaps(io.FileIO):
    """A file of a bare stream of frames, in which FFmpeg would look for the next one through a gap of any length,
    and keep the gap in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._zeros = 0

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes.

        Raises:
            MediaError: after too many zeros.
        """
        block = super().read(size) or b""
        self._zeros = self._zeros + len(block) if not block.strip(b"\0") else 0
        if self._zeros >= LONGEST_GAP:
            raise MediaError(f"has {LONGEST_GAP >> 20} MiB of zeros in a row: it was not written whole")
        return block


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


@dataclass(frozen=True)
class Length:
    """What a clip's header says: seconds, and pictures per second (0: no video)."""

    seconds: float
    pictures_per_second: float


def length(path: Path) -> Length | None:
    """The length of a clip by its header, without decoding it; None if that does not say."""
    try:
        with _open(path) as media:
            stream = next(filter(has_pictures, media.streams.video), None)
            rate = float(stream.average_rate or stream.guessed_rate or 0) if stream else 0.0
            sound = next(iter(media.streams.audio), None)
            longest = [_length(one, media) for one in (stream, sound) if one is not None]
            seconds = max((known for known in longest if known is not None), default=None)
            if seconds is None and media.duration:
                seconds = media.duration / 1_000_000
            return None if seconds is None else Length(seconds, rate)
    except (MediaError, OSError):
        return None


def has_pictures(stream: Any) -> bool:
    """Whether a stream is a video, not the cover picture of a sound file."""
    return not (stream.disposition & need("av.stream", "av").Disposition.attached_pic)


def pictures(path: Path, per_second: float | None = None) -> Iterator[Picture]:
    """The pictures of a clip, all of them or at most `per_second` in a second; none without video.

    Raises:
        MediaError: if the clip cannot be decoded to its end.
    """
    av = need("av", "av")
    with _open(path) as media:
        stream = next(filter(has_pictures, media.streams.video), None)
        if stream is None:
            return
        stream.thread_type = "AUTO"
        length = _length(stream, media)
        begin, last, kept = None, 0.0, 0
        try:
            for number, frame in enumerate(media.decode(stream)):
                time = _time(frame, stream, number, per_second)
                begin = time if begin is None else begin
                last = time - begin
                if per_second is None or last * per_second >= kept - 1e-6:
                    kept += 1
                    yield Picture(_upright(frame), number, last)
        except av.error.FFmpegError as error:
            raise MediaError(f"the video cannot be decoded after {last:.2f} s: {_reason(error)}") from error
        if begin is None:
            raise MediaError("its video has no frame")
        _check_length("video", last, length)


def _time(frame: Any, stream: Any, number: int, per_second: float | None) -> float:
    if frame.time is not None:
        return float(frame.time)
    rate = stream.average_rate or stream.guessed_rate
    if rate:
        return float(number / rate)
    if per_second is not None:
        raise MediaError("its video has no times: leave --frames-per-second out")
    return 0.0


def _upright(frame: Any) -> Pixels:
    pixels: Pixels = frame.to_ndarray(format="rgb24")
    turn = frame.rotation
    if turn % 90:
        image = need("PIL.Image", "pillow").fromarray(pixels).rotate(turn, expand=True)
        return np.asarray(image)
    return np.ascontiguousarray(np.rot90(pixels, turn // 90)) if turn else pixels


def _length(stream: Any, media: Any) -> float | None:
    """The stated length in seconds of a stream."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if len(media.streams) == 1 and media.duration:
        return float(media.duration / 1_000_000)
    return None


def _check_length(what: str, seen: float, stated: float | None) -> None:
    if stated is not None and stated - seen > max(LOST_SECONDS, LOST_PART * stated):
        raise MediaError(
            f"its {what} ends after {seen:.2f} of {stated:.2f} s: the file is cut off or damaged"
        )


def sounds(path: Path, rates: Iterable[int]) -> dict[int, Sound]:
    """The sound of a clip at several rates, decoded once; nothing without an audio stream.

    Raises:
        MediaError: if the clip cannot be decoded to its end.
    """
    av = need("av", "av")
    with _open(path) as media:
        stream = next(iter(media.streams.audio), None)
        if stream is None:
            return {}
        _check_wave(path)
        stream.thread_type = "AUTO"
        length = _length(stream, media)
        # Without a layout the channels stay apart.
        resamplers = {rate: av.AudioResampler(format="fltp", rate=rate) for rate in rates}
        parts: dict[int, list[Samples]] = {rate: [] for rate in resamplers}
        seconds, first = 0.0, None
        try:
            for frame in media.decode(stream):
                first = frame.time if first is None else first
                seconds += frame.samples / frame.sample_rate
                for rate, resampler in resamplers.items():
                    parts[rate] += [_mono(part) for part in resampler.resample(frame)]
        except av.error.FFmpegError as error:
            raise MediaError(
                f"the sound cannot be decoded after {seconds:.2f} s: {_reason(error)}"
            ) from error
        if first is not None:
            for rate, resampler in resamplers.items():
                parts[rate] += [_mono(part) for part in resampler.resample(None)]
        _check_length("sound", seconds, length)
        begin = _first_picture(media)
    start = 0.0 if first is None or begin is None else first - begin
    empty = np.zeros(0, np.float32)
    return {rate: Sound(np.concatenate([empty, *rows]), rate, start) for rate, rows in parts.items()}


def _check_wave(path: Path) -> None:
    """Refuses a WAV file that is shorter than its header states: FFmpeg takes it for a short one."""
    with path.open("rb") as file:
        head = file.read(12)
    stated, found = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    # A program that writes into a pipe does not know the size: it states none, or the largest.
    known = 8 < stated < 0xFFFFFF00
    if head[:4] == b"RIFF" and head[8:] == b"WAVE" and known and stated - found > LOST_PART * stated:
        raise MediaError(f"has {found} of {stated} bytes: the file is cut off or damaged")


def _mono(frame: Any) -> Samples:
    channels: Samples = frame.to_ndarray()
    mono: Samples = channels.mean(axis=0, dtype=np.float32) if len(channels) > 1 else channels[0]
    return mono


def _first_picture(media: Any) -> float | None:
    """The time at which the video begins, as the container says."""
    stream = next(filter(has_pictures, media.streams.video), None)
    if stream is None or stream.start_time is None:
        return None
    return float(stream.start_time * stream.time_base)
