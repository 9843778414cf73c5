"""Our logistic regression beside scikit-learn's, on the folds of a data folder.

    cargo run --release --example baselines -- DATA logistic:ENCODER,logistic:ENCODER+ENCODER > ours.jsonl
    python benches/peers/logistic.py DATA --ours ours.jsonl

scikit-learn's `LogisticRegression` on the same rows: columns standardised on the training folds, a constant
column or a clip without the encoder 0, a soft label as one row for each class that it shows, weighted by its
share. C is the one of 1e-4 … 10 with the lowest cross-entropy on training folds that are left out one after
the other. Prints, per baseline, both mean Kullback-Leibler divergences and accuracies of the highest class on
the held-out folds, and the largest difference of any probability. Fails where that is 0.01 or more, or the
accuracies differ by one clip in a hundred: the two stop at the same tolerance, not at the same point.

Needs scikit-learn and numpy.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
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


def fitted(x: np.ndarray, y: np.ndarray, fold: np.ndarray, held_out: int) -> np.ndarray:
    training = fold != held_out
    x = standardised(x, training)
    losses = np.zeros(len(PENALTIES))
    for inner in sorted(set(fold[training])):
        inside, outside = training & (fold != inner), fold == inner
        for at, c in enumerate(PENALTIES):
            losses[at] += cross_entropy(log_probabilities(x[inside], y[inside], x[outside], c), y[outside])
    best = PENALTIES[int(losses.argmin())]
    return log_probabilities(x[training], y[training], x[~training], best)


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
    outcomes: dict[str, list[dict]] = {}
    for line in arguments.ours.read_text().splitlines():
        outcome = json.loads(line)
        outcomes.setdefault(outcome["spec"], []).append(outcome)
    entropy = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)), 0.0).sum(axis=1)
    print(
        "| baseline | KL, ours | KL, scikit-learn | top-1, ours | top-1, scikit-learn | largest difference |"
    )
    print("|---|---|---|---|---|---|")
    agree = True
    for spec, folds in outcomes.items():
        names = spec.partition(":")[2].split("+")
        x = np.hstack(
            [read_features(arguments.data / "features" / "train" / f"{n}.npz", clips) for n in names]
        )
        ours, theirs = np.full(y.shape, np.nan), np.full(y.shape, np.nan)
        for outcome in folds:
            theirs[fold == outcome["fold"]] = np.exp(fitted(x, y, fold, outcome["fold"]))
            held_out = [place[stem(name)] for name in outcome["held_out"]["clips"]]
            ours[held_out] = outcome["held_out"]["rows"]["distribution"]
        with np.errstate(divide="ignore"):
            kl = [(cross_entropy(np.log(p), y) + entropy.sum()) / len(y) for p in (ours, theirs)]
        top = [(p.argmax(axis=1) == y.argmax(axis=1)).mean() for p in (ours, theirs)]
        most = np.abs(ours - theirs).max()
        agree &= bool(most < 0.01 and abs(top[0] - top[1]) < 0.01)
        print(
            f"| {spec} | {kl[0]:.4f} | {kl[1]:.4f} | {top[0]:.4f} | {top[1]:.4f} | {most:.1e} |", flush=True
        )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
