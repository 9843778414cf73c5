"""The Python of the documentation runs, from its first line to its last."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blendfuse
import pytest
from conftest import Run, train

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python.md"

for needed in ("sklearn", "pandas", "matplotlib"):
    pytest.importorskip(needed)

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="only in the repository")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The heading and the text of each block of Python."""
    heading = ""
    pieces = re.split(r"^(#+ .*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for piece in pieces:
        if piece.startswith("#"):
            heading = piece.strip("# ")
        for code in re.findall(r"^```python\n(.*?)^```$", piece, flags=re.MULTILINE | re.DOTALL):
            yield heading, code


def has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.fixture
def folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the page names."""
    run("synth", "--out", tmp_path / "DATA", "--preset", "tiny", "--test-labels")
    train(run, tmp_path / "DATA", tmp_path / "runs" / "fold0")
    out = ("--out", tmp_path / "predictions.zip", "--probs", tmp_path / "probs.npz")
    run("predict", tmp_path / "runs" / "fold0", tmp_path / "DATA", "--split", "test", *out)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_torch(heading: str, code: str) -> bool:
    return "torch" in code or heading in ("The model in PyTorch", "Fine-tuning")


def execute(page: Path, names: dict[str, Any]) -> int:
    import matplotlib

    matplotlib.use("Agg")
    done = 0
    for heading, code in blocks(page):
        if of_torch(heading, code) and not has_torch():
            continue
        with warnings.catch_warnings():
            # Two epochs make no useful model, which the engine says.
            warnings.simplefilter("ignore", blendfuse.TrainingWarning)
            exec(compile(code, f"{page.name}: {heading}", "exec"), names)
        done += 1
    return done


def test_the_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(PAGE, {}) >= 8
    assert "Cross-validation" in capsys.readouterr().out
    assert (folder / "importance.svg").is_file()
    assert (folder / "runs" / "python" / "weights.safetensors").is_file()


def test_the_lines_of_the_front_page_run(folder: Path) -> None:
    code = [code for _, code in blocks(ROOT / "README.md")]
    assert len(code) == 1
    assert len(code[0].splitlines()) <= 6
    assert execute(ROOT / "README.md", {}) == 1
