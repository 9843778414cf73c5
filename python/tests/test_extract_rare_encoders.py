"""Encoders of packages that few have: their real classes with tiny random checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.clip_run import ClipRun
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.encoders.base import Sampling
from blendfuse.extract.errors import ExtractError, MissingPackage, NothingToEncode
from blendfuse.extract.media import Picture, Samples
from blendfuse.extract.registry import find
from made_clips import picture
from rare_checkpoints import (
    emotion2vec_checkpoint,
    imagebind_checkpoint,
    internvl_checkpoint,
    openface3_checkpoint,
    s3prl_checkpoint,
)
from tiny_checkpoints import WIDTH

torch: Any = pytest.importorskip("torch", reason="no torch")


def loaded(name: str, weights: Path) -> Encoder:
    spec = find(name)
    assert spec is not None
    try:
        return load(spec, LoadOptions(weights={name: weights}, offline=True))
    except MissingPackage as error:
        pytest.skip(str(error))


def noise(seconds: float) -> Samples:
    samples: Samples = np.random.default_rng(3).normal(0, 0.1, round(seconds * 16000)).astype(np.float32)
    return samples


def windows(count: int) -> list[list[Picture]]:
    return [[Picture(picture(n, 96, 48), n, n / 25)] for n in range(count)]


def check_speech(encoder: Encoder) -> None:
    """49 rows a second, the same twice, none for less than 25 ms."""
    for seconds, rows in [(0.1, 4), (1.0, 49), (4.0, 199)]:
        (frames,) = encoder.encode_sound(noise(seconds))
        assert frames.shape == (rows, WIDTH) and np.isfinite(frames).all()
    np.testing.assert_array_equal(encoder.encode_sound(noise(4.0))[0], frames)
    with pytest.raises(NothingToEncode):
        encoder.encode_sound(noise(399 / 16000))


def test_emotion2vec(tmp_path: Path) -> None:
    check_speech(loaded("emotion2vec_plus_base", emotion2vec_checkpoint(tmp_path)))


def test_hubert_by_s3prl(tmp_path: Path) -> None:
    check_speech(loaded("hubert_large_s3prl", s3prl_checkpoint(tmp_path / "hubert.pt")))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ExtractError, match="s3prl cannot load"):
        loaded("hubert_large_s3prl", tmp_path / "text.pt")


def test_imagebind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = loaded("imagebind", imagebind_checkpoint(tmp_path / "imagebind.pth", monkeypatch))
    (frames,) = encoder.encode_pictures(windows(3))
    assert frames.shape == (3, 24) and len(np.unique(frames, axis=0)) == 3
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, rtol=1e-4)
    alone = np.concatenate([encoder.encode_pictures([window])[0] for window in windows(3)])
    np.testing.assert_allclose(frames, alone, atol=1e-5)
    with pytest.raises(ExtractError, match="does not fit its model"):
        torch.save({"something": torch.ones(2)}, tmp_path / "other.pth")
        (tmp_path / "other.pth").write_bytes(b"text")
        loaded("imagebind", tmp_path / "other.pth")


def test_internvl_gives_a_row_per_picture(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="no torchvision")
    encoder = loaded("internvl35_8b", internvl_checkpoint(tmp_path))
    (frames,) = encoder.encode_pictures(windows(2))
    assert frames.shape == (2, WIDTH) and frames.dtype == np.float32 and np.isfinite(frames).all()
    (alone,) = encoder.encode_pictures(windows(2)[1:])
    np.testing.assert_array_equal(alone[0], frames[1])


def test_openface3_takes_only_whole_weights(tmp_path: Path) -> None:
    folder = openface3_checkpoint(tmp_path / "weights")
    (frames,) = loaded("openface3", folder).encode_pictures(windows(3))
    assert frames.shape == (3, 18) and len(np.unique(frames, axis=0)) == 3
    held = torch.load(folder / "Alignment_RetinaFace.pth")
    missing = next(key for key in held if "ClassHead" in key)
    torch.save({key: held[key] for key in held if key != missing}, folder / "Alignment_RetinaFace.pth")
    with pytest.raises(ExtractError, match=r"lacks 'ClassHead.0.conv1x1.weight' and 0 more arrays"):
        loaded("openface3", folder)
    (folder / "MTL_backbone.pth").write_text("no weights")
    with pytest.raises(ExtractError, match="holds no weights of OpenFace 3"):
        loaded("openface3", folder)
    with pytest.raises(ExtractError, match="holds no weights of OpenFace 3.*Alignment_RetinaFace.pth"):
        loaded("openface3", tmp_path)


def test_openface3_offline_needs_its_weights() -> None:
    pytest.importorskip("openface.face_detection", reason="no openface-test, or not what it imports")
    pytest.importorskip("huggingface_hub", reason="no huggingface_hub")
    spec = find("openface3")
    assert spec is not None
    with pytest.raises(ExtractError, match="leave --offline out, or name a folder with --weights openface3"):
        load(replace(spec, source="nobody/nothing"), LoadOptions(offline=True))


def test_openface3_leaves_out_pictures_without_a_face(tmp_path: Path) -> None:
    folder = openface3_checkpoint(tmp_path / "weights")
    held = torch.load(folder / "Alignment_RetinaFace.pth")
    for key in held:
        if key.endswith("conv1x1.bias") and "ClassHead" in key:
            held[key] = torch.tensor([3.0, 0.0, 3.0, 0.0])
    torch.save(held, folder / "Alignment_RetinaFace.pth")
    (frames,) = loaded("openface3", folder).encode_pictures(windows(3))
    assert frames.shape == (0, 18)
    run = ClipRun(loaded("openface3", folder), Sampling())
    run.pictures([window[0] for window in windows(3)])
    with pytest.raises(NothingToEncode, match="no face in its 3 pictures"):
        run.frames()
