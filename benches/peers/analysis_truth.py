"""Compares an analysis of synthetic data with the ground truth that `synth` wrote.

    blendfuse analyze RUN DATA --out ANALYSIS
    python benches/peers/analysis_truth.py ANALYSIS DATA

Families: the encoders are parted into as many groups as there are families, by average linkage on
1 - CKA of `cka.csv`, and the groups compared with the families by the adjusted Rand index; encoders that
see nothing are alike to none, so they are left out. Also the mean CKA within and between families.

Usefulness: an encoder's mean usefulness over emotions and over the shares of clips with hidden face and
masked voice (0 for one that sees nothing), against the share of clips that keep it and against its mean
importance: Spearman's correlation with a 95 % interval that resamples encoders.

Needs numpy, scipy and scikit-learn.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

SAMPLES = 10_000


def usefulness(encoder: dict, hidden: float) -> float:
    """The mean over clips; the face is hidden on a share of them, the voice masked on another."""
    if encoder["noise"]:
        return 0.0
    left = 1 - 2 * hidden
    left += hidden * (encoder["left_when_face_hidden"] + encoder["left_when_voice_masked"])
    return left * float(np.mean(list(encoder["usefulness"].values())))


def correlation(a: np.ndarray, b: np.ndarray) -> str:
    """Spearman's ρ with its interval."""
    random = np.random.default_rng(0)
    draws = random.integers(len(a), size=(SAMPLES, len(a)))
    drawn = [spearmanr(a[draw], b[draw]).statistic for draw in draws]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{spearmanr(a, b).statistic:.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Compares."""
    analysis, data = Path(sys.argv[1]), Path(sys.argv[2])
    truth = json.loads((data / "ground_truth.json").read_text())
    encoders = {encoder["name"]: encoder for encoder in truth["encoders"]}
    with open(analysis / "cka.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [row["encoder"] for row in rows]
    cka = np.array([[float(row[name]) for name in names] for row in rows])

    seeing = [i for i, name in enumerate(names) if not encoders[name]["noise"]]
    families = np.array([encoders[names[i]]["family"] for i in seeing])
    part = cka[np.ix_(seeing, seeing)]
    distance = squareform(1 - part, checks=False)
    groups = fcluster(linkage(distance, "average"), len(set(families)), "maxclust")
    same = families[:, None] == families[None, :]
    others = ~np.eye(len(seeing), dtype=bool)
    print(f"{len(names)} encoders, {len(seeing)} see something, {len(set(families))} families")
    print(f"adjusted Rand index of CKA groups and families: {adjusted_rand_score(families, groups):.2f}")
    print(f"mean CKA within families {part[same & others].mean():.3f}, between {part[~same].mean():.3f}")
    for family in sorted(set(families)):
        members = [f"{names[i]}:{group}" for i, of, group in zip(seeing, families, groups) if of == family]
        print(f"  {family}: {', '.join(members)}")

    with open(analysis / "encoders.csv", newline="") as file:
        found = {row["encoder"]: row for row in csv.DictReader(file)}
    useful = np.array([usefulness(encoders[name], truth["scenario"]["hidden"]) for name in names])
    for column in ["selected", "importance"]:
        values = np.array([float(found[name][column]) for name in names])
        print(f"Spearman's correlation of usefulness and {column}: {correlation(useful, values)}")


if __name__ == "__main__":
    main()
