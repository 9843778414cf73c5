"""The command line: bad requests and bad clips give a line each; a real run with packaged features."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract import listing
from blendfuse.extract.command import main
from made_clips import tone, write_clip

pytest.importorskip("av", reason="no av")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(2):
        sound = tone(0.5, 16000, hertz=200 + 100 * number)[None]
        write_clip(folder / f"clip{number}.wav", sound=sound, rate=16000)
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "expected CLIPS, --out DATA and --encoders LIST"),
        ("CLIPS --out DATA", "expected CLIPS, --out DATA and --encoders LIST"),
        ("CLIPS --out DATA --encoders wavlm_lage", "'wavlm_lage' is unknown; did you mean wavlm_large"),
        ("CLIPS --out DATA --encoders ,", "encoder '' is unknown"),
        ("nowhere --out DATA --encoders egemaps", "nowhere: no such file or folder"),
        ("CLIPS --out DATA --encoders egemaps --pattern *.mov", "no media files that match '*.mov'"),
        ("CLIPS --out DATA --encoders egemaps --frames-per-second 0", "expected a number above 0"),
        ("CLIPS --out DATA --encoders egemaps --layer 3", "egemaps: its layers cannot be chosen"),
        ("CLIPS --out DATA --encoders clip --layers 9-6", "--layers '9-6': expected numbers such as"),
        ("CLIPS --out DATA --encoders clip --layers six", "--layers 'six': expected numbers such as"),
        ("CLIPS --out DATA --encoders clip --layer 1 --layers 2", "exclude each other"),
        ("CLIPS --out DATA --encoders clip --weights dinov2=CLIPS", "expected NAME=DIR with one of"),
        ("CLIPS --out DATA --encoders clip --weights clip=nowhere", "no such file or folder"),
        ("CLIPS --out DATA --encoders video_swin_finetuned", "use video_swin"),
        ("CLIPS --out DATA --encoders openface2", "FeatureExtraction"),
    ],
)
def test_a_bad_request_is_one_line(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    if "egemaps --layer" in arguments:
        pytest.importorskip("opensmile", reason="no opensmile")
    words = arguments.replace("CLIPS", str(clips)).replace("DATA", str(tmp_path / "data")).split(" ")
    assert main([word for word in words if word]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.startswith("error: ") and told.err.count("\n") == 1
    assert told.out == "" and not (tmp_path / "data").exists()


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m blendfuse.extract --list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("paper (36)") and done.stderr == ""


def test_two_files_of_one_clip_are_refused(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clips / "clip0.flac").write_bytes((clips / "clip0.wav").read_bytes())
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]) == 2
    assert "are both the clip 'clip0'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b"text\n" * 99, "cannot be opened as a clip"), (None, "ermission")],
)
def test_a_bad_clip_is_listed_and_the_others_are_there_with_skip_bad(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    pytest.importorskip("opensmile", reason="no opensmile")
    bad = clips / "bad.wav"
    bad.write_bytes(content if content is not None else (clips / "clip0.wav").read_bytes())
    if content is None:
        bad.chmod(0)
        if os.access(bad, os.R_OK):
            pytest.skip("this user reads every file")
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert re.search(f"error: egemaps: bad: .*{message}", told) and "--skip-bad" in told
    assert main([*arguments, "--skip-bad", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["written"].values()) == [2] and list(report["failed"]["egemaps"]) == ["bad"]


def test_functionals_are_rows_themselves(clips: Path, tmp_path: Path) -> None:
    opensmile = pytest.importorskip("opensmile", reason="no opensmile")
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]) == 0
    with np.load(tmp_path / "data/features/train/egemaps.npz") as arrays:
        rows = arrays["X"]
        assert arrays["filenames"].tolist() == ["clip0.wav", "clip1.wav"]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    expected = smile.process_files([str(clips / f"clip{n}.wav") for n in range(2)]).to_numpy(np.float32)
    np.testing.assert_array_equal(rows, expected)


def test_a_dry_run_tells_what_is_needed_and_writes_nothing(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "paper", "--dry-run"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "2 clips" in told and "dinov3: hub: facebook/dinov3" in told and "gated" in told
    assert not (tmp_path / "data").exists()


def test_all_packages_that_are_missing_are_told_at_once(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(listing, "version", missing)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "clip"]) == 2
    told = "error: clip: torch is not installed: pip install torch; it also needs transformers, pillow\n"
    assert capsys.readouterr().err == told
