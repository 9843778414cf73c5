"""Columns standardised with each person's own statistics: which rule, how many clips of a new person it needs,
and what clips of one emotion do to it. Measured with logistic regression, on people it was not fitted to.

    python benches/peers/actor_statistics.py DATA [--draws 20] [--parts rules,clips,emotions]

For each person, over the n clips that have a column, labels unread: with w = (n - 1) / (n - 1 + k), the mean is
w · own + (1 - w) · training, the variance likewise. Columns constant in training are 0; the rest is cut at a
number of standard deviations.

Each fold of DATA is held out in turn, C of 1e-3, 1e-2 and 1e-1 chosen by cross-validation over the others
(lowest squared error), and the model fitted to all of those. In `clips` and `emotions` the held-out person's
statistics come from some of the person's clips, drawn anew each time; training people keep all of theirs.
Measures over all clips: accuracy and unweighted average recall for single labels, Kullback-Leibler divergence
and intersection for label distributions. Prints Markdown. Needs scikit-learn and numpy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from nested import Data, measures
from sklearn.linear_model import LogisticRegression

PENALTIES = [1e-3, 1e-2, 1e-1]
SHRINKAGES = [0, 1, 2, 5, 10, 20]
ONE_SIDED, COUNT = [1, 5, 10], 10
BOUNDS = [3, 5, 8, 10]
Prepare = Callable[[np.ndarray], np.ndarray]


# Statistics


class Columns:
    """Mean, variance and constancy of every column over the training rows."""

    def __init__(self, x: np.ndarray):
        self.mean, self.variance = np.nanmean(x, axis=0), np.nanvar(x, axis=0)
        self.constant = np.nanmax(x, axis=0) == np.nanmin(x, axis=0)

    def applied(self, x: np.ndarray) -> np.ndarray:
        """Standardised rows; 0 where a column is constant or a clip lacks the encoder."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (x - self.mean) / np.sqrt(self.variance)
        return np.nan_to_num(np.where(self.constant, 0.0, z), posinf=0.0, neginf=0.0)

    def shrunk(self, own: np.ndarray, k: float) -> Columns:
        """Statistics of one person's clips, shrunk towards these."""
        n = (~np.isnan(own)).sum(axis=0)
        w = np.where(n > 1, (n - 1) / np.maximum(n - 1 + k, 1), 0.0)
        some = np.where(n > 1, own, self.mean)
        shrunk = Columns.__new__(Columns)
        shrunk.mean = w * np.nanmean(some, axis=0) + (1 - w) * self.mean
        shrunk.variance = w * np.nanvar(some, axis=0) + (1 - w) * self.variance
        shrunk.constant = self.constant
        return shrunk


def by_actor(x: np.ndarray, training: np.ndarray, actor: np.ndarray, k: float) -> np.ndarray:
    """All rows, each standardised with the shrunk statistics of its actor."""
    columns, z = Columns(x[training]), np.empty_like(x)
    for a in np.unique(actor):
        rows = actor == a
        z[rows] = columns.shrunk(x[rows], k).applied(x[rows])
    return z


def by_training(x: np.ndarray, training: np.ndarray) -> np.ndarray:
    return Columns(x[training]).applied(x)


def percentiles(x: np.ndarray, training: np.ndarray, share: float) -> np.ndarray:
    """Rows cut at the training percentiles `share` and 100 - `share`."""
    low, high = np.nanpercentile(x[training], [share, 100 - share], axis=0)
    return np.clip(x, low, high)


# Logistic regression


class Linear:
    """Logistic regression on all columns, fitted in the span of its rows."""

    def __init__(self, x: np.ndarray, y: np.ndarray, settings: list[float]):
        basis = None
        if x.shape[1] > len(x):
            # The Gram matrix is faster than a decomposition of x, and directions without spread don't matter.
            values, u = np.linalg.eigh(x @ x.T)
            some = values > 1e-12 * values[-1]
            size = np.sqrt(values[some])
            basis = u[:, some].T @ x / size[:, None]
            x = u[:, some] * size
        row, label = np.nonzero(y)
        self.weights, self.classes = [], y.shape[1]
        for c in settings:
            model = LogisticRegression(C=c, max_iter=5000)
            model.fit(x[row], label, sample_weight=y[row, label])
            coefficients = model.coef_ if basis is None else model.coef_ @ basis
            self.weights.append((model.classes_, coefficients.T, model.intercept_))

    def probabilities(self, x: np.ndarray) -> list[np.ndarray]:
        """(N, C) for each of the settings."""
        found = []
        for classes, coefficients, intercept in self.weights:
            logits = np.full((len(x), self.classes), -np.inf)
            logits[:, classes] = x @ coefficients + intercept
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            found.append(p / p.sum(axis=1, keepdims=True))
        return found


