"""A small data folder, and models trained on it with the installed command."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import blendfuse
import pytest

SIZES = ("projection_dim=8", "shared_dim=16", "gate_hidden=8", "head_hidden=8")

Run = Callable[..., str]


@pytest.fixture(scope="session")
def run() -> Run:
    """The installed command; gives back its standard output."""
    program = blendfuse.find_binary()

    def run(*arguments: str | Path) -> str:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def data(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six encoders, each of which lacks a tenth of the clips."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    run("synth", "--out", folder, "--preset", "tiny", "--missing", "0.1", "--test-labels")
    return folder


@pytest.fixture(scope="session")
def complete(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six encoders that have every clip."""
    folder = tmp_path_factory.mktemp("data") / "complete"
    run("synth", "--out", folder, "--preset", "tiny", "--seed", "1")
    return folder


def train(run: Run, data: Path, out: Path, *settings: str) -> Path:
    """A run of two epochs that fold 0 validates."""
    keys = [f"model.{size}" for size in SIZES] + ["train.max_epochs=2", "train.lr=0.003", *settings]
    run(
        "train",
        data,
        "--out",
        out,
        "--fold",
        "0",
        "--seed",
        "3",
        *(part for key in keys for part in ("--set", key)),
    )
    return out


@pytest.fixture(scope="session")
def trained(run: Run, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(run, data, tmp_path_factory.mktemp("runs") / "plain", "model.top_k=3")


def clips_of(metadata: Path) -> list[str]:
    with metadata.open(newline="", encoding="utf-8") as text:
        return [row["filename"] for row in csv.DictReader(text)]
