"""Every encoder on clips of 0.1, 1, 4 and 40 s: how many frames, of which shape and type, in which order,
and that they depend neither on the clips beside them nor on the size of the batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract import making
from blendfuse.extract import session as sessions
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import Encoder
from blendfuse.extract.encoders.base import Frames
from blendfuse.extract.registry import encoders
from blendfuse.extract.session import Session, Settings
from made_clips import write_clip
from tiny_encoders import NOT_RUN, FaceEverywhere, one_thread, tiny

pytest.importorskip("av", reason="no av")

SECONDS = (0.1, 1.0, 4.0, 40.0)
# Pictures of the clips, 25 a second.
PICTURES = (3, 25, 100, 1000)
# Frames of each clip, by the name or else the family of the encoder.
FRAMES = {
    # 400 samples, every 320.
    "speech": (4, 49, 199, 1999),
    "emotion2vec": (4, 49, 199, 1999),
    "s3prl": (4, 49, 199, 1999),
    # Every 320 samples; what it adds to 30 s is cut off.
    "whisper_v3": (5, 50, 200, 2000),
    # Windows of 2 s, every second; a single one may be shorter.
    "clap": (1, 1, 3, 39),
    "transformers_image": PICTURES,
    "timm": PICTURES,
    "open_clip": PICTURES,
    "imagebind": PICTURES,
    "faces": PICTURES,
    "openface3": PICTURES,
    # One picture a second.
    "internvl": (1, 1, 4, 40),
    # Windows of 32 pictures of 15 a second, every 16; a shorter clip is filled up.
    "torchvision_video": (1, 1, 2, 36),
    # Windows of 16 pictures, one after the other; of HiCMAE, every fourth picture.
    "videomae": (1, 1, 6, 62),
    "hicmae": (1, 1, 1, 15),
    "opensmile": (1, 1, 1, 1),
    # 60 ms, every 10 ms, and one more that openSMILE fills up.
    "egemaps_lld": (6, 96, 396, 3996),
    # Every 512, 256, 160 samples.
    "silero": (3, 31, 125, 1250),
    "swift_f0": (6, 62, 250, 2500),
    "crepe_tiny": (11, 101, 401, 4001),
    # Windows of 1.6 s, every 0.06 s, the last filled up where at least 75 % of it is sound.
    "resemblyzer": (1, 1, 42, 642),
}
NAMES = [spec.name for spec in encoders() if spec.name not in NOT_RUN]
# Values that are not near 1: features of openSMILE reach thousands.
RELATIVE = 1e-5


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips, of which each is the beginning of the longest: pictures, and noise that gets louder."""
    folder = tmp_path_factory.mktemp("clips")
    noise = np.random.default_rng(5).normal(0, 0.1, 40 * 48000).astype(np.float32)
    noise *= np.linspace(0.5, 1.5, len(noise), dtype=np.float32)
    for seconds, pictures in zip(SECONDS, PICTURES):
        sound = noise[None, : round(seconds * 48000)]
        write_clip(folder / f"{seconds}.mkv", pictures, sound=sound, rate=48000)
    return folder


def frames_of(clips: list[Path], out: Path, encoder: Encoder) -> dict[str, Frames]:
    """The frames of each clip, by its length in seconds."""
    settings = Settings(out / "data", keep_frames=out / "frames")
    report = Session(find_clips(clips, False, None), [encoder], settings).run(lambda clip: None)
    name = encoder.spec.name
    assert not report.failed[name] and not report.missing[name], report
    return {file.stem: np.load(file) for file in (out / "frames" / name).iterdir()}


def test_every_encoder_is_run_or_has_a_reason_why_not() -> None:
    unknown = [spec.name for spec in encoders() if not {spec.name, spec.family} & {*FRAMES, *NOT_RUN}]
    assert unknown == []


@pytest.mark.parametrize("name", NAMES)
def test_frames(name: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sessions, making):
        monkeypatch.setattr(module, "FaceFinder", FaceEverywhere)
    encoder = tiny(name, tmp_path / "weights", monkeypatch)
    with one_thread():
        together = frames_of([clips], tmp_path / "together", encoder)
        width = together["1.0"].shape[1]
        expected = FRAMES.get(name) or FRAMES[encoder.spec.family]
        assert {key: frames.shape for key, frames in together.items()} == {
            str(seconds): (rows, width) for seconds, rows in zip(SECONDS, expected)
        }
        assert all(frames.dtype == np.float32 for frames in together.values())
        tolerance = RELATIVE * max(1.0, float(np.abs(together["4.0"]).max()))
        if encoder.window and not encoder.per_second:
            # A clip is the beginning of the next; where that fills no window, its last picture is repeated.
            whole = PICTURES[1] // encoder.every // encoder.window
            np.testing.assert_allclose(
                together["1.0"][:whole], together["4.0"][:whole], rtol=0, atol=tolerance
            )
        for seconds in SECONDS[:3]:
            alone = frames_of([clips / f"{seconds}.mkv"], tmp_path / f"{seconds}", encoder)
            np.testing.assert_allclose(alone[str(seconds)], together[str(seconds)], rtol=0, atol=tolerance)
        if encoder.batch_size() > 1:
            encoder.batch_was_too_large(3)
            fewer = frames_of([clips / "4.0.mkv"], tmp_path / "fewer", encoder)
            np.testing.assert_allclose(fewer["4.0"], together["4.0"], rtol=0, atol=tolerance)
