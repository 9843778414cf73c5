"""The fusion model beside scikit-learn's logistic regression and random forest, nothing chosen on the clips
that are scored.

    python benches/peers/nested.py DATA --work FOLDER [--blendfuse blendfuse] [--seeds 1]

Each fold of DATA in turn becomes a test split, and the other folds the training split of a data folder of its
own. There, for all models alike, settings are chosen by cross-validation over the remaining folds, and the
model is then fitted to all of them:

- fusion: `blendfuse cv --retrain` with default settings: the number of epochs is the median of the inner
  folds' best, thresholds and exponents suit the pooled scores of the inner folds;
- logistic regression: C of 1e-3 … 10; a label distribution is one row for each class, weighted by its share;
- random forest, 100 trees, `max_features="sqrt"`, `min_samples_leaf` of 1, 3 and 10; regression on the shares
  for label distributions;
- for sets of emotions, both classify each emotion by itself (binary relevance), and the threshold on the
  probabilities has the highest exact-set accuracy over the inner folds; the highest emotion where none
  reaches it.

C and the forest's leaves have the lowest squared error of the probabilities. Columns of all encoders
side by side, standardised on the training clips; a clip without an encoder has 0 there. Measures over all
clips: accuracy and unweighted average recall for single labels, exact-set accuracy and macro F1 for sets,
Kullback-Leibler divergence in nats (clamp 1e-8) and intersection for label distributions. Intervals of 95 %
draw actors (clips where no actor is known) and the fusion model's seeds with replacement. Results are kept
in FOLDER and used again. Prints Markdown.

Needs scikit-learn and numpy.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from standard_classifiers import read_features, read_labels, standardised, stem

PENALTIES = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
LEAVES = [1, 3, 10]
THRESHOLDS = np.arange(1, 100) / 100
SAMPLES = 2_000
MODELS = {"logistic regression": PENALTIES, "random forest": LEAVES}


class Data:
    """A data folder: labels, folds, and all encoders side by side."""

    def __init__(self, folder: Path):
        self.folder = folder
        with (folder / "train_metadata.csv").open(newline="", encoding="utf-8-sig") as file:
            self.rows = list(csv.DictReader(file))
        self.names = [row["filename"] for row in self.rows]
        fold = np.array([int(row["fold"]) for row in self.rows])
        self.fold = np.unique(fold, return_inverse=True)[1]
        y = read_labels(self.rows)
        self.y = y / y.sum(axis=1, keepdims=True)
        shown = (self.y > 0).sum(axis=1)
        equal = np.abs(self.y - (self.y > 0) / shown[:, None]).max() < 1e-3
        self.task = "single" if (shown == 1).all() else "sets" if equal else "distributions"
        actors = [row.get("actor") or row["filename"] for row in self.rows]
        self.actor = np.unique(actors, return_inverse=True)[1]
        files = sorted((folder / "features" / "train").glob("*.npz"))
        self.x = np.hstack([read_features(file, self.names) for file in files])


# scikit-learn


def narrow(x: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with the same inner products and at most as many columns as `x` has rows: a model with an L2
    penalty depends on nothing else."""
    if x.shape[1] <= len(x):
        return x, new
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return u * s, new @ v.T


def linear(x, y, task, c, new) -> np.ndarray:
    fit = LogisticRegression(C=c, max_iter=2000).fit
    if task == "sets":
        p = np.empty((len(new), y.shape[1]))
        for k, shown in enumerate((y > 0).T):
            some = 0 < shown.sum() < len(shown)
            p[:, k] = fit(x, shown).predict_proba(new)[:, 1] if some else shown.mean()
        return p
    row, label = np.nonzero(y)
    model = fit(x[row], label, sample_weight=y[row, label])
    p = np.zeros((len(new), y.shape[1]))
    p[:, model.classes_] = model.predict_proba(new)
    return p


def forest(x, y, task, leaf, new) -> np.ndarray:
    options = {"max_features": "sqrt", "min_samples_leaf": leaf, "random_state": 0, "n_jobs": 1}
    if task == "distributions":
        return RandomForestRegressor(100, **options).fit(x, y).predict(new)
    model = RandomForestClassifier(100, **options)
    p = np.zeros((len(new), y.shape[1]))
    if task == "single":
        model.fit(x, y.argmax(axis=1))
        p[:, model.classes_] = model.predict_proba(new)
        return p
    model.fit(x, (y > 0).astype(int))
    for k, (found, classes) in enumerate(zip(model.predict_proba(new), model.classes_)):
        p[:, k] = found[:, 1] if len(classes) == 2 else float(classes[0])
    return p


