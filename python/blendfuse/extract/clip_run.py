"""One clip through one encoder: pictures and sound in, frames and then the row out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from .encoders.base import Encoder, Frames, Sampling, check_frames
from .errors import ExtractError, MediaError, NothingToEncode
from .face_finder import crop
from .media import Picture, Sound

T = TypeVar("T")


class ClipRun:
    """Collects what an encoder makes of a clip; `frames` gives it at the end."""

    def __init__(self, encoder: Encoder, sampling: Sampling) -> None:
        self._encoder = encoder
        self._per_second = sampling.per_second or encoder.per_second
        self._crops = sampling.crop_faces and not encoder.finds_faces
        self._taken = 0
        self._seen = 0
        self._begun = 0
        self._buffer: list[Picture] = []
        self._windows: list[list[Picture]] = []
        self._parts: list[list[Frames]] = [[] for _ in encoder.outputs]
        # Why there is nothing to encode, or why the model failed.
        self._nothing: str | None = None
        self._failure: MediaError | None = None
        self._sound: Sound | None = None

    @property
    def needs_faces(self) -> bool:
        """Whether its pictures need to have their faces found."""
        return self._crops or self._encoder.finds_faces

    def sound(self, found: dict[int, Sound]) -> None:
        """Encodes the sound of a clip, if the encoder takes sound by itself."""
        rate = self._encoder.rate
        if rate is None:
            return
        sound = found.get(rate)
        if sound is None or len(sound.samples) == 0:
            self._nothing = "has no sound"
        elif not sound.samples.any():
            # Models give finite rows for silence, from which nothing can be learnt.
            self._nothing = "its sound is digital silence"
        elif self._encoder.window:
            self._sound = sound
        else:
            try:
                self._add(self._encoder.encode_sound(sound.samples))
            except NothingToEncode as reason:
                self._nothing = str(reason)
            except (ExtractError, KeyboardInterrupt):
                raise
            except Exception as error:
                self._failure = model_failure(error)

    def pictures(self, batch: Sequence[Picture]) -> None:
        """Encodes the next pictures of a clip, as far as they fill windows."""
        if not self._encoder.window or self._nothing or self._failure:
            return
        faces = self.needs_faces
        for picture in batch:
            if not self._due(picture):
                continue
            self._seen += 1
            if faces and picture.face is None:
                continue
            self._buffer.append(crop(picture) if self._crops else picture)
            self._cut_windows()
        self._encode(self._encoder.batch_size())

    def _due(self, picture: Picture) -> bool:
        if self._per_second is None and picture.number % self._encoder.every:
            return False
        if self._per_second is not None and picture.time * self._per_second < self._taken - 1e-6:
            return False
        self._taken += 1
        return True

    def _cut_windows(self) -> None:
        length, stride = self._encoder.window, self._encoder.stride
        if len(self._buffer) == length:
            self._windows.append(self._buffer[:])
            del self._buffer[:stride]
            self._begun += 1

    def _encode(self, least: int = 1) -> None:
        """Encodes windows while there are `least` of them. Whole batches only, as long as pictures follow: the
        encoders of a request then have the same ones, and share what they make of them."""
        while len(self._windows) >= least and not self._failure:
            size = self._encoder.batch_size()
            batch, self._windows = self._windows[:size], self._windows[size:]
            try:
                for outputs in in_halves(batch, self._encoder, self._sound):
                    self._add(outputs)
            except (ExtractError, KeyboardInterrupt):
                raise
            except Exception as error:
                self._failure = model_failure(error)

    def _add(self, outputs: list[Frames]) -> None:
        for parts, frames in zip(self._parts, outputs, strict=True):
            parts.append(frames)

    def frames(self) -> list[Frames]:
        """The frames `[T, d]` of the clip, for each output of the encoder.

        Raises:
            NothingToEncode: if there are none, with the reason.
            MediaError: if a value is not finite.
        """
        if self._nothing:
            raise NothingToEncode(self._nothing)
        if self._encoder.window:
            if not self._begun and self._buffer and self._encoder.repeat_last:
                self._buffer += self._buffer[-1:] * (self._encoder.window - len(self._buffer))
                self._windows.append(self._buffer)
            self._encode()
        if self._failure:
            raise self._failure
        if not self._parts[0] or (self._seen and not any(map(len, self._parts[0]))):
            raise NothingToEncode(self._why_none())
        outputs = [np.concatenate(parts) for parts in self._parts]
        return [check_frames(frames, name) for frames, name in zip(outputs, self._encoder.outputs)]

    def _why_none(self) -> str:
        if not self._seen:
            return "has no video"
        if self._buffer:
            return f"has {len(self._buffer)} pictures; the encoder needs {self._encoder.window}"
        return f"no face in its {self._seen} pictures"


def model_failure(error: Exception) -> MediaError:
    """What a model's own exception is to the user: the clip is listed with it, the others go on."""
    if isinstance(error, MediaError):
        return error
    return MediaError(f"the model failed: {type(error).__name__}: {' '.join(str(error).split())}")


def in_halves(batch: list[list[Picture]], encoder: Encoder, sound: Sound | None) -> list[list[Frames]]:
    """The outputs of a batch, in halves of it where the device has too little memory; later batches are
    no larger than what fitted.

    Raises:
        MediaError: if there is too little for a single window.
    """
    outputs: list[list[Frames]] = []
    begin, size = 0, len(batch)
    while begin < len(batch):
        part = batch[begin : begin + size]
        try:
            outputs.append(encoder.encode_windows(part, sound))
            begin += size
            continue
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
                raise
            if len(part) == 1:
                raise MediaError(f"{encoder.spec.name}: too little memory for one window: {error}") from error
        # Outside of the handler, whose error keeps what the call had in memory.
        size = len(part) // 2
        encoder.batch_was_too_large(size)
    return outputs
