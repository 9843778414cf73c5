"""Our logistic regression and random forest beside scikit-learn's, on the folds of a data folder.

    cargo run --release --example baselines -- DATA logistic:+,forest:+,forest:ENCODER 5 > ours.jsonl
    python benches/peers/standard_classifiers.py DATA --ours ours.jsonl

Both get the same rows: columns standardised on the training folds, a constant column or a clip without the
encoder 0.

Logistic regression: `LogisticRegression`, a soft label as one row for each class that it shows, weighted by
its share. C is the one of 1e-4 … 10 with the lowest cross-entropy on training folds that are left out one
after the other. Fails where any probability differs by 0.01 or more, or the accuracies of the highest class by
one clip in a hundred: the two stop at the same tolerance, not at the same point.

Random forest: 100 trees; `RandomForestClassifier` where each clip shows one class, otherwise
`RandomForestRegressor(max_features="sqrt")` on the shares. The two draw other numbers, so the means over
seeds must agree within three standard errors of their difference.

Prints, per baseline, mean squared errors of the distributions and accuracies of the highest class on the
held-out folds. Needs scikit-learn and numpy.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
NOT_A_CLASS = {"filename", "actor", "fold", "video_id", "mix", "set", "situation"}
CHALLENGE = ["ang", "disg", "fea", "hap", "neu", "sad"]


def stem(name) -> str:
    """A filename without its media extension."""
    name = name.decode() if isinstance(name, bytes) else str(name)
    head, dot, extension = name.rpartition(".")
    return head if dot and extension.isalnum() and len(extension) <= 4 else name


def read_labels(rows: list[dict]) -> np.ndarray:
    """Soft targets (N, C) of either form of metadata."""
    if "emotion_1" not in rows[0]:
        classes = [column for column in rows[0] if column not in NOT_A_CLASS]
        return np.array([[float(row[name]) for name in classes] for row in rows])
    named = {row[key] for row in rows for key in ("emotion_1", "emotion_2")} - {""}
    classes = CHALLENGE if named <= set(CHALLENGE) else sorted(named)
    y = np.zeros((len(rows), len(classes)))
    for at, row in enumerate(rows):
        blend = row["mix"] == "1"
        for key in ("emotion_1", "emotion_2"):
            if row[key]:
                y[at, classes.index(row[key])] = float(row[f"{key}_salience"]) / 100 if blend else 1.0
    return y


def read_features(path: Path, clips: list[str]) -> np.ndarray:
    """Rows in the order of the clips; missing ones are NaN."""
    with np.load(path) as file:
        features, names = file["X"].astype(np.float64), file["filenames"]
    row_of = {stem(name): row for row, name in enumerate(names)}
    rows = np.array([row_of.get(stem(name), -1) for name in clips])
    return np.where((rows >= 0)[:, None], features[rows], np.nan)


def standardised(x: np.ndarray, training: np.ndarray) -> np.ndarray:
    mean, std = np.nanmean(x[training], axis=0), np.nanstd(x[training], axis=0)
    constant = np.nanmax(x[training], axis=0) == np.nanmin(x[training], axis=0)
    return np.nan_to_num((x - mean) / np.where(constant, np.inf, std))


def log_probabilities(x: np.ndarray, y: np.ndarray, new: np.ndarray, c: float) -> np.ndarray:
    """(N, C) for new rows; the classes that no training row shows have −∞."""
    row, label = np.nonzero(y)
    model = LogisticRegression(C=c, max_iter=5000).fit(x[row], label, sample_weight=y[row, label])
    p = np.full((len(new), y.shape[1]), -np.inf)
    p[:, model.classes_] = model.predict_log_proba(new)
    return p


def cross_entropy(log_p: np.ndarray, y: np.ndarray) -> float:
    return -np.where(y > 0, y * log_p, 0.0).sum()


def logistic(x: np.ndarray, y: np.ndarray, fold: np.ndarray, held_out: int) -> np.ndarray:
    """(N, C) of the held-out fold, C chosen on the others."""
    training = fold != held_out
    x = standardised(x, training)
    losses = np.zeros(len(PENALTIES))
    for inner in sorted(set(fold[training])):
        inside, outside = training & (fold != inner), fold == inner
        for at, c in enumerate(PENALTIES):
            losses[at] += cross_entropy(log_probabilities(x[inside], y[inside], x[outside], c), y[outside])
    best = PENALTIES[int(losses.argmin())]
    return np.exp(log_probabilities(x[training], y[training], x[~training], best))


def forest(x: np.ndarray, y: np.ndarray, fold: np.ndarray, held_out: int, seed: int) -> np.ndarray:
    """(N, C) of the held-out fold."""
    training = fold != held_out
    x = standardised(x, training).astype(np.float32)
    if not (y.max(axis=1) == 1).all():
        model = RandomForestRegressor(max_features="sqrt", random_state=seed)
        return model.fit(x[training], y[training]).predict(x[~training])
    model = RandomForestClassifier(random_state=seed).fit(x[training], y[training].argmax(axis=1))
    p = np.zeros((int((~training).sum()), y.shape[1]))
    p[:, model.classes_] = model.predict_proba(x[~training])
    return p


def scores(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean squared error of the distributions, accuracy of the highest class."""
    return np.array([((p - y) ** 2).sum(axis=1).mean(), (p.argmax(axis=1) == y.argmax(axis=1)).mean()])