def chosen_inside(data: Data, prepare: Prepare) -> Iterator[tuple[np.ndarray, Linear]]:
    """For every fold, the training clips and the model of the C that suits them."""
    for held_out in range(data.fold.max() + 1):
        training = data.fold != held_out
        errors = np.zeros(len(PENALTIES))
        for fold in sorted(set(data.fold[training])):
            new = data.fold == fold
            inside = training & ~new
            x = prepare(inside)
            found = Linear(x[inside], data.y[inside], PENALTIES).probabilities(x[new])
            errors += [((p - data.y[new]) ** 2).sum() for p in found]
        x = prepare(training)
        yield training, Linear(x[training], data.y[training], [PENALTIES[int(errors.argmin())]])


def scored(data: Data, p: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    rows = np.arange(len(p)) if rows is None else rows
    p, y = p[rows], data.y[rows]
    return np.array(list(measures(data.task, p, p == p.max(axis=1, keepdims=True), y).values()))


def held_out(data: Data, prepare: Prepare) -> np.ndarray:
    p = np.zeros(data.y.shape)
    for training, model in chosen_inside(data, prepare):
        (p[~training],) = model.probabilities(prepare(training)[~training])
    return p


# What is measured


def table(names: list[str], rows: Iterable[tuple[str, ...]]) -> None:
    print("\n| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def cells(values: np.ndarray) -> list[str]:
    return [f"{value:.4f}" for value in values]


def rules(data: Data, names: list[str]) -> None:
    """Statistics, shrinkage and bounds."""
    x, actor = data.x, data.actor

    def cut(prepare: Prepare, bound: float) -> Prepare:
        return lambda training: np.clip(prepare(training), -bound, bound)

    def own(k: float) -> Prepare:
        return lambda training: by_actor(x, training, actor, k)

    def training_only(training: np.ndarray) -> np.ndarray:
        return by_training(x, training)

    def between(share: float, k: float | None) -> Prepare:
        def prepare(training: np.ndarray) -> np.ndarray:
            inside = percentiles(x, training, share)
            if k is None:
                return by_training(inside, training)
            return by_actor(inside, training, actor, k)

        return prepare

    def first(bound: float, k: float) -> Prepare:
        def prepare(training: np.ndarray) -> np.ndarray:
            return by_actor(np.clip(by_training(x, training), -bound, bound), training, actor, k)

        return prepare

    print("\n| statistics | k | bound | " + " | ".join(names) + " |\n" + "|---" * (3 + len(names)) + "|")

    def row(statistics: str, k: str, bound: str, prepare: Prepare) -> None:
        found = cells(scored(data, held_out(data, prepare)))
        print(f"| {statistics} | {k} | {bound} | " + " | ".join(found) + " |", flush=True)

    row("training", "", "none", training_only)
    for bound in BOUNDS:
        row("training", "", f"{bound} sd", cut(training_only, bound))
    for share in (0.5, 1.0):
        row("training", "", f"percentiles {share:g}, {100 - share:g}", between(share, None))
    for k in SHRINKAGES:
        row("actor", f"{k}", "none", own(k))
    for k in (1, 5):
        for bound in BOUNDS:
            row("actor", f"{k}", f"{bound} sd", cut(own(k), bound))
    for share in (0.5, 1.0):
        row("actor", "5", f"percentiles {share:g}, {100 - share:g}, before", between(share, 5))
    row("actor", "5", "8 sd of training, before", first(8, 5))


@cache
def models(data: Data, k: float, bound: float) -> list[tuple[np.ndarray, Linear]]:
    def prepare(training: np.ndarray) -> np.ndarray:
        return np.clip(by_actor(data.x, training, data.actor, k), -bound, bound)

    return list(chosen_inside(data, prepare))


def with_statistics_of(
    data: Data, rows: np.ndarray, some: np.ndarray, columns: Columns, k: float, bound: float
):
    return np.clip(columns.shrunk(data.x[some], k).applied(data.x[rows]), -bound, bound)


def clips(data: Data, draws: int, bound: float) -> Iterator[tuple[str, ...]]:
    """Statistics of a held-out person from few clips."""
    random = np.random.default_rng(0)
    baseline = cells(
        scored(data, held_out(data, lambda training: np.clip(by_training(data.x, training), -bound, bound)))
    )
    yield ("training", "", *baseline)
    counts = [1, 2, 5, 10, 20, None]
    for k in SHRINKAGES:
        fitted = models(data, k, bound)
        columns = [Columns(data.x[training]) for training, _ in fitted]
        for count in counts:
            found = []
            for _ in range(draws if count else 1):
                p = np.zeros(data.y.shape)
                for (training, model), stats in zip(fitted, columns):
                    for a in np.unique(data.actor[~training]):
                        mine = np.flatnonzero((data.actor == a) & ~training)
                        some = (
                            mine if count is None or count >= len(mine) else random.choice(mine, count, False)
                        )
                        z = with_statistics_of(data, mine, some, stats, k, bound)
                        (p[mine],) = model.probabilities(z)
                found.append(scored(data, p))
            yield (f"actor, k = {k}", f"{count or 'all'}", *cells(np.mean(found, axis=0)))


def emotions(data: Data, draws: int, bound: float) -> Iterator[tuple[str, ...]]:
    """Statistics from COUNT clips of a person, of which a part shows one emotion: scored on all clips of the
    person, and on those clips alone."""
    random, label = np.random.default_rng(0), data.y.argmax(axis=1)
    training_model = list(chosen_inside(data, lambda t: np.clip(by_training(data.x, t), -bound, bound)))
    for k in ONE_SIDED:
        fitted = models(data, k, bound)
        for share in (0.0, 0.5, 1.0):
            everything, batch, plain = [], [], []
            for (training, model), (_, unshifted) in zip(fitted, training_model):
                columns = Columns(data.x[training])
                for a in np.unique(data.actor[~training]):
                    mine = np.flatnonzero((data.actor == a) & ~training)
                    for emotion in np.unique(label[mine]):
                        same, other = mine[label[mine] == emotion], mine[label[mine] != emotion]
                        if len(same) < 2:
                            continue
                        for _ in range(max(1, draws // 5)):
                            taken = min(round(share * COUNT), len(same))
                            some = random.choice(mine, COUNT, False)
                            if share > 0:
                                of = random.choice(same, taken, False)
                                rest = random.choice(other, taken if share < 1 else 0, False)
                                some = np.concatenate([of, rest])
                            z = with_statistics_of(data, mine, some, columns, k, bound)
                            (p,) = model.probabilities(z)
                            everything.append(measured(data, p, mine))
                            at = np.searchsorted(mine, some)
                            batch.append(measured(data, p[at], some))
                            z = np.clip(columns.applied(data.x[some]), -bound, bound)
                            plain.append(measured(data, unshifted.probabilities(z)[0], some))
            of = {0.0: "as they come", 0.5: "half one emotion", 1.0: "all one emotion"}[share]
            values = [np.mean(found) for found in (everything, batch, plain)]
            yield (f"{k}", of, *cells(np.array(values)))


def measured(data: Data, p: np.ndarray, rows: np.ndarray) -> float:
    """The first measure on some clips, with their probabilities."""
    return next(iter(measures(data.task, p, p == p.max(axis=1, keepdims=True), data.y[rows]).values()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path, help="data folder with folds of people")
    parser.add_argument("--draws", metavar="N", type=int, default=20, help="draws of a person's clips")
    parser.add_argument("--bound", metavar="SD", type=float, default=8.0, help="for clips and emotions")
    parser.add_argument("--parts", metavar="LIST", default="rules,clips,emotions")
    options = parser.parse_args()
    data = Data(options.data)
    names = list(measures(data.task, data.y, data.y > 0, data.y))
    for part in options.parts.split(","):
        if part == "rules":
            rules(data, names)
        elif part == "clips":
            table(["statistics", "clips of the person", *names], clips(data, options.draws, options.bound))
        elif part == "emotions":
            columns = [
                f"{names[0]}, all clips of the person",
                "these clips",
                "these clips, training statistics",
            ]
            table(["k", f"the {COUNT} clips", *columns], emotions(data, options.draws, options.bound))
        else:
            parser.error(f"unknown part {part!r}; expected rules, clips or emotions")


if __name__ == "__main__":
    main()
