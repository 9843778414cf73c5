"""How well predicted shares follow true ones, on real features with labels that are made.

    python benches/peers/shares.py DATA --work FOLDER [--blendfuse blendfuse] [--set KEY=VALUE ...]

No real set at hand has clips with known unequal shares, so the shares are made from the features: each class has a
centroid, the mean of the standardised columns over the clips that show it; in a clip of several classes the nearer
centroid has the larger share. Where DATA has one class per clip, every second clip also shows the class with the
nearest other centroid. Three copies differ in the shares: `60/40` (and thirds for three classes), `three levels`
(50/50, 60/40, 80/20 by how much nearer it is, in equal parts of the clips; 40/30/30 and 60/20/20 for three) and
`continuous` (in proportion to exp(-distance)).

Each fold in turn is the test split of `blendfuse cv --retrain`: epochs, thresholds and exponents are chosen on the
others. Errors are absolute differences of shares, in percentage points, mean over the classes of a clip and over
the clips of several classes whose set was predicted exactly: of the predicted shares, of equal ones, and of the true
shares of other clips with as many classes (100 shuffles). The last column is about all clips of several classes, right
set or not: the overlap of true and predicted shares, minus that of equal shares in the predicted set, in percentage
points. Intervals of 95 % draw clips. Prints Markdown.

Needs numpy.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
from pathlib import Path

import numpy as np
from nested import Data, stem

SAMPLES = 2_000
SHUFFLES = 100


def centroid_distances(data: Data) -> np.ndarray:
    """Root mean square distance of each clip to each class's centroid, (N, C)."""
    x = np.nan_to_num(
        (data.x - data.x.mean(axis=0)) / np.where(data.x.std(axis=0) > 0, data.x.std(axis=0), 1)
    )
    shown = data.y > 0
    centroids = np.stack([x[of].mean(axis=0) for of in shown.T])
    return np.sqrt(((x[:, None] - centroids[None]) ** 2).mean(axis=2))


def sets_of(data: Data, distance: np.ndarray) -> np.ndarray:
    shown = data.y > 0
    if data.task == "single":
        own = shown.argmax(axis=1)
        others = distance.copy()
        others[np.arange(len(own)), own] = np.inf
        for row in range(0, len(own), 2):
            shown[row, others[row].argmin()] = True
    return shown


