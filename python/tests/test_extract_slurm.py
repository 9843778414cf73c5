"""Several tasks: printed for any scheduler, or submitted to Slurm (a stand-in for sbatch runs the array)."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract.command import main
from blendfuse.extract.slurm import task_command
from made_clips import tone, write_clip

pytest.importorskip("av", reason="no av")
pytest.importorskip("opensmile", reason="no opensmile")

# Runs the tasks of the script's array at the same time, as Slurm may.
SBATCH = """#!/bin/sh
echo "$@" > {said}
for last; do :; done
tasks=$(sed -n 's/^#SBATCH --array=1-//p' "$last")
for task in $(seq "$tasks"); do sh "$last" > {said}.$task 2>&1 & done
wait
echo "Submitted batch job 7"
"""


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(6):
        sound = tone(0.3, 16000, hertz=200 + 40 * number)[None]
        write_clip(folder / f"clip{number}.wav", sound=sound, rate=16000)
    return folder


def test_a_task_is_the_command_without_what_submits_it() -> None:
    words = [
        "clips",
        "--tasks",
        "4",
        "--executor=slurm",
        "--slurm-args",
        "--gpus=1 --mem=4G",
        "--out",
        "DATA",
    ]
    assert task_command(words) == [sys.executable, "-m", "blendfuse.extract", "clips", "--out", "DATA"]


def test_commands_for_any_scheduler_share_the_work(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]
    assert main([*arguments, "--print", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1] and not (tmp_path / "data").exists()
    workers = [subprocess.Popen(shlex.split(line)) for line in lines]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    with np.load(tmp_path / "data/features/train/egemaps.npz") as arrays:
        assert len(arrays["X"]) == 6


@pytest.mark.skipif(os.name != "posix", reason="no sh")
def test_an_array_makes_the_files(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    sbatch = programs / "sbatch"
    sbatch.write_text(SBATCH.format(said=tmp_path / "said"))
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "egemaps"]
    slurm = ["--executor", "slurm", "--tasks", "3", "--slurm-args=--mem=4G '--comment=two words'"]
    assert main([*arguments, *slurm]) == 0
    assert capsys.readouterr().out == "Submitted batch job 7\n"
    said = (tmp_path / "said").read_text()
    assert "--mem=4G --comment=two words" in said and "task-%a.txt" in said
    with np.load(tmp_path / "data/features/train/egemaps.npz") as arrays:
        assert len(arrays["X"]) == 6
    sbatch.write_text("#!/bin/sh\necho 'invalid partition' >&2; exit 1\n")
    assert main([*arguments, *slurm]) == 2
    assert capsys.readouterr().err == "error: sbatch refused: invalid partition\n"
    assert main([*arguments, *slurm[:-1], "--slurm-args='open"]) == 2
    assert "expected shell-quoted options" in capsys.readouterr().err
    sbatch.unlink()
    monkeypatch.setenv("PATH", str(programs))
    assert main([*arguments, *slurm]) == 2
    assert "sbatch: not found" in capsys.readouterr().err
