"""The weights file: tensors named as in a PyTorch `state_dict`, with a description of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ._files import whole_file

if TYPE_CHECKING:
    import torch

FORMAT_VERSION = 2
"""Of the weights file; a newer one is refused. Files that decode as the challenge does have version 1."""

METADATA_KEY = "blendfuse"

Tensor = TypeVar("Tensor")


@dataclass(frozen=True)
class Encoder:
    """An encoder of the model."""

    name: str
    """As in the names of its tensors and its feature file."""
    modality: str
    """video, audio or multimodal."""
    width: int
    """Columns of its feature file."""


@dataclass(frozen=True)
class Weights(Generic[Tensor]):
    """The contents of a weights file."""

    path: Path
    """The file."""
    tensors: dict[str, Tensor]
    """Parameters, running statistics, and `input.NAME.mean`, `.std`, by name; all float32."""
    encoders: tuple[Encoder, ...]
    """In the order of the network's inputs."""
    classes: tuple[str, ...]
    """In the order of every probability vector."""
    neutral: str | None
    """The neutral class, if there is one."""
    fold: int | None
    """The fold that was held out, if one was."""
    epoch: int
    """The epoch that the weights are from, counted from 1."""
    thresholds: dict[str, Any]
    """`presence`, `salience`, `alpha` and, where it is not 1, `beta` that the model decodes with, and whether they were `searched`."""
    config: dict[str, Any]
    """The full configuration: tables `model`, `loss`, `uda`, `train`, `data`, `decode`."""
    program: str
    """The program that wrote the file."""
    format_version: int = FORMAT_VERSION
    """Of the file."""


@overload
def load_weights(run_or_file: str | PathLike[str]) -> Weights[NDArray[np.float32]]: ...


@overload
def load_weights(
    run_or_file: str | PathLike[str], framework: Literal["numpy"]
) -> Weights[NDArray[np.float32]]: ...


@overload
def load_weights(run_or_file: str | PathLike[str], framework: Literal["torch"]) -> Weights[torch.Tensor]: ...


def load_weights(run_or_file: str | PathLike[str], framework: str = "numpy") -> Weights[Any]:
    """Reads a trained model: a run folder (its `weights.safetensors`), or a weights file.

    With `framework="torch"` the tensors are PyTorch's, on the CPU, else numpy arrays.

    Raises:
        FileNotFoundError: if no such file.
        ValueError: if it is not a weights file of blendfuse, or of a later format.
    """
    if framework not in ("numpy", "torch"):
        raise ValueError(f"framework: found {framework!r}, expected 'numpy' or 'torch'")
    path = weights_path(run_or_file)
    try:
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file, or a damaged one ({error})") from error
    if METADATA_KEY not in metadata:
        raise ValueError(
            f"{path}: no blendfuse metadata; expected a file that blendfuse trained"
            " (PyTorch weights: blendfuse train --init)"
        )
    return describe(path, tensors, metadata[METADATA_KEY])


def weights_path(run_or_file: str | PathLike[str]) -> Path:
    """The file itself, or the one in a run folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    path = Path(run_or_file)
    file = path / "weights.safetensors" if path.is_dir() else path
    if file.is_file():
        return file
    if path.is_dir():
        raise FileNotFoundError(
            f"{path}: contains no weights.safetensors; expected the folder of a trained model"
        )
    raise FileNotFoundError(
        f"{path}: expected the folder of a trained model, or its weights file; neither exists"
    )


def describe(path: Path, tensors: dict[str, Any], text: str) -> Weights[Any]:
    """Weights from their tensors and the text of the metadata entry."""
    try:
        entry = json.loads(text)
        version = int(entry["format_version"])
        if version > FORMAT_VERSION:
            raise ValueError(
                f"{path}: format version {version}, this package reads up to {FORMAT_VERSION};"
                " use a newer blendfuse"
            )
        return Weights(
            path=path,
            tensors=tensors,
            encoders=tuple(
                Encoder(encoder["name"], encoder["modality"], int(encoder["width"]))
                for encoder in entry["encoders"]
            ),
            classes=tuple(entry["classes"]),
            neutral=entry["neutral"],
            fold=entry["fold"],
            epoch=int(entry["epoch"]),
            # Files from before alpha was stored were decoded with 1.
            thresholds={"alpha": 1.0} | entry["thresholds"],
            config=entry["config"],
            program=entry["program"],
            format_version=version,
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: unreadable metadata: {type(error).__name__} {error}") from error


def save_weights(
    path: str | PathLike[str],
    weights: Weights[Any],
    tensors: Mapping[str, NDArray[np.float32]],
    program: str,
    *,
    overwrite: bool = False,
) -> None:
    """Writes `tensors` as a weights file that the program reads, with the description of `weights`.

    Raises:
        FileExistsError: if `path` is there, without `overwrite`.
    """
    from safetensors.numpy import save_file

    described = replace(weights, program=program)
    entry = {
        "format_version": described.format_version,
        "program": described.program,
        "encoders": [encoder.__dict__ for encoder in described.encoders],
        "classes": described.classes,
        "neutral": described.neutral,
        "fold": described.fold,
        "epoch": described.epoch,
        "thresholds": described.thresholds,
        "config": described.config,
    }
    contiguous = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}
    with whole_file(Path(path), overwrite) as temporary:
        save_file(contiguous, temporary, metadata={METADATA_KEY: json.dumps(entry)})
