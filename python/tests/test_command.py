"""The installed command and what importing the package costs."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import blendfuse
import pytest
from blendfuse import _binary


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_command_and_the_module_are_the_program_of_this_version() -> None:
    told = output(blendfuse.find_binary(), "--version")
    assert told.startswith(f"blendfuse {version('blendfuse')}")
    assert output(sys.executable, "-m", "blendfuse", "--version") == told


def test_the_module_passes_the_exit_code_on() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blendfuse", "inspect", "/nowhere"], capture_output=True, check=False
    )
    assert done.returncode == 2


def test_importing_the_package_does_not_import_torch() -> None:
    assert output(sys.executable, "-c", "import blendfuse, sys; print('torch' in sys.modules)") == "False\n"


def test_a_missing_program_is_told_with_the_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *_, **__: str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(_binary, "__file__", str(tmp_path / "blendfuse" / "_binary.py"))
    with pytest.raises(FileNotFoundError, match=f"not found in {re.escape(str(tmp_path))}.*pip install"):
        blendfuse.find_binary()
