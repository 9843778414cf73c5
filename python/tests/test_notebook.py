"""The notebook runs: as a script, and in Jupyter where its tools are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "encoder_importance.py"

for needed in ("sklearn", "pandas", "matplotlib"):
    pytest.importorskip(needed)

pytestmark = pytest.mark.skipif(not NOTEBOOK.is_file(), reason="only in the repository")


def test_it_runs_as_a_script(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(NOTEBOOK)],
        capture_output=True,
        text=True,
        check=False,
        env={"MPLBACKEND": "Agg", "TMPDIR": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    figure = Path(done.stdout.strip().rpartition("written: ")[2])
    assert figure.read_text(encoding="utf-8").count("<svg") == 1


def test_it_runs_in_jupyter(tmp_path: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    client = pytest.importorskip("nbclient")
    notebook = jupytext.read(NOTEBOOK)
    client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