def relabelled(kind: str, shown: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Shares (N, C) in percent."""
    shares = np.zeros(shown.shape)
    sizes = shown.sum(axis=1)
    order = np.where(shown, distance, np.inf).argsort(axis=1)
    near = np.sort(np.where(shown, distance, np.inf), axis=1)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        lead = near[rows, 1] - near[rows, 0] if size > 1 else np.zeros(len(rows))
        part = np.searchsorted(np.quantile(lead, [1 / 3, 2 / 3]), lead)
        for row, third in zip(rows, part):
            if size == 1:
                wanted = [100.0]
            elif kind == "60/40":
                wanted = [60.0, 40.0] if size == 2 else [100.0 / size] * size
            elif kind == "three levels" and size == 2:
                wanted = [(50.0, 50.0), (60.0, 40.0), (80.0, 20.0)][third]
            elif kind == "three levels":
                rest = 30.0 if third == 0 else 20.0
                wanted = [100.0 - 2 * rest, *[2 * rest / (size - 1)] * (size - 1)]
            else:
                scale = distance.std()
                weights = np.exp(-near[row, :size] / scale)
                wanted = 100 * weights / weights.sum()
            shares[row, order[row, :size]] = wanted
    return shares


def written(data: Data, shares: np.ndarray, folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True)
    os.symlink(data.folder.resolve() / "features", folder / "features", target_is_directory=True)
    known = "actor" in data.rows[0]
    with (folder / "train_metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        classes = [f"class{c}" for c in range(shares.shape[1])]
        writer.writerow(["filename", "fold", *(["actor"] if known else []), *classes])
        for row, (name, fold) in enumerate(zip(data.names, data.fold)):
            actor = [data.rows[row]["actor"]] if known else []
            writer.writerow([name, fold, *actor, *(repr(float(share / 100)) for share in shares[row])])


def predicted(
    data: Data, shares: np.ndarray, folder: Path, out: Path, program: str, flags: list[str]
) -> np.ndarray:
    """The decoded shares of all clips, each by models for which its fold was the test split."""
    found = np.zeros(shares.shape)
    place = {stem(name): row for row, name in enumerate(data.names)}
    for fold in range(data.fold.max() + 1):
        plan, file = out / f"fold{fold}", out / f"fold{fold}.json"
        here = ["--set", f"data.test_fold={fold}", *flags]

        def run(*arguments: object) -> None:
            command = [program, *map(str, arguments), "--threads", "1", "-q"]
            ran = subprocess.run(command, stdout=subprocess.DEVNULL)
            # 1: a training that is no better than a constant answer.
            if ran.returncode > 1:
                raise SystemExit(ran.returncode)

        if not (plan / "final" / "predictions.json").exists() and not file.exists():
            run(
                "cv",
                folder,
                "--out",
                plan,
                "--retrain",
                "--jobs",
                1,
                *here,
                *(["--resume"] if plan.exists() else []),
            )
        written_by = next(iter(sorted(plan.glob("**/predictions*.json"))), None)
        if written_by is None:
            raise SystemExit(f"{plan}: no predictions")
        told = json.loads(written_by.read_text())
        for name, parts in told.get("predictions", told).items():
            for one in parts:
                found[place[stem(name)], int(one["emotion"].removeprefix("class"))] = one["salience"]
    return found


def errors(shares: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean absolute error of each clip of several classes whose set was predicted: predicted, equal, shuffled."""
    shown = shares > 0
    exact = ((found > 0) == shown).all(axis=1) & (shown.sum(axis=1) > 1)
    sizes = shown.sum(axis=1)
    mean = lambda other: np.abs(other - shares).sum(axis=1) / sizes  # noqa: E731
    random = np.random.default_rng(0)
    shuffled = np.zeros(len(shares))
    for _ in range(SHUFFLES):
        other = np.zeros(shares.shape)
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            for row, source in zip(rows, random.permutation(rows)):
                other[row, shown[row]] = shares[source, shown[source]]
        shuffled += mean(other) / SHUFFLES
    return exact, mean(found)[exact], mean(shown * 100 / sizes[:, None])[exact], shuffled[exact]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("--work", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--blendfuse", metavar="PROGRAM", default="blendfuse")
    parser.add_argument("--set", action="append", default=[], help="for blendfuse cv; repeatable")
    options = parser.parse_args()
    data = Data(options.data)
    flags = [part for setting in options.set for part in ("--set", setting)]
    distance = centroid_distances(data)
    shown = sets_of(data, distance)
    several = (shown.sum(axis=1) > 1).sum()
    print(f"\n{len(shown)} clips, {several} of several classes\n")
    print(
        "| shares | sets predicted exactly | error, predicted | always equal | true ones shuffled | predicted minus equal "
        "| overlap minus that of equal shares |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in ("60/40", "three levels", "continuous"):
        name = kind.replace("/", "-").replace(" ", "-")
        shares = relabelled(kind, shown, distance)
        folder = options.work / f"{name}-data"
        written(data, shares, folder)
        found = predicted(data, shares, folder, options.work / name, options.blendfuse, flags)
        exact, ours, equal, shuffled = errors(shares, found)
        overlap = np.minimum(found, shares).sum(axis=1)
        alike = np.minimum((found > 0) * 100 / (found > 0).sum(axis=1, keepdims=True), shares).sum(axis=1)
        gain = (overlap - alike)[shown.sum(axis=1) > 1]
        print(
            f"| {kind} | {exact.sum()} of {several} | {ours.mean():.2f} | {equal.mean():.2f} | {shuffled.mean():.2f} "
            f"| {with_interval(ours - equal)} | {with_interval(gain)} |",
            flush=True,
        )


def with_interval(differences: np.ndarray) -> str:
    random = np.random.default_rng(0)
    samples = random.integers(len(differences), size=(SAMPLES, len(differences)))
    low, high = np.percentile(differences[samples].mean(axis=1), [2.5, 97.5])
    return f"{differences.mean():+.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()
