"""Bad inputs: each gives a line that names it and says what to do; the other clips go on."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.command import main
from blendfuse.extract.encoders import LoadOptions
from blendfuse.extract.encoders.base import Encoder
from blendfuse.extract.encoders.hub import from_pretrained
from blendfuse.extract.errors import ExtractError
from blendfuse.extract.registry import find
from made_clips import tone, write_clip

av: Any = pytest.importorskip("av", reason="no av")

RATE = 16000


def wav(folder: Path, name: str, seconds: float = 0.5) -> Path:
    return write_clip(folder / name, sound=tone(seconds, RATE)[None], rate=RATE)


def cut_off(folder: Path) -> None:
    whole = (wav(folder, "bad.wav", 3.0)).read_bytes()
    (folder / "bad.wav").write_bytes(whole[: len(whole) // 2])


def cut_off_video(folder: Path) -> None:
    write_clip(folder / "bad.mp4", 100, sound=tone(4.0, 48000)[None], index_first=True)
    whole = (folder / "bad.mp4").read_bytes()
    (folder / "bad.mp4").write_bytes(whole[: len(whole) // 2])


def damaged(folder: Path) -> None:
    header = bytearray(wav(folder, "bad.wav", 1.0).read_bytes()[:44])
    (folder / "bad.wav").write_bytes(bytes(header[:12]) + bytes(200))


def large(folder: Path) -> None:
    (folder / "bad.mp4").touch()
    os.truncate(folder / "bad.mp4", 2 << 30)


def not_whole(folder: Path) -> None:
    """What a program that reserves the room for a file leaves of a copy that was stopped."""
    (folder / "bad.mp3").touch()
    os.truncate(folder / "bad.mp3", 2 << 30)


def not_whole_flac(folder: Path) -> None:
    write_clip(folder / "bad.flac", sound=tone(3.0, RATE)[None], rate=RATE)
    os.truncate(folder / "bad.flac", 2 << 30)


def content(text: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "bad.wav").write_bytes(text)


# FFmpeg's own words.
INVALID = "Invalid data found when processing input"
# Clips of which one fails: how it is made, and what is said.
FAILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero bytes": (content(b""), "the file is empty"),
    "a text file": (content(b"not a clip\n" * 99), f"cannot be opened as a clip: {INVALID}"),
    "only zeros": (content(bytes(5000)), f"cannot be opened as a clip: {INVALID}"),
    "cut off in the middle, sound": (cut_off, r"has \d+ of \d+ bytes: the file is cut off or damaged"),
    "cut off in the middle, video": (
        cut_off_video,
        r"(its .* ends after \d.\d\d of 4.\d\d s: the file is cut off or damaged)|"
        f"(the sound cannot be decoded after \\d.\\d\\d s: {INVALID})",
    ),
    "a damaged header": (damaged, f"cannot be opened as a clip: {INVALID}"),
    "2 GB of nothing": (large, f"cannot be opened as a clip: {INVALID}"),
    "2 GB of nothing, sound": (not_whole, "has 16 MiB of zeros in a row: it was not written whole"),
    "2 GB after the sound": (not_whole_flac, "has 16 MiB of zeros in a row: it was not written whole"),
}


SKIP = (
    "error: egemaps: 1 clip failed and its file was not written; --skip-bad writes it without them, "
    "from the rows that are there"
)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    wav(folder, "good.wav")
    return folder


@pytest.mark.parametrize("name", FAILS)
def test_a_clip_that_fails_is_one_line_and_the_others_go_on(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pytest.importorskip("opensmile", reason="no opensmile")
    make, message = FAILS[name]
    make(clips)
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]
    assert main([*arguments, "-q"]) == 2
    told = capsys.readouterr().err
    lines = told.splitlines()
    assert len(lines) == 2 and re.fullmatch(f"error: egemaps: bad: ({message})", lines[0]), told
    assert lines[1] == SKIP
    assert main([*arguments, "--skip-bad", "--json", "-q"]) == 0
    assert list(json.loads(capsys.readouterr().out)["written"].values()) == [1]


def test_a_clip_that_this_user_may_not_read_is_one_line(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some users read every file, so the system's refusal is feigned."""
    pytest.importorskip("opensmile", reason="no opensmile")
    wav(clips, "bad.wav")
    opened = av.open

    def refuses(name: str, *arguments: Any) -> Any:
        if name.endswith("bad.wav"):
            raise av.error.PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return opened(name, *arguments)

    monkeypatch.setattr(av, "open", refuses)
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps", "-q"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: egemaps: bad: cannot be opened as a clip: Permission denied"
    assert second == SKIP


