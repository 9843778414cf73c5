"""Encoders of one request share what they make of pictures before their models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.encoders.pixels import SharedPixels, images
from blendfuse.extract.media import Picture
from blendfuse.extract.registry import find
from made_clips import picture
from tiny_checkpoints import picture_checkpoint


def batch(first: int, count: int = 3) -> list[list[Picture]]:
    return [[Picture(picture(number), number, 0.0)] for number in range(first, first + count)]


def test_a_batch_is_prepared_once_for_each_of_the_settings() -> None:
    pytest.importorskip("PIL", reason="no pillow")
    shared, calls = SharedPixels(), []

    def prepare(pictures: list[Picture]) -> list[Any]:
        calls.append(len(pictures))
        return [np.asarray(image) for image in images(pictures)]

    windows = batch(0)
    one = shared.prepared(windows, "small", prepare)
    assert shared.prepared([list(window) for window in windows], "small", prepare) is one
    assert calls == [3]
    shared.prepared(windows, "large", prepare)
    assert calls == [3, 3]
    # Part of a batch is another one, and so are other pictures that look the same.
    shared.prepared(windows[:2], "small", prepare)
    same = shared.prepared(batch(0, 2), "small", prepare)
    assert calls == [3, 3, 2, 2]
    np.testing.assert_array_equal(same[1], windows[1][0].pixels)


def loaded(name: str, folder: Path, options: LoadOptions) -> Encoder:
    spec = find(name)
    assert spec is not None
    return load(spec, replace(options, weights={name: folder / name}, offline=True))


def test_features_are_those_of_an_encoder_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["siglip2_base", "siglip2_large", "clip", "dinov2"]
    for name in names:
        picture_checkpoint(name, tmp_path / name)
    together = LoadOptions()
    encoders = [loaded(name, tmp_path, together) for name in names]
    calls: list[str] = []
    for encoder in encoders:
        count(encoder, calls, monkeypatch)
    for first in (0, 3):
        windows = batch(first)
        for encoder in encoders:
            alone = loaded(encoder.spec.name, tmp_path, LoadOptions())
            expected = alone.encode_pictures(windows)[0]
            assert encoder.encode_pictures(windows)[0].tobytes() == expected.tobytes()
    # The second of SigLIP2 takes what the first has made; the others have settings of their own.
    assert calls == ["siglip2_base", "clip", "dinov2"] * 2


def count(encoder: Any, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    processor = encoder._processor

    def counted(**given: Any) -> Any:
        calls.append(encoder.spec.name)
        return processor(**given)

    monkeypatch.setattr(encoder, "_processor", counted)
