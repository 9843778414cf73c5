"""Every command on docs/encoders.md that begins with `blendfuse extract` is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from blendfuse.extract.command import main, parser
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


def test_the_page_has_commands() -> None:
    if not PAGE.exists():
        pytest.skip(f"no {PAGE}")
    assert len(commands()) >= 12
