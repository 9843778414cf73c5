"""Logistic regression and random forest on concatenated views, on the folds of a data folder.

    python benches/peers/sklearn_views.py DATA
    blendfuse cv DATA --out runs/cv --seeds 5 --set decode.alpha=1
    python benches/peers/sklearn_views.py DATA --ours runs/cv

All encoders' columns side by side, standardised on the training folds. Where every clip shows one class
alone: scikit-learn's classifiers as they are; otherwise one per class on whether the class is shown, and
the probabilities normalised. Distributions become emotions by the paper's rules, thresholds chosen on the
held-out fold on the same grid as ours (`decode.alpha=1` keeps ours from choosing more than that).

With `--ours` also the folds' means of our cross-validation, and for each classifier the difference to
ours over the same clips with an interval that resamples actors (or clips where no actor is known), and
for ours the seeds. Prints Markdown tables.

Needs scikit-learn, numpy, pandas and, for the shared reading of data folders, torch and safetensors.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from train_reference import decode, read_features, read_labels, search, stem, survivors

SAMPLES = 10_000


def distribution(model: str, x: np.ndarray, y: np.ndarray, new: np.ndarray, seed: int) -> np.ndarray:
    """(N, C): shares of the classes for new rows."""

    def fit(labels):
        if model == "logistic regression":
            return LogisticRegression(max_iter=5000).fit(x, labels)
        return RandomForestClassifier(300, random_state=seed, n_jobs=1).fit(x, labels)

    p = np.full((len(new), y.shape[1]), 1e-9)
    if ((y > 0).sum(axis=1) == 1).all():
        fitted = fit(y.argmax(axis=1))
        p[:, fitted.classes_] = fitted.predict_proba(new)
    else:
        for c in range(y.shape[1]):
            shown = y[:, c] > 0
            # A class that all or none of the training clips show has no classifier.
            p[:, c] = fit(shown).predict_proba(new)[:, 1] if 0 < shown.sum() < len(y) else shown.mean()
    return p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)


def correct(saliences: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, 3): right in presence, is a blend of two, right in salience."""
    truth = np.rint(100 * y).astype(int)
    blend = (truth > 0).sum(axis=1) == 2
    presence = ((saliences > 0) == (truth > 0)).all(axis=1)
    exact = blend & (saliences == truth).all(axis=1)
    return np.stack([presence, blend, exact], axis=1).astype(float)


def measures(found: np.ndarray) -> np.ndarray:
    """Presence, salience, average of (…, N, 3); an undefined salience counts 0."""
    presence = found[..., 0].mean(axis=-1)
    blends = found[..., 1].sum(axis=-1)
    salience = found[..., 2].sum(axis=-1) / np.maximum(blends, 1)
    return np.stack([presence, salience, (presence + salience) / 2], axis=-1)


def read_ours(folder: Path, names: list[str], classes: list[str], y: np.ndarray) -> np.ndarray:
    """(seeds, N, 3) of our out-of-fold predictions."""
    files = sorted(folder.glob("out_of_fold*.json"))
    if not files:
        raise SystemExit(f"{folder}: has no out_of_fold*.json; expected the folder of `blendfuse cv`")
    seeds = []
    for file in files:
        predictions = json.loads(file.read_text())
        predictions = predictions.get("predictions", predictions)
        by_name = {stem(name): parts for name, parts in predictions.items()}
        saliences = np.zeros(y.shape, dtype=int)
        for row, name in enumerate(names):
            for part in by_name[stem(name)]:
                saliences[row, classes.index(part["emotion"])] = round(part["salience"])
        seeds.append(correct(saliences, y))
    return np.stack(seeds)


def interval(ours: np.ndarray, theirs: np.ndarray, actors: np.ndarray) -> np.ndarray:
    """95 % interval of our average minus theirs: actors and our seeds drawn with replacement."""
    random = np.random.default_rng(0)
    groups = [np.flatnonzero(actors == actor) for actor in np.unique(actors)]
    add = np.stack([np.concatenate([theirs[g][None], ours[:, g]]).sum(axis=1) for g in groups])
    size = np.array([len(g) for g in groups])
    differences = []
    for _ in range(SAMPLES):
        drawn = random.integers(len(groups), size=len(groups))
        seeds = 1 + random.integers(len(ours), size=len(ours))
        total, clips = add[drawn].sum(axis=0), size[drawn].sum()
        average = total[:, 0] / clips + total[:, 2] / np.maximum(total[:, 1], 1)
        differences.append((average[seeds].mean() - average[0]) / 2)
    return np.percentile(differences, [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="DATA", help="data folder")
    parser.add_argument("--ours", metavar="DIR", type=Path, help="folder of `blendfuse cv` on the same data")
    parser.add_argument("--seed", type=int, default=0, help="of the random forest")
    options = parser.parse_args()
    data = Path(options.data)
    metadata = pd.read_csv(data / "train_metadata.csv", dtype={"filename": str})
    names = list(metadata["filename"])
    classes, y = read_labels(metadata)
    # Proportions in the files are rounded.
    y = y / y.sum(axis=1, keepdims=True)
    neutral = classes.index("neu") if "neu" in classes else None
    files = sorted((data / "features" / "train").glob("*.npz"))
    x = np.concatenate([read_features(file, names)[0] for file in files], axis=1)
    fold_of = metadata["fold"].to_numpy()
    folds = sorted(set(fold_of))
    found = {}
    for model in ["logistic regression", "random forest"]:
        found[model] = np.zeros((len(y), 3))
        for fold in folds:
            held_out = fold_of == fold
            mean, std = x[~held_out].mean(axis=0), x[~held_out].std(axis=0)
            scaled = (x - mean) / np.where(std == 0, 1.0, std)
            p = distribution(model, scaled[~held_out], y[~held_out], scaled[held_out], options.seed)
            best = search(p, y[held_out], neutral)
            keep = survivors(p, best["presence_threshold"], neutral)
            found[model][held_out] = correct(decode(p, keep, best["salience_threshold"]), y[held_out])
    print(f"{len(y)} clips, {len(files)} views with {x.shape[1]} columns, {len(folds)} folds\n")
    print("| model | ACC_presence | ACC_salience | average |")
    print("|---|---|---|---|")
    rows = {name: one[None] for name, one in found.items()}
    if options.ours:
        ours = read_ours(options.ours, names, classes, y)
        rows = {f"ours ({len(ours)} seeds)": ours} | rows
    blends = found["random forest"][:, 1].any()
    for name, seeds in rows.items():
        by_fold = np.stack([measures(seeds[:, fold_of == fold]).mean(axis=0) for fold in folds])
        cells = [f"{m:.4f} ± {s:.4f}" for m, s in zip(by_fold.mean(axis=0), by_fold.std(axis=0, ddof=1))]
        cells[1] = cells[1] if blends else "undefined"
        print(f"| {name} |", " | ".join(cells), "|")
    if not options.ours:
        return
    actors = np.array([stem(n).split("_")[0] if "_" in stem(n) else stem(n) for n in names])
    actors = metadata["actor"].to_numpy(str) if "actor" in metadata else actors
    print("\n| ours less | average, all clips together | 95 % interval | ours is worse beyond noise |")
    print("|---|---|---|---|")
    for name, theirs in found.items():
        difference = measures(ours).mean(axis=0)[2] - measures(theirs)[2]
        low, high = interval(ours, theirs, actors)
        print(f"| {name} | {difference:+.4f} | {low:+.4f} to {high:+.4f} | {'YES' if high < 0 else 'no'} |")


if __name__ == "__main__":
    main()
