"""Probability tables, as written by `blendfuse predict --probs`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILENAME = "filename"
HEADS = ("presence", "salience", "aligned")


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of clips; every array is (clips, classes), in float64."""

    filenames: tuple[str, ...]
    """One per row."""
    classes: tuple[str, ...]
    """One per column."""
    presence: NDArray[np.float64] | None
    """p, the sigmoid of the presence head; None if the file contains one distribution per clip."""
    salience: NDArray[np.float64] | None
    """s, the softmax of the salience head; None likewise."""
    aligned: NDArray[np.float64]
    """f (eq. 14), the scores to decode; or the distribution in the file."""


def read_probabilities(file: str | PathLike[str]) -> Probabilities:
    """Reads a `.npz` or `.csv` written by `predict --probs`, or a `.csv` with one column per class.

    Raises:
        FileNotFoundError: if no such file.
        ValueError: naming the file and what is wrong with it.
    """
    path = Path(file)
    return _from_npz(path) if path.suffix.lower() == ".npz" else _from_csv(path)


def _from_npz(path: Path) -> Probabilities:
    with np.load(path, allow_pickle=False) as arrays:
        lacking = [name for name in ("filenames", "classes", *HEADS) if name not in arrays]
        if lacking:
            found = ", ".join(arrays) or "none"
            raise ValueError(
                f"{path}: found the arrays {found}; {', '.join(lacking)} missing: expected --probs FILE.npz"
            )
        names, classes = arrays["filenames"].tolist(), arrays["classes"].tolist()
        presence, salience, aligned = (np.asarray(arrays[head], np.float64) for head in HEADS)
    expected = (len(names), len(classes))
    for head, values in zip(HEADS, (presence, salience, aligned)):
        if values.shape != expected:
            raise ValueError(f"{path}: {head}: found shape {list(values.shape)}, expected {list(expected)}")
    return Probabilities(tuple(names), tuple(classes), presence, salience, aligned)


def _from_csv(path: Path) -> Probabilities:
    with path.open(newline="", encoding="utf-8-sig") as text:
        lines = csv.reader(text)
        header = next(lines, [])
        if not header or header[0] != FILENAME or len(header) < 2:
            raise ValueError(
                f"{path}: line 1: expected {FILENAME} and a column for each class, found {','.join(header)!r}"
            )
        names, rows = [], []
        for line in lines:
            if len(line) != len(header):
                raise ValueError(
                    f"{path}: line {lines.line_num}: found {len(line)} cells, expected {len(header)}"
                )
            names.append(line[0])
            try:
                rows.append([float(cell) for cell in line[1:]])
            except ValueError as error:
                raise ValueError(f"{path}: line {lines.line_num}: {error}; expected numbers") from error
    values = np.array(rows, np.float64).reshape(len(rows), len(header) - 1)
    columns = header[1:]
    of_head = {
        head: [(at, name[len(head) + 1 :]) for at, name in enumerate(columns) if name.startswith(f"{head}_")]
        for head in HEADS
    }
    if not any(of_head.values()):
        return Probabilities(tuple(names), tuple(columns), None, None, values)
    classes = tuple(name for _, name in of_head["aligned"])
    for found in of_head.values():
        if tuple(name for _, name in found) != classes or len(columns) != len(HEADS) * len(classes):
            raise ValueError(
                f"{path}: line 1: expected presence_CLASS, salience_CLASS and aligned_CLASS for every class,"
                f" found {','.join(columns)!r}"
            )
    presence, salience, aligned = (values[:, [at for at, _ in of_head[head]]] for head in HEADS)
    return Probabilities(tuple(names), classes, presence, salience, aligned)
