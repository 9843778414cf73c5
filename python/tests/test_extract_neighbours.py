"""A clip's features depend neither on the clips beside it nor on the size of the batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.errors import MissingPackage
from blendfuse.extract.registry import find
from blendfuse.extract.session import Session, Settings
from made_clips import tone, write_clip
from numpy.typing import NDArray
from tiny_checkpoints import picture_checkpoint, speech_checkpoint
from toy_encoders import ToyPictures

pytest.importorskip("av", reason="no av")

# Encoders with the weights of their packages, and of tiny random checkpoints.
PACKAGED = ["egemaps", "egemaps_lld", "swift_f0", "silero_vad", "crepe_tiny", "resemblyzer"]
SPEECH = ["wav2vec2_base", "wavlm_large", "whisper_v3"]
PICTURES = ["clip", "dinov2"]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three clips of different lengths, with pictures and sound."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, seconds in enumerate((0.4, 2.0, 1.2)):
        sound = tone(seconds, 16000, hertz=180 + 90 * number)[None]
        write_clip(folder / f"clip{number}.mkv", round(25 * seconds), sound=sound, rate=16000)
    return folder


def rows(paths: list[Path], out: Path, encoder: Encoder) -> dict[str, NDArray[np.float32]]:
    session = Session(find_clips(paths, False, None), [encoder], Settings(out))
    assert not any(session.run(lambda clip: None).failed.values())
    with np.load(out / f"features/train/{encoder.spec.name}.npz") as arrays:
        return dict(zip(arrays["filenames"].tolist(), arrays["X"]))


def made(name: str, folder: Path) -> Encoder:
    spec = find(name)
    assert spec is not None
    weights = {}
    if name in SPEECH:
        weights[name] = speech_checkpoint(name, folder / "weights")
    if name in PICTURES:
        weights[name] = picture_checkpoint(name, folder / "weights")
    try:
        return load(spec, LoadOptions(weights=weights, offline=True))
    except MissingPackage as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", [*PACKAGED, *SPEECH, *PICTURES])
def test_alone_and_beside_others(name: str, clips: Path, tmp_path: Path) -> None:
    encoder = made(name, tmp_path)
    together = rows([clips], tmp_path / "together", encoder)
    assert len(together) == 3
    for path in sorted(clips.iterdir()):
        alone = rows([path], tmp_path / path.stem, encoder)[path.name]
        np.testing.assert_allclose(alone, together[path.name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["toy_pictures", *PICTURES])
def test_batches_of_any_size(name: str, clips: Path, tmp_path: Path) -> None:
    encoder = ToyPictures() if name == "toy_pictures" else made(name, tmp_path)
    expected = rows([clips], tmp_path / "whole", encoder)
    for size in (1, 3, 7):
        encoder.batch_was_too_large(size)
        for clip, row in rows([clips], tmp_path / f"of{size}", encoder).items():
            np.testing.assert_allclose(row, expected[clip], rtol=1e-5, atol=1e-5)
