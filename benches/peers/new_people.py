"""What helps on people that training has not seen: everything chosen inside the training people, the same choices
offered to every model.

    python benches/peers/new_people.py DATA --work FOLDER [--blendfuse blendfuse] [--seeds 3] [--epochs N]

Each fold of DATA, a set of people, is held out in turn, and the other folds are a data folder of their own. Where
DATA has a test split with labels, that split alone is held out. Models and what is chosen by cross-validation
over the remaining folds:

- fusion: `blendfuse cv --retrain` with default settings: epochs, thresholds, exponents;
- logistic regression: C of 1e-3 … 10; linear SVM: C of 0.3 … 100, divided by the number of
  columns; MLP of 128 units: 5 to 20 epochs. By the squared error of the probabilities, the SVM's those of a
  softmax of its margins. For blends, thresholds by
  `blendfuse decode --search` on the scores of the clips left out. Not for label distributions: the SVM.

Parts: columns standardised on the training people or per person (`actor_statistics.py`; k = --shrinkage), cut at
--bound standard deviations or not; the domain adversary with the held-out people as its target; the mean over
seeds, and over the inner folds' models. Then, on the scores of fusion, the ways of `without_labels.py`.

Measures over all clips, mean over seeds; intervals of 95 % draw people and seeds with replacement. Copies of the
features, runs and scores are kept in FOLDER and used again. Prints Markdown. Needs scikit-learn and numpy.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from held_out_people import BOTH, FUSION, PLAIN, Outcome, People, Study
from nested import SAMPLES, linear, measures, narrow
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from without_labels import centred, matched_thresholds, prior_matched

PENALTIES = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
MARGINS = [0.3, 1.0, 3.0, 10.0, 100.0]
UNITS, EPOCHS = [128], [5, 10, 20]
CALIBRATED = ["fusion", "fusion, actor, bounds"]


# Peers


def peer(study: Study, model: str, kind: str) -> Outcome:
    kept = study.work / f"{model} {kind}.npz".replace(", ", "-").replace(" ", "-")
    data, found = study.data, study.empty()
    if kept.exists():
        with np.load(kept) as file:
            inner = {int(name[6:]): file[name] for name in file if name.startswith("inner-")}
            return Outcome(file["p"], file["shares"], inner)
    begun = time.monotonic()
    for held_out in data.held_out:
        training = data.fold != held_out
        settings, inner = SETTINGS[model], None
        for fold in sorted(set(data.fold[training])):
            new = data.fold == fold
            guesses = fitted(study, model, kind, training & ~new, new, settings)
            if inner is None:
                inner = np.full((len(guesses), *data.y.shape), np.nan)
            inner[:, new] = guesses
        best = int(np.nansum((inner - data.y) ** 2, axis=(1, 2)).argmin())
        found.p[~training] = fitted(study, model, kind, training, ~training, settings)[best]
        found.inner[held_out] = inner[best]
        if data.task == "blends":
            study.decoded(found.p, held_out, study.searched(inner[best], held_out), found.shares)
        print(
            f"  {model}, {kind}, fold {held_out}: setting {best}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    inner = {f"inner-{fold}": p for fold, p in found.inner.items()}
    np.savez(kept, p=found.p, shares=found.shares, **inner)
    return found


def fitted(study: Study, model: str, kind: str, training, new, settings: list) -> list[np.ndarray]:
    x = np.nan_to_num(study.data.prepared(kind, training, study.shrinkage, study.bound))
    y = study.data.y[training]
    if model == "MLP":
        return [p for units in settings for p in perceptron(x[training], y, units, x[new])]
    inside, outside = narrow(x[training], x[new])
    task = "single" if study.data.task == "single" else "distributions"
    if model == "logistic regression":
        return [linear(inside, y, task, c, outside) for c in settings]
    return [machine(inside, y, c / x.shape[1], outside) for c in settings]


def machine(x: np.ndarray, y: np.ndarray, c: float, new: np.ndarray) -> np.ndarray:
    row, label = np.nonzero(y)
    model = SVC(kernel="linear", C=c, cache_size=500).fit(x[row], label, sample_weight=y[row, label])
    margins = model.decision_function(new)
    p = np.zeros((len(new), y.shape[1]))
    p[:, model.classes_] = np.exp(margins - margins.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def perceptron(x: np.ndarray, y: np.ndarray, units: int, new: np.ndarray) -> list[np.ndarray]:
    """Probabilities after each number of epochs."""
    x, new, found = x.astype(np.float32), new.astype(np.float32), []
    row, label = np.nonzero(y)
    classes = np.arange(y.shape[1])
    model = MLPClassifier((units,), batch_size=64, random_state=0)
    for epoch in range(1, max(EPOCHS) + 1):
        model.partial_fit(x[row], label, classes=classes, sample_weight=y[row, label])
        if epoch in EPOCHS:
            found.append(model.predict_proba(new).astype(np.float64))
    return found


SETTINGS = {"logistic regression": PENALTIES, "linear SVM": MARGINS, "MLP": UNITS}


# Measures


def scores(data: People, found: Outcome, rows: np.ndarray) -> dict[str, float]:
    p, shares, y = found.p[rows], found.shares[rows], data.y[rows]
    if data.task != "blends":
        return measures(data.task, p, shares > 0, y)
    presence = ((shares > 0) == (y > 0)).all(axis=1)
    blends = (y > 0).sum(axis=1) == 2
    salience = (np.round(100 * shares) == np.round(100 * y)).all(axis=1)[blends].mean()
    return {"average": (presence.mean() + salience) / 2, "presence": presence.mean(), "salience": salience}


def report(data: People, found: dict[str, list[Outcome]], references: list[str]) -> None:
    """Every row's measures, and the first measure minus each reference's, for the same people and seed."""
    scored = np.flatnonzero(np.isin(data.fold, data.held_out))
    groups = [scored[data.actor[scored] == actor] for actor in np.unique(data.actor[scored])]
    means = {
        row: np.mean([list(scores(data, o, scored).values()) for o in seeds], axis=0)
        for row, seeds in found.items()
    }
    samples = {row: [] for row in found}
    random = np.random.default_rng(0)
    for _ in range(SAMPLES):
        clips = np.concatenate([groups[g] for g in random.integers(len(groups), size=len(groups))])
        seed = random.integers(max(map(len, found.values())))
        for row, seeds in found.items():
            samples[row].append(list(scores(data, seeds[seed % len(seeds)], clips).values()))
    names = list(scores(data, found[references[0]][0], scored))
    print(f"\n{len(scored)} clips scored, {data.x.shape[1]} columns, {len(groups)} people scored\n")
    against = [f"{names[0]} minus `{reference}`" for reference in references]
    print("| " + " | ".join(["model", "seeds", *names, *against]) + " |")
    print("|---" * (2 + len(names) + len(against)) + "|")
    for row, seeds in found.items():
        low, high = np.percentile(samples[row], [2.5, 97.5], axis=0)
        cells = [f"{m:.4f} ({a:.4f} to {b:.4f})" for m, a, b in zip(means[row], low, high)]
        for reference in references:
            drawn = np.array(samples[row])[:, 0] - np.array(samples[reference])[:, 0]
            a, b = np.percentile(drawn, [2.5, 97.5])
            difference = means[row][0] - means[reference][0]
            cells.append("" if row == reference else f"{difference:+.4f} ({a:+.4f} to {b:+.4f})")
        print(f"| {row} | {len(seeds)} | " + " | ".join(cells) + " |", flush=True)


def mean_of(study: Study, seeds: list[Outcome]) -> Outcome:
    """The mean of the seeds' scores, decoded with thresholds that suit the mean of the inner scores."""
    found = study.empty()
    found.p = np.mean([seed.p for seed in seeds], axis=0)
    found.inner = {k: np.mean([seed.inner[k] for seed in seeds], axis=0) for k in seeds[0].inner}
    for held_out in study.data.held_out:
        if study.data.task == "blends":
            study.decoded(found.p, held_out, study.searched(found.inner[held_out], held_out), found.shares)
    return found


