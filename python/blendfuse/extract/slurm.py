"""The same command as tasks of a Slurm array: they share the clips as processes on one folder do."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import ExtractError

# Options that a preempted task needs to go on, and where its output goes.
DIRECTIVES = "#SBATCH --job-name=blendfuse-extract\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"


def task_command(arguments: Sequence[str]) -> list[str]:
    """The command of each task: `arguments` without the flags that submit it."""
    words = iter(arguments)
    kept = []
    for word in words:
        if word in ("--executor", "--tasks", "--slurm-args", "--print"):
            next(words, None)
        elif not word.startswith(("--executor=", "--tasks=", "--slurm-args=", "--print=")):
            kept.append(word)
    return [sys.executable, "-m", "blendfuse.extract", *kept]


def submit(arguments: Sequence[str], out: Path, tasks: int, options: str) -> str:
    """Submits an array of `tasks` tasks; returns what sbatch said.

    Raises:
        ExtractError: if sbatch is missing or refuses, or `options` has an unclosed quote.
    """
    folder = out / ".extract" / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "task.sh"
    script.write_text(
        f"#!/bin/sh\n{DIRECTIVES}#SBATCH --array=1-{tasks}\nexec {shlex.join(task_command(arguments))}\n",
        encoding="utf-8",
    )
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise ExtractError(f"--slurm-args {options}: {error}; expected shell-quoted options") from error
    output = folder / "task-%a.txt"
    command = ["sbatch", f"--output={output}", f"--chdir={Path.cwd()}", *words, str(script)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ExtractError("sbatch: not found; run this on a machine that submits to Slurm") from error
    if done.returncode:
        raise ExtractError(f"sbatch refused: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
