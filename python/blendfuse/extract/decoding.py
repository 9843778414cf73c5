"""Decodes clips ahead of the models, in a thread, with a bounded number of pictures in memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from .errors import MediaError
from .media import Picture, Sound, pictures, sounds
from .store import ClipFile

# Pictures that go together to the models, and the bytes of them at most.
BATCH, BATCH_BYTES = 16, 32 << 20
# Batches that wait for the models; with the one being made and the one in use, all that is in memory.
AHEAD = 4


@dataclass(frozen=True)
class Demand:
    """What the encoders take: rates of sound in Hz, whether pictures, and how many a second at most
    (None: all)."""

    rates: frozenset[int]
    pictures: bool
    per_second: float | None


@dataclass(frozen=True)
class Begin:
    """A clip begins, with its sound at each rate (none: it has no sound)."""

    clip: ClipFile
    sounds: dict[int, Sound]


@dataclass(frozen=True)
class End:
    """A clip ends. `error` says why it could not be decoded; `claimed` is to be closed once its
    outcomes are on disk."""

    clip: ClipFile
    error: MediaError | None
    claimed: ExitStack


Event = Begin | list[Picture] | End
Claim = Callable[[ClipFile], AbstractContextManager[bool]]


class Decoder:
    """Iterates over the events of the clips that this process claims."""

    def __init__(self, clips: list[ClipFile], demand: Demand, claim: Claim) -> None:
        self._clips, self._demand, self._claim = clips, demand, claim
        self._events: queue.Queue[Event | BaseException | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decoder", daemon=True)

    def __iter__(self) -> Iterator[Event]:
        self._thread.start()
        try:
            while (event := self._events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self._stop.set()

    def _send(self, event: Event | BaseException | None) -> None:
        """Waits for room, but not for a consumer that has gone."""
        while not self._stop.is_set():
            try:
                return self._events.put(event, timeout=0.1)
            except queue.Full:
                continue

    def _run(self) -> None:
        try:
            for clip in self._clips:
                if self._stop.is_set():
                    return
                claimed = ExitStack()
                if claimed.enter_context(self._claim(clip)):
                    self._send(End(clip, self._decode(clip), claimed))
                else:
                    claimed.close()
            self._send(None)
        except BaseException as error:
            self._send(error)

    def _decode(self, clip: ClipFile) -> MediaError | None:
        try:
            rates = self._demand.rates
            self._send(Begin(clip, sounds(clip.path, rates) if rates else {}))
            if self._demand.pictures:
                for batch in batches(pictures(clip.path, self._demand.per_second)):
                    self._send(batch)
        except MediaError as error:
            return error
        except OSError as error:
            return MediaError(error.strerror or str(error))
        return None


def batches(found: Iterator[Picture]) -> Iterator[list[Picture]]:
    """Pictures in lists of at most `BATCH`, fewer if they are large."""
    batch: list[Picture] = []
    size = 0
    for picture in found:
        batch.append(picture)
        size += picture.pixels.nbytes
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