def calibrated(study: Study, row: str, seeds: list[Outcome]) -> dict[str, list[Outcome]]:
    """The scores of a row, adjusted without labels."""
    data, ways = study.data, {}
    for seed, fixed in enumerate(seeds):
        for way in ("prior matching", "centring", "matched thresholds"):
            if way == "matched thresholds" and data.task != "blends":
                continue
            found = study.empty()
            for held_out in data.held_out:
                new, training = data.fold == held_out, data.fold != held_out
                inner, y, f = fixed.inner[held_out][training], data.y[training], fixed.p[new]
                if way == "prior matching":
                    f = prior_matched(f, y.mean(axis=0))
                elif way == "centring":
                    f = centred(f, data.actor[new], inner, data.actor[training], study.shrinkage)
                found.p[new] = f
                if data.task == "blends":
                    thresholds = study.thresholds(row, held_out, seed)
                    if way == "matched thresholds":
                        thresholds = matched_thresholds(f, y)
                    study.decoded(found.p, held_out, thresholds, found.shares)
            ways.setdefault(f"{row}; {way}", []).append(found)
    return ways


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument(
        "--work", metavar="FOLDER", type=Path, required=True, help="for data, runs and results"
    )
    parser.add_argument("--blendfuse", metavar="PROGRAM", default="blendfuse")
    parser.add_argument("--seeds", metavar="N", type=int, default=3, help="seeds of the fusion model")
    parser.add_argument("--epochs", metavar="N", type=int, help="train.max_epochs of every fusion model")
    parser.add_argument("--shrinkage", metavar="K", type=float, default=5.0)
    parser.add_argument("--bound", metavar="SD", type=float, default=8.0)
    parser.add_argument(
        "--rows", metavar="ROWS", default=";".join([*FUSION, *SETTINGS]), help="of ; and names"
    )
    parser.add_argument("--keys", action="store_true", help="let blendfuse standardise per actor and cut")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    data = People(options.data)
    study = Study(
        data, options.work, options.blendfuse, options.shrinkage, options.bound, options.keys, options.epochs
    )
    rows, found = options.rows.split(";"), {}
    unknown = set(rows) - {*FUSION, *SETTINGS}
    if unknown or (data.task == "sets" and set(rows) - set(FUSION)):
        parser.error(
            f"rows: found {unknown or rows}, expected some of {[*FUSION, *SETTINGS]}; for sets, fusion only"
        )
    for row in (row for row in FUSION if row in rows):
        found[row] = [study.fusion(row, seed) for seed in range(options.seeds)]
        if row in CALIBRATED:
            found[f"{row}; mean over inner folds' models"] = [
                study.fusion(row, seed, ensemble=True) for seed in range(options.seeds)
            ]
            if options.seeds > 1 and data.task != "sets":
                found[f"{row}; mean over {options.seeds} seeds"] = [mean_of(study, found[row])]
    for model in (model for model in SETTINGS if model in rows):
        if model == "linear SVM" and data.task == "distributions":
            continue
        for kind in (PLAIN, BOTH):
            found[f"{model}, {kind}"] = [peer(study, model, kind)]
    peer_with_it = f"logistic regression, {BOTH}"
    report(data, found, [next(iter(found)), *[row for row in found if row == peer_with_it]])
    for row in (row for row in CALIBRATED if row in found and data.task != "sets"):
        report(data, {row: found[row]} | calibrated(study, row, found[row]), [row])


if __name__ == "__main__":
    main()
