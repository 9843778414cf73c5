"""Every command on docs/encoders.md is one that the program takes."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract.command import main, parser
from conftest import SIZES, Run, clips_of
from made_clips import write_clip

PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def commands() -> list[str]:
    """Whole commands, and the flags that the table names by themselves."""
    if not PAGE.exists():
        return []
    text = PAGE.read_text(encoding="utf-8")
    whole = re.findall(r"(?:^    |`)blendfuse extract ([^`\n]*?)(?:`|$)", text, re.MULTILINE)
    flags = re.findall(r"^\|[^|`]*\| `(--[^`]+)`", text, re.MULTILINE)
    return [*whole, *(f"CLIPS --out DATA {flag}" for flag in flags)]


@pytest.mark.parametrize("command", commands() or [pytest.param("", marks=pytest.mark.skip(f"no {PAGE}"))])
def test_a_command_of_the_page_runs_dry(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="no av")
    words = shlex.split(command.partition("#")[0])
    given = parser().parse_args(words)
    if given.list:
        assert main(words) == 0
        return
    if given.like is not None:
        pytest.skip("test_extract_like.py runs it")
    for name in ("CLIPS", "DIR", "CLONE", "HiCMAE"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "checkpoint-99.pth").touch()
    write_clip(tmp_path / "CLIPS" / "clip.mkv", 5)
    monkeypatch.chdir(tmp_path)
    if given.encoders is None:
        words += ["--encoders", "hicmae" if given.code else "wavlm_large"]
    extra = [] if given.print or given.executor == "slurm" else ["--dry-run", "--offline"]
    if given.executor == "slurm":
        monkeypatch.setenv("PATH", str(tmp_path))
        assert main([*words, *extra]) == 2
        assert "sbatch: not found" in capsys.readouterr().err
        return
    assert main([*words, *extra]) == 0, capsys.readouterr().err


# What makes a command of the page short enough for a test.
SHORT = {
    "cv": [part for size in SIZES for part in ("--set", f"model.{size}")] + ["--set", "train.max_epochs=1"],
    "synth": ["--preset", "tiny", "--encoders", "2"],
}


def other_commands() -> list[str]:
    """Those with arguments that are not of `extract`; `test_extract_predict.py` runs those of `predict`."""
    if not PAGE.exists():
        return []
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"(?:^    |`)blendfuse ([a-z]+ [^`\n]+?)(?:`|$)", text, re.MULTILINE)
    return [command for command in found if command.split()[0] not in ("extract", "predict")]


@pytest.mark.parametrize(
    "command", other_commands() or [pytest.param("", marks=pytest.mark.skip(f"no {PAGE}"))]
)
def test_another_command_of_the_page_runs(
    command: str, data: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with what the page's other examples leave there."""
    shutil.copytree(data, tmp_path / "DATA")
    for file in (tmp_path / "DATA").rglob("openface2.npz"):
        # The page makes it.
        file.unlink()
    (tmp_path / "frames/colour").mkdir(parents=True)
    (tmp_path / "processed").mkdir()
    faces = PAGE.parents[1] / "fixtures/openface/openface2.csv"
    for split in ("train", "test"):
        for clip in clips_of(data / f"{split}_metadata.csv"):
            np.save(tmp_path / f"frames/colour/{Path(clip).stem}.npy", np.ones((4, 3), np.float32))
            shutil.copy(faces, tmp_path / f"processed/{Path(clip).stem}.csv")
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    words = shlex.split(command, comments=True)
    run(*words, *SHORT.get(words[0], []))
    assert {path for path in tmp_path.rglob("*") if path.is_file()} > before


def test_the_page_has_commands() -> None:
    if not PAGE.exists():
        pytest.skip(f"no {PAGE}")
    assert len(commands()) >= 12
    assert {command.split()[0] for command in other_commands()} == {
        "aggregate",
        "cv",
        "inspect",
        "openface",
        "synth",
    }
