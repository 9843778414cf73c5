"""Cross-validation of arrays with the tables of the command's `cv`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native
from ._labels import Labels, read_labels
from ._reading import features_to_fit, in_rows, one_for_each
from ._settings import in_parameters, put, settings_of
from .data import write_features
from .probabilities import Probabilities, read_probabilities

if TYPE_CHECKING:
    import pandas

    from .estimator import FusionClassifier

# Columns of a metadata table that are never classes.
RESERVED = ("filename", "fold", "actor", "split")


@dataclass(frozen=True)
class CrossValidation:
    """What the command `cv` found."""

    folds: list[dict[str, str]]
    """One row for each fold and seed, as `folds.csv`: scores, losses, thresholds, best epoch."""
    summary: dict[str, Any]
    """Means and spreads, pooled thresholds and 95 % intervals, as `summary.json`."""
    tables: str
    """All tables in Markdown, as `tables.md`."""
    out_of_fold: Probabilities
    """Scores of every clip by the model that was not trained on it; of the first seed."""

    def to_frame(self) -> pandas.DataFrame:
        """`folds` as a data frame of numbers."""
        import pandas

        frame = pandas.DataFrame(self.folds)
        for name in frame.columns.drop("trial"):
            frame[name] = pandas.to_numeric(frame[name])
        return frame


def cross_validate(
    estimator: FusionClassifier,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    folds: Any = None,
    cv: int = 5,
    seeds: int = 1,
    out: str | PathLike[str] | None = None,
) -> CrossValidation:
    """Cross-validates as the command's `cv`: each fold is held out once, decides the best epoch of the model that is
    trained on the others, and is scored by it; thresholds are also chosen for all folds together.

    The data are written into a temporary data folder, and the command is run on it.

    Parameters
    ----------
    estimator : FusionClassifier
        Its parameters are the settings; it is not changed. `fold`, `early_stopping` and `validation_fraction` have
        no effect.
    X, y, groups, folds
        As in `FusionClassifier.fit`.
    cv : int
        Without `folds`: how many to make, balanced, clips of one group together.
    seeds : int
        How many seeds to train with, from `random_state` on.
    out : path, optional
        A new folder that keeps all that the command writes, with every model's run folder; None: a temporary one.

    Raises
    ------
    ValueError, TypeError
        As `FusionClassifier.fit`.
    FileExistsError
        If `out` holds anything.
    """
    model = type(estimator)(**estimator.get_params(deep=False))
    features, labels = features_to_fit(model, X), read_labels(y, model.classes)
    _native.check_missing(in_rows(features))
    tables = settings_of(model.get_params(deep=False), json.loads(_native.default_settings()))
    put(tables, "data.classes", labels.names)
    if folds is None:
        put(tables, "data.folds", cv)
    count = features.shape[0]
    if len(labels.targets) != count:
        raise ValueError(f"y: found {len(labels.targets)} labels for {count} clips of X")
    if out is not None and Path(out).exists() and any(Path(out).iterdir()):
        raise FileExistsError(f"{out}: already holds something; choose another name, or remove it")
    with tempfile.TemporaryDirectory(prefix="blendfuse-") as scratch:
        data, found = Path(scratch) / "data", Path(scratch) / "cv" if out is None else Path(out)
        names = [f"clip{row:07}" for row in range(count)]
        write_features(data / "features" / "train", features, names)
        _write_table(data / "train_metadata.csv", names, labels, _columns(groups, folds, count))
        _write_listing(data / "encoders.toml", model)
        command = [sys.executable, "-m", "blendfuse", "cv", str(data), "--out", str(found)]
        command += ["--seed", str(model._seed()), "--seeds", str(seeds), "--quiet"]
        for table, values in tables.items():
            for last, value in values.items():
                command += ["--set", f"{table}.{last}={json.dumps(value)}"]
        threads = model._threads()
        command += [] if threads is None else ["--threads", str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(in_parameters(done.stderr.strip().removeprefix("error: ")))
        return _read(found, seeds)


def _columns(groups: Any, folds: Any, count: int) -> dict[str, list[str]]:
    """The columns beside names and labels."""
    columns: dict[str, list[str]] = {}
    if folds is not None:
        given = [int(fold) for fold in one_for_each("folds", folds, count)]
        columns["fold"] = ["" if fold < 0 else str(fold) for fold in given]
    if groups is not None:
        columns["actor"] = [str(group) for group in one_for_each("groups", groups, count)]
    return columns


def _write_table(path: Path, names: list[str], labels: Labels, more: dict[str, list[str]]) -> None:
    for name in labels.names:
        if name in RESERVED or not name.strip():
            raise ValueError(f"y: the class {name!r} has the name of another column; call it otherwise")
    with path.open("w", newline="", encoding="utf-8") as text:
        table = csv.writer(text)
        table.writerow(["filename", *more, *labels.names])
        for row, (name, shares) in enumerate(zip(names, labels.targets.tolist())):
            table.writerow([name, *(values[row] for values in more.values()), *map(repr, shares)])


def _write_listing(path: Path, model: FusionClassifier) -> None:
    entries = []
    for name, modality in dict(model.modalities or {}).items():
        told = "" if modality is None else f"modality = {json.dumps(modality)}\n"
        entries.append(f"[[encoder]]\nname = {json.dumps(name)}\n{told}")
    if entries:
        path.write_text("\n".join(entries), encoding="utf-8")


def _read(folder: Path, seeds: int) -> CrossValidation:
    first = "out_of_fold" if seeds == 1 else min(found.stem for found in folder.glob("out_of_fold_seed*.npz"))
    with (folder / "folds.csv").open(newline="", encoding="utf-8") as text:
        folds = list(csv.DictReader(text))
    return CrossValidation(
        folds=folds,
        summary=json.loads((folder / "summary.json").read_text(encoding="utf-8")),
        tables=(folder / "tables.md").read_text(encoding="utf-8"),
        out_of_fold=read_probabilities(folder / f"{first}.npz"),
    )
