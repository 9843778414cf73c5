"""Whether training in the span of the training rows (docs/span.md) learns as well as training on columns.

    python benches/span_learns.py BLENDFUSE DATA --work FOLDER [--sets NAME,…] [--seeds 5]

Every data set has fewer training rows than columns in every fold; both ways are `blendfuse cv` over its folds with
the same seeds and settings, and differ in `train.inputs` alone. Made from DATA and kept, with all results, in FOLDER:

- `synthetic 1`, `synthetic 2`: `blendfuse synth --preset paper` with few clips, two seeds: all 36 encoders at full
  width, a model of projections to 64 and at most --epochs epochs, because time allows no more;
- `digits`, `music`, `faces`, `images`: the encoders of `multiview`, `emotions`, `ldl/SBU_3DFE` and `ldl/emotion6`,
  each widened: standardised columns, made noisier by normal noise, go through a fixed random layer of --columns
  units, ReLU(A x + b), A of variance 1/D and b of variance 1;
- `ComParE`, `ComParE + eGeMAPS`: `emodb` as it is.

The table has, for each: the main measure as cv reports it (mean over folds and seeds) and the lowest validation
loss of a training (the mean over trainings), of both ways, and the differences span - columns. Intervals of 95 %: where actors are
known, that of the measure is `blendfuse compare`'s, of all held-out clips together, actors and seeds drawn with
replacement; every other one is over the folds and seeds of the paired differences, two crossed random effects (t with
Satterthwaite's degrees of freedom). Folds share training rows, so that those of losses are about these
folds and seeds rather than about new clips.

Needs numpy and scipy. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats

WAYS = ("columns", "span")
SMALL = ["model.projection_dim=64", "model.shared_dim=128", "model.gate_hidden=32", "model.head_hidden=64"]


@dataclass
class DataSet:
    """How a data folder is made, and the settings that both ways have."""

    name: str
    make: Callable[[Path], Path]
    settings: list[str] = field(default_factory=list)


# Data


def synthetic(program: str, seed: int, options: argparse.Namespace) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        if not folder.exists():
            run(program, "synth", "--out", folder, "--preset", "paper", "--seed", seed, "--dtype", "f16",
                "--train-clips", options.clips, "--test-clips", 11, "--width-divisor", options.width_divisor)  # fmt: skip
        return folder

    return make


def widened(source: Path, noise: float, columns: int) -> Callable[[Path], Path]:
    """A folder with the labels of `source`, and its training features through a random layer."""

    def make(folder: Path) -> Path:
        if folder.exists():
            return folder
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        (part / "features" / "train").mkdir(parents=True)
        shutil.copyfile(source / "train_metadata.csv", part / "train_metadata.csv")
        random = np.random.default_rng(0)
        for file in sorted((source / "features" / "train").glob("*.npz")):
            with np.load(file) as arrays:
                x, names = arrays["X"].astype(np.float64), arrays["filenames"]
            std = x.std(axis=0)
            x = (x - x.mean(axis=0)) / np.where(std > 0, std, 1)
            x += noise * random.standard_normal(x.shape)
            layer = random.standard_normal((x.shape[1], columns)) / np.sqrt(x.shape[1])
            x = np.maximum(x @ layer + random.standard_normal(columns), 0)
            np.savez(part / "features" / "train" / file.name, X=x.astype(np.float32), filenames=names)
        part.rename(folder)
        return folder

    return make


def data_sets(options: argparse.Namespace) -> list[DataSet]:
    program, data, columns = options.blendfuse, options.data, options.columns
    few = [*SMALL, f"train.max_epochs={options.epochs}"]
    emodb = data / "emodb" / "data"
    return [
        DataSet("synthetic 1", synthetic(program, 1, options), few),
        DataSet("synthetic 2", synthetic(program, 2, options), few),
        DataSet("digits", widened(data / "multiview", 2.0, columns)),
        DataSet("music", widened(data / "emotions", 0.5, columns)),
        DataSet("ComParE", lambda _: emodb, ['data.encoders=["compare"]']),
        DataSet("ComParE + eGeMAPS", lambda _: emodb, ['data.encoders=["compare","egemaps"]']),
        DataSet("faces", widened(data / "ldl" / "SBU_3DFE", 0.5, columns)),
        DataSet("images", widened(data / "ldl" / "emotion6", 0.5, columns)),
    ]


# Training


@dataclass
class Trained:
    """The trainings of one way: by seed and fold the main measure, the lowest validation loss and the number of
    epochs; seconds of the whole `cv`."""

    measure: np.ndarray
    loss: np.ndarray
    epochs: np.ndarray
    seconds: float


def run(*arguments: object) -> str:
    words = [str(argument) for argument in arguments]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def trained(program: str, data: Path, settings: list[str], out: Path, seeds: int) -> Path:
    """The folder of `cv`, with the losses of all epochs but no weights."""
    if (out / "losses.json").exists():
        return out
    resume = ["--resume"] if out.exists() else []
    flags = [word for setting in settings for word in ("--set", setting)]
    begun = time.monotonic()
    run(program, "cv", data, "--out", out, "--seeds", seeds, *flags, *resume, "-q")
    seconds = time.monotonic() - begun
    losses = {}
    for history in out.glob("trials/*/*/history.csv"):
        with history.open(newline="") as file:
            losses[history.parent.name] = [float(row["val_loss"]) for row in csv.DictReader(file)]
    for weights in out.glob("trials/*/*/*.safetensors"):
        weights.unlink()
    (out / "losses.json").write_text(json.dumps({"seconds": seconds, "losses": losses}))
    return out


def read(out: Path, measure: str) -> Trained:
    kept = json.loads((out / "losses.json").read_text())
    found: dict[tuple[int, int], tuple[float, float, float]] = {}
    for path in out.glob("trials/*/*.json"):
        result = json.loads(path.read_text())
        count, losses = result["accuracy"], kept["losses"][result["id"]]
        presence = count["presence_correct"] / count["clips"]
        value = {
            "average": lambda c=count, p=presence: (p + c["salience_correct"] / c["blends"]) / 2,
            "presence": lambda p=presence: p,
            "kl": lambda r=result: r["kl"],
        }[measure]()
        place = (result["trial"]["seed"], result["trial"]["fold"])
        found[place] = (value, min(losses), len(losses))
    seeds, folds = (sorted({place[axis] for place in found}) for axis in (0, 1))
    table = np.array([[found[seed, fold] for fold in folds] for seed in seeds])
    return Trained(table[..., 0], table[..., 1], table[..., 2], kept["seconds"])


# Differences


def crossed(difference: np.ndarray) -> tuple[float, float, float]:
    """Mean of differences (seeds, folds) and its interval, both being random and crossed."""
    seeds, folds = difference.shape
    mean = difference.mean()
    by_seed, by_fold = difference.mean(axis=1) - mean, difference.mean(axis=0) - mean
    rest = difference - mean - by_seed[:, None] - by_fold
    freedom = np.array([seeds - 1, folds - 1, (seeds - 1) * (folds - 1)])
    squares = np.array([folds * (by_seed**2).sum(), seeds * (by_fold**2).sum(), (rest**2).sum()]) / freedom
    variance, of_freedom = squares[0] + squares[1] - squares[2], freedom[2]
    if variance > squares[2]:
        of_freedom = variance**2 / (squares**2 / freedom).sum()
    half = stats.t.ppf(0.975, of_freedom) * np.sqrt(max(variance, squares[2]) / (seeds * folds))
    return mean, mean - half, mean + half


def of_actors(compared: dict) -> tuple[tuple[float, float, float], str] | None:
    """The difference of all held-out clips and its interval by `compare`, where actors are known."""
    against = compared["sides"][1]["certainty"]["against"]
    if against["unit"] != "actor":
        return None
    found = against["main"]["difference"] if "main" in against else against["average"]
    interval = found["interval"]
    return (found["estimate"], interval["low"], interval["high"]), f"{against['actors']} actors, seeds"


def shown(difference: tuple[float, float, float]) -> str:
    mean, low, high = difference
    text = f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def row(name: str, data: Path, outs: list[Path], program: str) -> str:
    compared = json.loads(
        run(program, "compare", *(f"{way}={out}" for way, out in zip(WAYS, outs)), "--json", "-q")
    )
    measure = compared["main_measure"]
    columns, span = (read(out, measure) for out in outs)
    score = of_actors(compared) or (crossed(span.measure - columns.measure), "folds, seeds")
    cells = [
        name,
        f"{compared['clips']}",
        {"kl": "KL, lower is better", "presence": "ACC_presence", "average": "average"}[measure],
        f"{columns.measure.mean():.4f}",
        f"{span.measure.mean():.4f}",
        shown(score[0]),
        score[1],
        f"{columns.loss.mean():.4f}",
        f"{span.loss.mean():.4f}",
        shown(crossed(span.loss - columns.loss)),
        f"{(span.loss < columns.loss).sum()} of {span.loss.size}",
        f"{np.median(columns.epochs):.0f}, {np.median(span.epochs):.0f}",
        f"{columns.seconds:.0f}, {span.seconds:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


HEADINGS = [
    "data", "clips", "measure", "columns", "span", "span − columns", "interval over", "loss, columns", "loss, span",
    "span − columns", "lower with span", "epochs, columns, span", "seconds, columns, span",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blendfuse", metavar="BLENDFUSE", help="the program")
    parser.add_argument(
        "data", metavar="DATA", type=Path, help="folder with multiview, emotions, emodb and ldl"
    )
    parser.add_argument(
        "--work", metavar="FOLDER", type=Path, required=True, help="for data, runs and results"
    )
    parser.add_argument("--sets", metavar="NAMES", help="of the data sets, with commas [default: all]")
    parser.add_argument("--seeds", metavar="N", type=int, default=5)
    parser.add_argument("--columns", metavar="N", type=int, default=3000, help="of each widened encoder")
    parser.add_argument("--clips", metavar="N", type=int, default=400, help="of a synthetic set")
    parser.add_argument("--width-divisor", metavar="N", type=int, default=1, help="of a synthetic set")
    parser.add_argument("--epochs", metavar="N", type=int, default=20, help="at most, on a synthetic set")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="for all, both ways")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    every = {data_set.name: data_set for data_set in data_sets(options)}
    names = options.sets.split(",") if options.sets else list(every)
    if unknown := [name for name in names if name not in every]:
        parser.error(f"--sets: found {unknown}, expected some of {list(every)}")
    print("| " + " | ".join(HEADINGS) + " |\n" + "|---" * len(HEADINGS) + "|", flush=True)
    for name in names:
        place = options.work / name.replace(" ", "-")
        data, settings = every[name].make(place), every[name].settings + options.set
        outs = [
            trained(
                options.blendfuse,
                data,
                [*settings, f"train.inputs={way}"],
                place.with_name(f"{place.name}-{way}"),
                options.seeds,
            )
            for way in WAYS
        ]
        print(row(name, data, outs, options.blendfuse), flush=True)


if __name__ == "__main__":
    main()
