"""The command `blendfuse`, run by the engine in this process."""

from __future__ import annotations

import os
import signal
import sys

from . import _native
from ._binary import find_binary


def main() -> None:
    """Runs the command with the arguments of this process, and ends with its exit code."""
    # The engine has its own way to stop, and before it is set up an interruption ends the process, as it does
    # other programs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        program = find_binary()
    except FileNotFoundError:
        program = os.path.abspath(sys.argv[0])
    sys.exit(_native.run_command(program, sys.argv[1:]))