# Clips in which there is nothing to encode: no row, and no error.
NOTHING: dict[str, tuple[Callable[[Path], object], str]] = {
    "no sound": (lambda folder: write_clip(folder / "bad.mkv", 10), "has no sound"),
    "digital silence": (
        lambda folder: write_clip(folder / "bad.wav", sound=np.zeros((1, RATE), np.float32), rate=RATE),
        "its sound is digital silence",
    ),
    "sound that is too short": (
        lambda folder: wav(folder, "bad.wav", 0.02),
        "has 0.0200 s of sound; the encoder needs 0.0600 s",
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_clip_with_nothing_to_encode_is_missing(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pytest.importorskip("opensmile", reason="no opensmile")
    make, message = NOTHING[name]
    make(clips)
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]) == 0
    told = capsys.readouterr().err
    assert f"note: egemaps: missing for 1 clip, such as bad: {message}\n" == told


def test_a_clip_without_video_is_missing_for_pictures(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from blendfuse.extract.clips import find_clips
    from blendfuse.extract.session import Session, Settings
    from toy_encoders import ToyPictures

    session = Session(find_clips([clips], False, None), [ToyPictures()], Settings(tmp_path / "data"))
    assert session.run(lambda clip: None).missing == {"toy_pictures": {"good": "has no video"}}


# Requests that cannot be carried out: what is typed, and what is said.
REQUESTS = [
    ("nowhere --encoders egemaps", "nowhere: no such file or folder"),
    ("CLIPS --encoders egemap", "did you mean egemaps?"),
    ("CLIPS --encoders egemaps --pattern *.mov", "no media files that match '*.mov'"),
    ("CLIPS --encoders egemaps --layer 2", "its layers cannot be chosen"),
    ("CLIPS --encoders clip --weights clip=nowhere", "no such file or folder"),
    ("CLIPS --encoders clip --code clip=CLIPS", "its code comes from a package; leave --code out"),
    ("CLIPS --encoders video_swin_finetuned", "private"),
    ("CLIPS --encoders openface2", "FeatureExtraction"),
    ("CLIPS --encoders egemaps --tasks 4", "--executor slurm and --tasks N need each other"),
    ("CLIPS --encoders egemaps --slurm-args=--gpus=1", "--slurm-args: requires --executor slurm"),
    ("CLIPS --encoders egemaps --frames-per-second inf", "expected a number above 0"),
]


@pytest.mark.parametrize(("typed", "message"), REQUESTS)
def test_a_request_that_cannot_be_carried_out_is_one_line(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str, message: str
) -> None:
    if "egemaps --layer" in typed:
        pytest.importorskip("opensmile", reason="no opensmile")
    words = typed.replace("CLIPS", str(clips)).split(" ")
    assert main([*words, "--out", str(tmp_path / "data")]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.startswith("error: ") and told.err.count("\n") == 1
    assert told.out == "" and not (tmp_path / "data").exists()


def test_two_clips_of_one_name_are_refused(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clips / "good.flac").write_bytes((clips / "good.wav").read_bytes())
    assert main([str(clips), "--out", "data", "--encoders", "egemaps"]) == 2
    told = capsys.readouterr().err
    assert "are both the clip 'good'; choose one with --pattern" in told and told.count("\n") == 1


class Hub:
    """Stands in for a class of transformers whose hub answers with an error."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def from_pretrained(self, *arguments: object, **options: object) -> None:
        raise OSError(self._reason)


@pytest.mark.parametrize(
    ("name", "offline", "reason", "message"),
    [
        (
            "dinov3",
            False,
            "401 Client Error: gated repo",
            "is gated: accept its licence on its page and log in",
        ),
        (
            "dinov2",
            False,
            "We couldn't connect to 'hub'",
            "cannot be loaded: .*; or name a folder with --weights",
        ),
        (
            "dinov2",
            True,
            "not in the cached files",
            "is not in the cache of this machine; leave --offline out",
        ),
        (
            "dinov2",
            False,
            "does not appear to have a file named config.json",
            "cannot be loaded: .*config.json",
        ),
    ],
)
def test_what_a_hub_refuses_is_one_line(name: str, offline: bool, reason: str, message: str) -> None:
    spec = find(name)
    assert spec is not None
    encoder = Encoder(spec, LoadOptions(offline=offline))
    with pytest.raises(ExtractError, match=f"{name}: .*{message}") as error:
        from_pretrained(encoder, Hub(reason))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "module", "reason"),
    [
        ("wavlm_large", "transformers", "is no checkpoint of WavLMModel"),
        ("clip", "transformers", "is no checkpoint of CLIPModel"),
        ("eva_giant_336", "timm", "cannot be loaded by timm"),
        ("eva02_base", "open_clip", "cannot be loaded by open_clip"),
        ("video_swin", "torchvision", "does not fit its model"),
        ("emotion2vec_base", "funasr", "cannot be loaded by FunASR"),
        ("hubert_large_s3prl", "s3prl", "s3prl cannot load"),
    ],
)
def test_a_text_in_place_of_weights_is_one_line(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, module: str, reason: str
) -> None:
    for needed in ("torch", module):
        pytest.importorskip(needed, reason=f"no {needed}")
    (tmp_path / "text.pt").write_text("no weights")
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", name]
    capsys.readouterr()
    assert main([*arguments, "--weights", f"{name}={tmp_path / 'text.pt'}"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: {name}: ") and reason in told
    assert not (tmp_path / "data").exists()


def refused_weights(clips: Path, name: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = [str(clips), "--out", str(clips.parent / "data"), "--encoders", name, "-q"]
    capsys.readouterr()
    assert main([*arguments, "--weights", f"{name}={weights}"]) == 2
    assert not (clips.parent / "data").exists()
    return capsys.readouterr().err


def test_a_checkpoint_of_another_model_is_refused(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """transformers would load what has the same name, and make up the rest."""
    from tiny_checkpoints import speech_checkpoint

    other = speech_checkpoint("hubert_large", tmp_path / "hubert")
    told = refused_weights(clips, "wavlm_large", other, capsys)
    reason = "is no checkpoint of WavLMModel: it is one of hubert, expected wavlm"
    assert told == f"error: wavlm_large: {other} {reason}\n"


def test_a_checkpoint_that_lacks_weights_is_refused(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import load_file, save_file
    from tiny_checkpoints import speech_checkpoint

    whole = speech_checkpoint("hubert_large", tmp_path / "hubert")
    file = whole / "model.safetensors"
    held = load_file(file)
    lost = "encoder.layers.1.attention.k_proj.weight"
    # No feature depends on what training masks sound with: such checkpoints are on the hub.
    held = {key: value for key, value in held.items() if key not in ("masked_spec_embed", lost)}
    save_file(held, file, {"format": "pt"})
    told = refused_weights(clips, "hubert_large", whole, capsys)
    reason = f"is no checkpoint of HubertModel: it lacks 1 of its weights, such as {lost}"
    assert told == f"error: hubert_large: {whole} {reason}\n"


def test_rows_of_two_widths_in_one_file_are_refused(clips: Path, tmp_path: Path) -> None:
    from blendfuse.extract.clips import find_clips
    from blendfuse.extract.session import Session, Settings
    from toy_encoders import ToySound

    class Uneven(ToySound):
        def encode_sound(self, samples: Any) -> Any:
            return [frames[:, : 3 if len(samples) == 8000 else 2] for frames in super().encode_sound(samples)]

    wav(clips, "longer.wav", 0.75)
    session = Session(find_clips([clips], False, None), [Uneven()], Settings(tmp_path / "data"))
    with pytest.raises(ExtractError, match=r"toy_sound: clips gave rows of different lengths: \[14, 21\]"):
        session.run(lambda clip: None)


def test_a_face_finder_that_is_not_installed_is_named(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blendfuse.extract.clips import find_clips
    from blendfuse.extract.encoders.base import Sampling
    from blendfuse.extract.errors import MissingPackage
    from blendfuse.extract.session import Session, Settings
    from toy_encoders import ToyPictures

    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    settings = Settings(tmp_path / "data", Sampling(crop_faces=True))
    with pytest.raises(
        MissingPackage, match="facenet_pytorch is not installed: pip install --no-deps facenet-"
    ):
        Session(find_clips([clips], False, None), [ToyPictures()], settings)
    assert not (tmp_path / "data").exists()


def test_other_weights_are_not_mixed_into_a_file(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiny_checkpoints import speech_checkpoint

    for number in (1, 2):
        folder = speech_checkpoint("wavlm_large", tmp_path / str(number))
        (folder / "README.md").write_text(f"checkpoint {number}")
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "wavlm_large", "--weights"]
    assert main([*arguments, f"wavlm_large={tmp_path / '1'}"]) == 0
    wav(clips, "new.wav")
    capsys.readouterr()
    assert main([*arguments, f"wavlm_large={tmp_path / '2'}"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert (
        "wavlm_large.npz: was made otherwise (source" in told and "choose another --out, or --force" in told
    )


def test_a_disk_that_is_full_is_told(clips: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    pytest.importorskip("opensmile", reason="no opensmile")
    if os.name != "posix":
        pytest.skip("no resource limits")
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))\n"
        "from blendfuse.extract.command import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [
        sys.executable,
        "-c",
        script,
        str(clips),
        "--out",
        str(tmp_path / "data"),
        "--encoders",
        "egemaps",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("error: "), done.stderr
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "data").rglob("egemaps.npz"))


def test_the_output_is_no_folder(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("opensmile", reason="no opensmile")
    (tmp_path / "data").write_text("a file")
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ") and "data" in told and told.count("\n") == 1
