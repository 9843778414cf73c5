"""Weights in files: those that come inside a package, and the hash of any."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from ..errors import MissingPackage


def package_file(package: str, name: str, install: str) -> Path:
    """The path of a file in an installed package, which is not imported.

    Raises:
        MissingPackage: if there is no such package or file, with what to install.
    """
    spec = find_spec(package)
    folder = next(iter(spec.submodule_search_locations or []), None) if spec else None
    if folder is None:
        raise MissingPackage(f"{package} is not installed: pip install {install}")
    path = Path(folder) / name
    if not path.is_file():
        raise MissingPackage(f"{package} has no {name}: pip install {install}")
    return path


def sha256(path: Path) -> str:
    """The hash of a file, or of a folder: that of its files' names and hashes, in their order."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and ".git" not in file.parts)
        listed = "".join(f"{file.relative_to(path).as_posix()}\t{sha256(file)}\n" for file in files)
        return hashlib.sha256(listed.encode()).hexdigest()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
