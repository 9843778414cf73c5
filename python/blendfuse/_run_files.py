"""The files of a run in memory: what the command reads and writes as a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from . import _native
from ._files import whole_file

WEIGHTS = "weights.safetensors"
LAST = "last.safetensors"
HISTORY = "history.jsonl"

# Those of the command, and what only Python needs.
NAMES = (WEIGHTS, LAST, "history.csv", HISTORY, "manifest.json")
ESTIMATOR = "estimator.json"


@dataclass(frozen=True)
class RunFiles:
    """The files of a run folder."""

    contents: Mapping[str, bytes | _native.Weights]

    @staticmethod
    def read(folder: str | PathLike[str]) -> RunFiles:
        """Those that are there, of a run's folder or of a weights file by itself."""
        path = Path(folder)
        if path.is_file():
            return RunFiles({WEIGHTS: path.read_bytes()})
        there = [name for name in NAMES if (path / name).is_file()]
        found = {name: (path / name).read_bytes() for name in there}
        # Without validation clips they are the same, and kept once.
        if WEIGHTS in found and found.get(LAST) == found[WEIGHTS]:
            found[LAST] = found[WEIGHTS]
        return RunFiles({**found})

    def with_weights(self, best: _native.Weights, last: _native.Weights | None) -> RunFiles:
        """The same with those of a model in memory; the last epoch's are None where they are the best."""
        return RunFiles({**self.contents, WEIGHTS: best, LAST: best if last is None else last})

    def write(self, folder: str | PathLike[str], more: Mapping[str, str]) -> None:
        """Writes all into a folder that is made, or is empty.

        Raises
        ------
        FileExistsError
            If the folder holds anything.
        """
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(f"{path}: already holds something; choose another name, or remove it")
        path.mkdir(parents=True, exist_ok=True)
        texts = {name: text.encode() for name, text in more.items()}
        for name, data in {**self.contents, **texts}.items():
            with whole_file(path / name, overwrite=False) as temporary:
                temporary.write_bytes(bytes(data))

    def history(self) -> list[dict[str, Any]]:
        """One record per epoch."""
        lines = bytes(self.contents.get(HISTORY, b"")).decode().splitlines()
        return [json.loads(line) for line in lines]


def encoded(value: Any) -> Any:
    """A parameter as JSON has it; slices as mappings.

    Raises
    ------
    TypeError
        For a value that no file can hold.
    """
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return [encoded(one) for one in value.tolist()]
    if isinstance(value, Mapping):
        return {"mapping": [[str(name), encoded(one)] for name, one in value.items()]}
    if isinstance(value, (list, tuple)):
        return [encoded(one) for one in value]
    json.dumps(value)
    return value


def decoded(value: Any) -> Any:
    """What `encoded` was given."""
    if isinstance(value, list):
        return [decoded(one) for one in value]
    if isinstance(value, dict) and "slice" in value:
        return slice(*value["slice"])
    if isinstance(value, dict) and "mapping" in value:
        return {name: decoded(one) for name, one in value["mapping"]}
    return value
