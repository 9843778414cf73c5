"""People held out in turn, for `new_people.py`: data folders with prepared columns, the fusion model trained and
decoded on them."""

from __future__ import annotations

import csv
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from actor_statistics import by_actor, by_training
from nested import Data, data_folder
from standard_classifiers import CHALLENGE, NOT_A_CLASS, read_features, read_labels, stem

PLAIN, CUT, ACTOR, BOTH = "training", "training, bounded", "actor", "actor, bounded"
ADVERSARY = ["--set", "uda.enabled=true"]
FUSION = {
    "fusion": (PLAIN, []),
    "fusion, bounds": (CUT, []),
    "fusion, actor": (ACTOR, []),
    "fusion, actor, bounds": (BOTH, []),
    "fusion, adversary": (PLAIN, ADVERSARY),
    "fusion, actor, bounds, adversary": (BOTH, ADVERSARY),
}


class People(Data):
    """A data folder; a labelled test split is one fold more, and the only one held out."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.held_out = list(range(self.fold.max() + 1))
        files = sorted((folder / "features" / "train").glob("*.npz"))
        test = folder / "test_metadata.csv"
        if test.exists():
            with test.open(newline="", encoding="utf-8-sig") as file:
                more = list(csv.DictReader(file))
            if all(row.get("emotion_1") for row in more):
                self.rows += more
                names = [row["filename"] for row in more]
                self.names += names
                self.fold = np.append(self.fold, np.full(len(more), self.fold.max() + 1))
                self.held_out = [int(self.fold.max())]
                self.y = read_labels(self.rows)
                self.x = np.vstack(
                    [
                        self.x,
                        np.hstack(
                            [read_features(folder / "features" / "test" / f.name, names) for f in files]
                        ),
                    ]
                )
        if self.task == "distributions" and (self.y > 0).sum(axis=1).max() == 2:
            self.task = "blends"
        for row in self.rows:
            # As blendfuse guesses where there is no column.
            row["actor"] = row.get("actor") or row["filename"].split("_")[0]
        self.actor = np.unique([row["actor"] for row in self.rows], return_inverse=True)[1]
        self.classes = class_names(self.rows)
        self.encoders, start = {}, 0
        for file in files:
            with np.load(file) as arrays:
                width = arrays["X"].shape[1]
            self.encoders[file.stem] = slice(start, start + width)
            start += width

    def prepared(self, kind: str, training: np.ndarray, k: float, bound: float) -> np.ndarray:
        """All rows, standardised; NaN in the columns of an encoder that a clip lacks."""
        x = (
            by_actor(self.x, training, self.actor, k)
            if kind in (ACTOR, BOTH)
            else by_training(self.x, training)
        )
        if kind in (CUT, BOTH):
            x = np.clip(x, -bound, bound)
        return np.where(np.isnan(self.x), np.nan, x)


def class_names(rows: list[dict]) -> list[str]:
    """As `read_labels` orders them."""
    if "emotion_1" not in rows[0]:
        return [column for column in rows[0] if column not in NOT_A_CLASS]
    named = {row[key] for row in rows for key in ("emotion_1", "emotion_2")} - {""}
    return CHALLENGE if named <= set(CHALLENGE) else sorted(named)


@dataclass
class Outcome:
    """Scores p (N, C) and predicted shares (N, C) of clips of all folds; `inner` are the scores (N, C) of the
    training clips of each held-out fold, by models not trained on them."""

    p: np.ndarray
    shares: np.ndarray
    inner: dict[int, np.ndarray]


@dataclass
class Study:
    data: People
    work: Path
    program: str
    shrinkage: float
    bound: float
    keys: bool
    epochs: int | None

    def run(self, *arguments) -> str:
        command = [self.program, *map(str, arguments), "--threads", "1", "-q"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    # Data

    def folder(self, held_out: int, kind: str) -> tuple[Path, list[str]]:
        """The data folder of a fold with prepared columns, and the settings that go with it."""
        if kind == PLAIN or self.keys:
            # Until here nothing is standardised: the program does it.
            folder, keys = (
                self.work / f"data-{held_out}",
                {
                    PLAIN: [],
                    CUT: [f"data.clip_values={self.bound:g}"],
                    ACTOR: ['data.standardize="actor"', f"data.actor_shrinkage={self.shrinkage:g}"],
                },
            )
            keys[BOTH] = keys[ACTOR] + keys[CUT]
            self.write(folder, held_out, self.data.x)
            return folder, [part for key in keys[kind] for part in ("--set", key)]
        folder = self.work / f"data-{held_out}-{kind.replace(', ', '-')}"
        if not folder.exists():
            training = self.data.fold != held_out
            self.write(folder, held_out, self.data.prepared(kind, training, self.shrinkage, self.bound))
        return folder, ["--set", "data.standardize=false"]

    def write(self, folder: Path, held_out: int, x: np.ndarray) -> None:
        if folder.exists():
            return
        data = self.data
        data_folder(data, held_out, folder)
        for split in ("train", "test"):
            (folder / "features" / split).unlink()
            (folder / "features" / split).mkdir()
            inside = (data.fold == held_out) == (split == "test")
            for name, columns in data.encoders.items():
                rows = inside & ~np.isnan(x[:, columns.start])
                kept = np.array([stem(data.names[k]) for k in np.flatnonzero(rows)])
                values = x[rows, columns].astype(np.float32)
                np.savez(folder / "features" / split / f"{name}.npz", X=values, filenames=kept)

    # Fusion

    def fused(self, row: str, held_out: int, seed: int) -> tuple[Path, Path]:
        """The final model and its data folder."""
        kind, flags = FUSION[row]
        folder, keys = self.folder(held_out, kind)
        out = self.work / f"{row.replace(', ', '-')}-{held_out}-seed-{seed}"
        if not (out / "final" / "final.json").exists():
            resume = ["--resume"] if out.exists() else []
            shorter = ["--set", f"train.max_epochs={self.epochs}"] if self.epochs else []
            begun = time.monotonic()
            self.run("cv", folder, "--out", out, "--retrain", "--ensemble", "--seed", seed, "--jobs", 1, *keys,
                     *flags, *shorter, *resume)  # fmt: skip
            print(f"  {row}, fold {held_out}, seed {seed}: {time.monotonic() - begun:.0f} s", flush=True)
        return out, folder

    def fusion(self, row: str, seed: int, ensemble: bool = False) -> Outcome:
        found = self.empty()
        for held_out in self.data.held_out:
            out, _ = self.fused(row, held_out, seed)
            final = out / "final" / "ensemble" if ensemble else out / "final"
            self.read(final / "probabilities.npz", found.p)
            self.read_shares(final / "predictions.json", found.shares)
            found.inner[held_out] = np.full(self.data.y.shape, np.nan)
            self.read(out / "out_of_fold.npz", found.inner[held_out])
        return found

    def empty(self) -> Outcome:
        shape = self.data.y.shape
        return Outcome(np.full(shape, np.nan), np.zeros(shape), {})

    def read(self, path: Path, into: np.ndarray) -> None:
        place = {stem(name): at for at, name in enumerate(self.data.names)}
        with np.load(path) as file:
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in file["classes"]]
            order = [names.index(name) for name in self.data.classes]
            into[[place[stem(name)] for name in file["filenames"]]] = file["aligned"][:, order]

    def read_shares(self, path: Path, into: np.ndarray) -> None:
        place = {stem(name): at for at, name in enumerate(self.data.names)}
        found = json.loads(path.read_text())
        for name, parts in found.get("predictions", found).items():
            into[place[stem(name)]] = 0
            for part in parts:
                into[place[stem(name)], self.data.classes.index(part["emotion"])] = part["salience"] / 100

    # Decoding

    def scores_file(self, name: str, p: np.ndarray, rows: np.ndarray) -> Path:
        path = self.work / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", *self.data.classes])
            for k in np.flatnonzero(rows):
                writer.writerow([self.data.names[k], *(repr(float(value)) for value in p[k])])
        return path

    def searched(self, inner: np.ndarray, held_out: int) -> tuple[float, float]:
        """Thresholds that suit the scores of the training clips."""
        path = self.scores_file("inner", inner, self.data.fold != held_out)
        folder, _ = self.folder(held_out, PLAIN)
        labels = folder / "train_metadata.csv"
        found = json.loads(
            self.run("decode", path, "--rules", "paper", "--search", "--metadata", labels, "--json")
        )
        return found["presence_threshold"], found["salience_threshold"]

    def decoded(
        self, p: np.ndarray, held_out: int, thresholds: tuple[float, float], into: np.ndarray
    ) -> None:
        path, out = self.scores_file("scores", p, self.data.fold == held_out), self.work / "decoded.json"
        self.run("decode", path, "--rules", "paper", "--presence-threshold", thresholds[0], "--salience-threshold",
                 thresholds[1], "--out", out, "--force")  # fmt: skip
        self.read_shares(out, into)

    def thresholds(self, row: str, held_out: int, seed: int) -> tuple[float, float]:
        out, _ = self.fused(row, held_out, seed)
        used = json.loads((out / "final" / "final.json").read_text())["kind"]["fusion"]["decode"]
        return used["presence_threshold"], used["salience_threshold"]