def agree(spec: str, ours: np.ndarray, theirs: np.ndarray, y: np.ndarray) -> bool:
    """Compares (seeds, N, C) of both, and prints the row."""
    found = [np.array([scores(p, y) for p in seeds]) for seeds in (ours, theirs)]
    means = np.mean(found, axis=1)
    difference = np.abs(means[0] - means[1])
    if spec.startswith("forest"):
        variances = [values.var(axis=0, ddof=1) / len(values) for values in found]
        allowed = 3 * np.sqrt(sum(variances))
        same, note = (
            bool((difference <= allowed).all()),
            "three standard errors {:.4f}, {:.4f}".format(*allowed),
        )
    else:
        most = np.abs(ours - theirs).max()
        same, note = bool(most < 0.01 and difference[1] < 0.01), f"largest difference {most:.1e}"
    cells = [f"{value:.4f}" for pair in means.T for value in pair]
    print(
        f"| {spec} | {len(ours)} | " + " | ".join(cells) + f" | {note} | {'yes' if same else 'NO'} |",
        flush=True,
    )
    return same


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--ours", type=Path, required=True)
    arguments = parser.parse_args()
    with (arguments.data / "train_metadata.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    clips, fold = [row["filename"] for row in rows], np.array([int(row["fold"]) for row in rows])
    y, place = read_labels(rows), {stem(name): at for at, name in enumerate(clips)}
    y /= y.sum(axis=1, keepdims=True)
    outcomes: dict[str, dict[int, list[dict]]] = {}
    for line in arguments.ours.read_text().splitlines():
        outcome = json.loads(line)
        outcomes.setdefault(outcome["spec"], {}).setdefault(outcome["seed"], []).append(outcome)
    print(
        "| baseline | seeds | squared error, ours | scikit-learn | accuracy, ours | scikit-learn | | agree |"
    )
    print("|---|---|---|---|---|---|---|---|")
    same = True
    for spec, seeds in outcomes.items():
        model, _, names = spec.partition(":")
        features = arguments.data / "features" / "train"
        x = np.hstack([read_features(features / f"{name}.npz", clips) for name in names.split("+")])
        ours, theirs = np.full((2, len(seeds), *y.shape), np.nan)
        for at, (seed, folds) in enumerate(seeds.items()):
            for outcome in folds:
                k = outcome["fold"]
                held_out = [place[stem(name)] for name in outcome["held_out"]["clips"]]
                ours[at, held_out] = outcome["held_out"]["rows"]["distribution"]
                theirs[at, fold == k] = (
                    forest(x, y, fold, k, seed) if model == "forest" else logistic(x, y, fold, k)
                )
        same &= agree(spec, ours, theirs, y)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
