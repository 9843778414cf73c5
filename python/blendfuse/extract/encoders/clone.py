"""Model code that no package index has: a file of a clone that the user names with `--code NAME=DIR`."""

from __future__ import annotations

import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from ..errors import ExtractError, MissingPackage
from ..registry import EncoderSpec
from .base import LoadOptions
from .packaged import sha256


def module_of_clone(spec: EncoderSpec, options: LoadOptions) -> Any:
    """The module of the table's file in the user's clone.

    Raises:
        MissingPackage: without a clone, or if what the file imports is missing; with what to do.
        ExtractError: if the file is another one than that of the table's revision.
    """
    code = spec.code or {}
    folder = options.code.get(spec.name)
    if folder is None:
        raise MissingPackage(
            f"its code is a repository: git clone https://github.com/{code['repository']} DIR && git -C DIR checkout "
            f"{code['revision']}, then --code {spec.name}=DIR"
        )
    path = folder / code["file"]
    if not path.is_file():
        raise ExtractError(
            f"--code {spec.name}={folder}: no {code['file']}; expected a clone of {code['repository']}"
        )
    if sha256(path) != code["sha256"]:
        raise ExtractError(
            f"--code {spec.name}={folder}: {code['file']} is not that of revision {code['revision']}; check that out"
        )
    return _load(path, spec)


def _load(path: Path, spec: EncoderSpec) -> Any:
    # Its decorators register the models, for which the module has to be known by its name.
    name = f"blendfuse_clone_{spec.name}"
    found = spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ExtractError(f"{path}: cannot be imported")
    sys.modules[name] = module = module_from_spec(found)
    try:
        # It imports timm by old names, and registers models under names that timm has too; neither matters here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.loader.exec_module(module)
    except ImportError as error:
        raise MissingPackage(f"{path} cannot be imported: {error}") from error
    return module
