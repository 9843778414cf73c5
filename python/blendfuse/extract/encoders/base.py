"""What every encoder offers: sound or pictures in, frames `[T, d]` out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ExtractError, MediaError, NothingToEncode
from ..media import Picture, Samples, Sound
from ..registry import EncoderSpec
from .packaged import sha256
from .pixels import SharedPixels

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """Which pictures an encoder gets: at most `per_second` of them (None: all, or those that its window
    is meant for), and whether cropped to the face."""

    per_second: float | None = None
    crop_faces: bool = False


@dataclass(frozen=True)
class LoadOptions:
    """How encoders are loaded.

    `layers` are hidden layers, each an encoder of its own (empty: the table's layer); `weights` and
    `code` are folders by encoder; `offline` refuses to download anything. Encoders with the same `pixels`
    share what they make of pictures before their models.
    """

    device: str = "cpu"
    layers: tuple[int, ...] = ()
    weights: dict[str, Path] = field(default_factory=dict)
    code: dict[str, Path] = field(default_factory=dict)
    offline: bool = False
    pixels: SharedPixels = field(default_factory=SharedPixels, compare=False, repr=False)


class Encoder:
    """A loaded encoder. `outputs` are the names of its feature files: one, or one for each layer.

    An encoder of sound has a `rate` and overrides `encode_sound`; an encoder of pictures has a
    `window` (1: every picture by itself) and overrides `encode_pictures`; one of both has both, and
    overrides `encode_windows`.
    """

    # Hz of the sound that it takes; None: it takes no sound.
    rate: ClassVar[int | None] = None
    # Pictures of one row and the step to the next row; 0: it takes no pictures.
    window: ClassVar[int] = 0
    stride: ClassVar[int] = 1
    # Pictures per second that its window is meant for, where the user gives none.
    per_second: ClassVar[float | None] = None
    # It takes the pictures whose number is a multiple of this, where the user gives no rate.
    every: ClassVar[int] = 1
    # Whether a clip shorter than a window repeats its last picture.
    repeat_last: ClassVar[bool] = True
    # Whether it takes faces: it finds them itself and gives a row only for pictures with one.
    finds_faces: ClassVar[bool] = False
    # Whether hidden layers can be chosen.
    has_layers: ClassVar[bool] = False

    # Its own choice of pictures; None: that of the request.
    sampling: Sampling | None = None

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        self.spec = spec
        self.options = options
        self.source: str = spec.source
        self.revision: str | None = spec.revision
        # The most windows for which the memory was enough; None: it always was.
        self._fits: int | None = None
        # Of the weights, where they are files: the user's, or a package's.
        self.weights_sha256: str | None = None
        if spec.name in options.weights:
            self.weights_sha256 = sha256(options.weights[spec.name])
        if options.layers and not self.has_layers:
            raise ExtractError(f"{spec.name}: its layers cannot be chosen; leave --layer and --layers out")
        self.outputs = [spec.name] if not options.layers else [f"{spec.name}_l{k}" for k in options.layers]

    def versions(self) -> dict[str, str]:
        """Versions of the packages that made the features."""
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for package in self.spec.packages:
            name = package.split()[0].split("=")[0].split("<")[0].split(">")[0]
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        if self.spec.code:
            found[self.spec.code["repository"]] = self.spec.code["revision"]
        return found

    def encode_sound(self, samples: Samples) -> list[Frames]:
        """Sound `[N]` at `rate` into frames, for each output.

        Raises:
            NothingToEncode: if the sound is too short for a frame.
        """
        raise NotImplementedError

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        """Windows of pictures into one row each, for each output. A face encoder may give fewer rows."""
        raise NotImplementedError

    def encode_windows(self, batch: Sequence[Sequence[Picture]], sound: Sound | None) -> list[Frames]:
        """Windows of pictures and the clip's sound, for an encoder that takes both; one row per window."""
        return self.encode_pictures(batch)

    def largest_batch(self) -> int:
        """Windows in one call."""
        return 16 if self.window == 1 else 1

    def batch_size(self) -> int:
        """Windows in one call, as far as the device's memory has turned out to be enough."""
        return min(self.largest_batch(), self._fits or self.largest_batch())

    def batch_was_too_large(self, fits: int) -> None:
        """Notes that the device has too little memory for more than `fits` windows, and frees what is unused."""
        self._fits = fits
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()


def check_shortest(samples: Samples, shortest: int, rate: int) -> None:
    """Refuses sound that gives no frame.

    Raises:
        NothingToEncode: naming both lengths.
    """
    if len(samples) < shortest:
        raise NothingToEncode(
            f"has {len(samples) / rate:.4f} s of sound; the encoder needs {shortest / rate:.4f} s"
        )


def check_frames(frames: Any, name: str) -> Frames:
    """Frames `[T, d]` in float32.

    Raises:
        NothingToEncode: if there are none.
        MediaError: if a value is NaN or infinite.
    """
    rows = np.asarray(frames, np.float32)
    if rows.ndim != 2:
        raise ExtractError(f"{name}: its model gave an array {list(rows.shape)}, expected [T, d]")
    if len(rows) == 0:
        raise NothingToEncode("gives no frame")
    if not np.isfinite(rows).all():
        raise MediaError(f"{name}: its model gave values that are not finite")
    return rows
