"""Scores adjusted to new people from their unlabelled clips: three ways, used by `new_people.py`.

All work on the aligned scores f (N, C), whose rows sum to 1, and compare with the scores of training clips by
models that were not trained on them.
"""

from __future__ import annotations

import numpy as np

FLOOR = 1e-8


def prior_matched(f: np.ndarray, prior: np.ndarray, steps: int = 1_000) -> np.ndarray:
    """Scores for the class frequencies of these clips instead of the training `prior`, by expectation
    maximisation (Saerens, Latinne and Decaestecker 2002, eq. 9)."""
    now = prior
    for _ in range(steps):
        weighted = np.maximum(f, FLOOR) * (now / prior)
        posterior = weighted / weighted.sum(axis=1, keepdims=True)
        after = posterior.mean(axis=0)
        if np.abs(after - now).max() < 1e-6:
            break
        now = after
    return posterior


def centred(f: np.ndarray, actor: np.ndarray, training: np.ndarray, of: np.ndarray, k: float) -> np.ndarray:
    """Scores whose logarithms have, for each actor, the mean of the training actors' (`training`, of the actors
    `of`); the shift of an actor of n clips is shrunk by (n - 1) / (n - 1 + k)."""
    logs = np.log(np.maximum(training, FLOOR))
    usual = np.mean([logs[of == a].mean(axis=0) for a in np.unique(of)], axis=0)
    shifted = np.log(np.maximum(f, FLOOR))
    for a in np.unique(actor):
        rows = actor == a
        n = rows.sum()
        w = (n - 1) / max(n - 1 + k, 1)
        shifted[rows] += w * (usual - shifted[rows].mean(axis=0))
    p = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def matched_thresholds(f: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Thresholds (presence, salience) at which as many of these clips show two emotions, and as many of those in
    equal shares, as in the training labels `y`. Neutral counts like any emotion."""
    two = (y > 0).sum(axis=1) == 2
    equal = np.isclose(y[two].max(axis=1), 0.5).mean() if two.any() else 1.0
    first, second = -np.sort(-f, axis=1)[:, :2].T
    presence = float(np.quantile(second, 1 - two.mean()))
    blends = second >= presence
    ratio = first[blends] / (first[blends] + second[blends]) - 0.5
    salience = float(np.quantile(ratio, equal)) if blends.any() else 0.1
    return min(max(presence, 0.0), 1.0), min(max(salience, 0.0), 0.5)