def fitted(model: str, data: Data, training: np.ndarray, new: np.ndarray, settings: list) -> list[np.ndarray]:
    """Probabilities of new clips, with each of the settings."""
    x = standardised(data.x, training)
    x, other, fit = x[training], x[new], forest
    if model == "logistic regression":
        x, other, fit = *narrow(x, other), linear
    return [fit(x, data.y[training], data.task, setting, other) for setting in settings]


def chosen_inside(model: str, data: Data, held_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and sets (N, C) of the held-out clips, everything chosen on the others."""
    training = data.fold != held_out
    target = (data.y > 0) if data.task == "sets" else data.y
    settings = MODELS[model]
    inner = np.full((len(settings), *data.y.shape), np.nan)
    for fold in sorted(set(data.fold[training])):
        new = data.fold == fold
        inner[:, new] = fitted(model, data, training & ~new, new, settings)
    inner = inner[:, training]
    best = int(((inner - target[training]) ** 2).sum(axis=(1, 2)).argmin())
    (p,) = fitted(model, data, training, ~training, [settings[best]])
    t = 0.0
    if data.task == "sets":
        right = [(sets_of(inner[best], t) == target[training]).all(axis=1).mean() for t in THRESHOLDS]
        t = THRESHOLDS[int(np.argmax(right))]
    print(f"  fold {held_out}: {model} {settings[best]}" + (f", threshold {t:.2f}" if t else ""), flush=True)
    return p, sets_of(p, t)


def sets_of(p: np.ndarray, threshold: float) -> np.ndarray:
    return (p >= threshold) | (p == p.max(axis=1, keepdims=True))


# blendfuse


def data_folder(data: Data, held_out: int, folder: Path) -> None:
    """The other folds as training split, this one as test split."""
    if folder.exists():
        return
    columns = [name for name in data.rows[0] if name is not None]
    (folder / "features").mkdir(parents=True)
    for split in ("train", "test"):
        features = data.folder.resolve() / "features" / "train"
        os.symlink(features, folder / "features" / split, target_is_directory=True)
        inside = [k for k in range(len(data.rows)) if (data.fold[k] != held_out) == (split == "train")]
        numbers = {k: n for n, k in enumerate(sorted(set(data.fold) - {held_out}))}
        with (folder / f"{split}_metadata.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for k in inside:
                row = {name: data.rows[k][name] for name in columns}
                writer.writerow(row | {"fold": numbers.get(data.fold[k], "")})


def fused(data: Data, held_out: int, seed: int, work: Path, program: str, flags: list[str]) -> tuple:
    """Probabilities and sets of the held-out clips from `blendfuse cv --retrain`."""
    folder, out = work / f"data-{held_out}", work / f"fusion-{held_out}-seed-{seed}"
    data_folder(data, held_out, folder)
    probs, predictions = Path(f"{out}.npz"), Path(f"{out}.json")

    def run(*arguments) -> None:
        subprocess.run(
            [program, *map(str, arguments), "--threads", "1", "-q"], check=True, stdout=subprocess.DEVNULL
        )

    if not predictions.exists():
        resume = ["--resume"] if out.exists() else []
        run("cv", folder, "--out", out, "--retrain", "--seed", seed, "--jobs", 1, *flags, *resume)
        (final,) = {path.parent for path in out.glob("**/final*/**/weights.safetensors")}
        run("predict", final, folder, "--probs", probs, "--out", predictions, "--force")
    clips = [stem(data.names[k]) for k in np.flatnonzero(data.fold == held_out)]
    place = {name: at for at, name in enumerate(clips)}
    p, sets = np.full((len(clips), data.y.shape[1]), np.nan), np.zeros((len(clips), data.y.shape[1]), bool)
    with np.load(probs) as file:
        p[[place[stem(name)] for name in file["filenames"]]] = file["aligned"]
        classes = [name.decode() if isinstance(name, bytes) else str(name) for name in file["classes"]]
    found = json.loads(predictions.read_text())
    for name, parts in found.get("predictions", found).items():
        for part in parts:
            sets[place[stem(name)], classes.index(part["emotion"])] = True
    return p, sets


# Measures


def recall(p: np.ndarray, y: np.ndarray) -> float:
    right = p.argmax(axis=1) == y.argmax(axis=1)
    return np.mean([right[of].mean() for of in (y > 0).T if of.any()])


def macro_f1(sets: np.ndarray, shown: np.ndarray) -> float:
    both, either = (sets & shown).sum(axis=0), sets.sum(axis=0) + shown.sum(axis=0)
    return np.mean(2 * both[either > 0] / either[either > 0])


def measures(task: str, p: np.ndarray, sets: np.ndarray, y: np.ndarray) -> dict[str, float]:
    if task == "single":
        return {
            "accuracy": (p.argmax(axis=1) == y.argmax(axis=1)).mean(),
            "unweighted average recall": recall(p, y),
        }
    if task == "sets":
        shown = y > 0
        return {"exact set": (sets == shown).all(axis=1).mean(), "macro F1": macro_f1(sets, shown)}
    ratio = np.where(y > 0, y, 1.0) / np.maximum(p, 1e-8)
    divergence = np.where(y > 0, y * np.log(ratio), 0.0).sum(axis=1)
    return {"KL divergence": divergence.mean(), "intersection": np.minimum(p, y).sum(axis=1).mean()}


def drawn(data: Data, found: dict[str, list[tuple]]) -> dict[str, np.ndarray]:
    """Every measure of every model in bootstrap samples: (models, measures, samples)."""
    random = np.random.default_rng(0)
    groups = [np.flatnonzero(data.actor == actor) for actor in range(data.actor.max() + 1)]
    samples = []
    for _ in range(SAMPLES):
        clips = np.concatenate([groups[g] for g in random.integers(len(groups), size=len(groups))])
        row = []
        for seeds in found.values():
            p, sets = seeds[random.integers(len(seeds))] if len(seeds) > 1 else seeds[0]
            row.append(list(measures(data.task, p[clips], sets[clips], data.y[clips]).values()))
        samples.append(row)
    return np.moveaxis(np.array(samples), 0, -1)


def report(data: Data, found: dict[str, list[tuple]]) -> None:
    samples = drawn(data, found)
    names = list(measures(data.task, *next(iter(found.values()))[0], data.y))
    print(
        f"\n{len(data.y)} clips, {data.x.shape[1]} columns, {data.fold.max() + 1} folds, "
        f"{data.actor.max() + 1} actors, fusion with {len(found['fusion'])} seeds\n"
    )
    print("| model | " + " | ".join(f"{name} | fusion minus it" for name in names) + " |")
    print("|---" * (1 + 2 * len(names)) + "|")
    values = {
        m: np.mean([list(measures(data.task, p, s, data.y).values()) for p, s in seeds], axis=0)
        for m, seeds in found.items()
    }
    for at, model in enumerate(found):
        cells = []
        for k in range(len(names)):
            low, high = np.percentile(samples[at, k], [2.5, 97.5])
            cells.append(f"{values[model][k]:.4f} ({low:.4f} to {high:.4f})")
            low, high = np.percentile(samples[0, k] - samples[at, k], [2.5, 97.5])
            difference = values["fusion"][k] - values[model][k]
            cells.append("" if at == 0 else f"{difference:+.4f} ({low:+.4f} to {high:+.4f})")
        print(f"| {model} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path, help="data folder with folds")
    parser.add_argument(
        "--work", metavar="FOLDER", type=Path, required=True, help="for data, runs and results"
    )
    parser.add_argument("--blendfuse", metavar="PROGRAM", default="blendfuse")
    parser.add_argument("--seeds", metavar="N", type=int, default=1, help="seeds of the fusion model")
    parser.add_argument("--set", action="append", default=[], help="for blendfuse cv; repeatable")
    options = parser.parse_args()
    warnings.simplefilter("error", ConvergenceWarning)
    data = Data(options.data)
    flags = [part for setting in options.set for part in ("--set", setting)]
    folds, found = range(data.fold.max() + 1), {}

    def joined(parts: list[tuple]) -> tuple:
        p, sets = np.zeros(data.y.shape), np.zeros(data.y.shape, bool)
        for fold, (some, decided) in zip(folds, parts):
            p[data.fold == fold], sets[data.fold == fold] = some, decided
        return p, sets

    def fusion(seed: int) -> tuple:
        parts = [fused(data, k, seed, options.work, options.blendfuse, flags) for k in folds]
        return joined(parts)

    found["fusion"] = [fusion(seed) for seed in range(options.seeds)]
    for model in MODELS:
        kept = options.work / f"{model.replace(' ', '-')}.npz"
        if not kept.exists():
            p, sets = joined([chosen_inside(model, data, k) for k in folds])
            np.savez(kept, p=p, sets=sets)
        with np.load(kept) as file:
            found[model] = [(file["p"], file["sets"])]
    report(data, found)


if __name__ == "__main__":
    main()
