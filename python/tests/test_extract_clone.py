"""Encoders whose code is a clone that the user names: a small stand-in for the repository's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import load
from blendfuse.extract.errors import ExtractError, MissingPackage
from blendfuse.extract.media import Face, Picture, Sound
from made_clips import picture, tone, write_clip
from tiny_encoders import clone

torch: Any = pytest.importorskip("torch", reason="no torch")


def face(number: int) -> Picture:
    landmarks = np.ones((5, 2), np.float32)
    return Picture(picture(number, 96, 96), number, number / 25, Face((10, 10, 80, 80), 1.0, landmarks))


def test_hicmae_takes_faces_and_the_sound_beside_them(tmp_path: Path) -> None:
    pytest.importorskip("torchaudio", reason="no torchaudio")
    spec, options = clone("hicmae", tmp_path)
    encoder = load(spec, options)
    windows = [[face(4 * n + 64 * w) for n in range(16)] for w in range(2)]
    sound = Sound(tone(5.12, 16000), 16000, 0.0)
    (rows,) = encoder.encode_windows(windows, sound)
    assert rows.shape == (2, 8) and np.isfinite(rows).all()
    (alone,) = encoder.encode_windows(windows[1:], sound)
    np.testing.assert_allclose(alone[0], rows[1], atol=1e-5)
    (quiet,) = encoder.encode_windows(windows, replace(sound, samples=sound.samples / np.float32(100)))
    assert not np.allclose(quiet, rows, atol=1e-3)
    assert encoder.versions()["sunlicai/HiCMAE"] == (spec.code or {})["revision"]


def test_videomae_of_the_challenge_takes_pixels_blue_first(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="no av")
    spec, options = clone("videomaev2_k710", tmp_path)
    encoder = load(spec, options)
    window = [Picture(picture(n, 96, 48), n, n / 25) for n in range(16)]
    (rows,) = encoder.encode_pictures([window])
    mean = np.stack([one.pixels for one in window]).mean((0, 1, 2)) / 255
    torch.manual_seed(4)
    weight, bias = torch.randn(8, 3).numpy(), torch.randn(8).numpy()
    mixed = weight @ mean[::-1] + bias
    np.testing.assert_allclose(rows[0], (mixed - mixed.mean()) / mixed.std(), atol=0.02)


def test_a_request_gives_a_row_each_64_pictures(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="no av")
    from blendfuse.extract.session import Session, Settings

    spec, options = clone("videomaev2_k710", tmp_path)
    encoder = load(spec, options)
    type(encoder).every = 4
    try:
        write_clip(tmp_path / "clip.mkv", 130)
        clips = find_clips([tmp_path / "clip.mkv"], False, None)
        session = Session(clips, [encoder], Settings(tmp_path / "data", keep_frames=tmp_path / "frames"))
        session.run(lambda clip: None)
    finally:
        type(encoder).every = 1
    assert np.load(tmp_path / "frames/videomaev2_k710/clip.npy").shape == (2, 8)


@pytest.mark.parametrize("name", ["hicmae", "videomaev2_k710"])
def test_what_is_missing_or_changed_is_told(name: str, tmp_path: Path) -> None:
    if name == "hicmae":
        pytest.importorskip("torchaudio", reason="no torchaudio")
    spec, options = clone(name, tmp_path)
    with pytest.raises(MissingPackage, match=f"git clone https://github.com/.* --code {name}=DIR"):
        load(spec, replace(options, code={}))
    with pytest.raises(ExtractError, match="no model.*; expected a clone of"):
        load(spec, replace(options, code={name: tmp_path}))
    with pytest.raises(ExtractError, match="needs its weights: --weights"):
        load(spec, replace(options, weights={}))
    torch.save({"module": {"mix.bias": torch.ones(8)}}, tmp_path / "few.pth")
    with pytest.raises(ExtractError, match="lacks 'mix.weight'"):
        load(spec, replace(options, weights={name: tmp_path / "few.pth"}))
    torch.save({"mix.weight": torch.ones(8, 2), "mix.bias": torch.ones(8)}, tmp_path / "other.pth")
    with pytest.raises(ExtractError, match="does not fit its model: .*size mismatch"):
        load(spec, replace(options, weights={name: tmp_path / "other.pth"}))
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ExtractError, match="does not fit its model"):
        load(spec, replace(options, weights={name: tmp_path / "text.pth"}))
    code = tmp_path / "clone" / (spec.code or {})["file"]
    code.write_text(code.read_text() + "\n# changed\n")
    with pytest.raises(ExtractError, match="is not that of revision"):
        load(spec, options)
