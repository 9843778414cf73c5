"""The location of the installed program."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def find_binary() -> str:
    """Path of the program installed with this package.

    Looked for where installers put programs: in the environment's folder for them, the user's, and
    beside the package (`pip install --target`).

    Raises:
        FileNotFoundError: if it is in none of them; the message names the folders.
    """
    name = "blendfuse" + (".exe" if os.name == "nt" else "")
    package = Path(__file__).resolve().parent
    folders = [
        Path(sysconfig.get_path("scripts")),
        Path(sys.executable).parent,
        Path(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user"))),
        package.parent / "bin",
    ]
    for folder in folders:
        found = folder / name
        if found.is_file():
            return str(found)
    looked = ", ".join(dict.fromkeys(map(str, folders)))
    raise FileNotFoundError(
        f"{name}: not found in {looked}; install it with: pip install --force-reinstall blendfuse"
    )
