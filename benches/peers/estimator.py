"""Times `FusionClassifier` beside the command and beside the same model in PyTorch through skorch.

    python benches/peers/estimator.py --against blendfuse --size small
    python benches/peers/estimator.py --against blendfuse --size full
    python benches/peers/estimator.py --what one --size small
    python benches/peers/estimator.py --what one --size egemaps

Runs all sides in turn, several times over, each as a process of its own with the same number of threads, and
prints the medians of their times and peak memories, and the ratios of the medians: what other work the machine
does then strikes all alike. Random features of 36 encoders at the usual widths (`full`: 640 clips, 10 epochs, so
that what a run does once weighs little), at widths divided by 16 (`small`: 1,965 clips, 3 epochs), or of six encoders
with the widths of the UCI data set Multiple Features (`views`: 649 columns, 1,965 clips, 10 epochs), or of one encoder
with those of eGeMAPS (`egemaps`: 88 columns); random labels of one or two of six classes; batch 64; no validation
fold.

- `fit`: `FusionClassifier.fit` on arrays in memory, without imports and without making the arrays;
- `fit-span`: the same with `projection_inputs="span"`, which trains in the span of the training rows (docs/span.md);
- `command`: `blendfuse train` on the same arrays as files, the whole process with opening and checking the files;
- `skorch`: `skorch.NeuralNet` with `blendfuse.torch.FusionModel`, torch.optim.Adam (fused) and the two
  soft-label losses, on the same arrays, standardised beforehand. `skorch-tuned` keeps PyTorch's memory between
  steps and in huge pages;
- `one` and `one-torch`: 1,000 calls for the probabilities of one clip, `predict_proba` and the module in
  inference mode on tensors that are there already.

Needs blendfuse with pandas and scikit-learn, torch and skorch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from train_step import FRAMES, TUNED

CLASSES = 6
CALLS = 1_000
# Clips, epochs and turns where they are not told: 100, 93, 310 and 310 steps.
USUAL = {"full": (640, 10, 3), "small": (1_965, 3, 7), "views": (1_965, 10, 7), "egemaps": (1_965, 10, 7)}
# Columns of the encoders of a size that is not all 36.
NARROW = {"views": [76, 216, 64, 240, 47, 6], "egemaps": [88]}
SIDES = {
    "fit": ["command", "fit", "fit-span", "skorch", "skorch-tuned"],
    "one": ["one", "one-torch"],
}


def widths_of(size: str) -> dict[str, int]:
    if size in NARROW:
        return {f"enc{m:02}": width for m, width in enumerate(NARROW[size])}
    divisor = {"full": 1, "small": 16}[size]
    return {f"enc{m:02}": max(1, 7 * frame // divisor) for m, frame in enumerate(FRAMES)}


def made(arguments: argparse.Namespace) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features by encoder and proportions (N, C)."""
    random = np.random.default_rng(0)
    widths = widths_of(arguments.size)
    x = {name: random.standard_normal((arguments.clips, width), np.float32) for name, width in widths.items()}
    y = np.zeros((arguments.clips, CLASSES))
    for row in range(arguments.clips):
        first, second = random.choice(CLASSES, 2, replace=False)
        y[row, first], y[row, second] = ((1.0, 0.0), (0.5, 0.5), (0.7, 0.3))[row % 3]
    return x, y


def folder_of(arguments: argparse.Namespace) -> Path:
    import blendfuse

    folder = arguments.work / f"{arguments.size}-{arguments.clips}"
    if folder.exists():
        return folder
    x, y = made(arguments)
    (folder / "features" / "train").mkdir(parents=True)
    names = [f"c{row:05}" for row in range(arguments.clips)]
    for name, rows in x.items():
        blendfuse.write_features(folder / "features" / "train" / f"{name}.npz", rows, names)
    with (folder / "train_metadata.csv").open("w", encoding="utf-8") as file:
        print("filename,fold," + ",".join(f"e{c}" for c in range(CLASSES)), file=file)
        for name, row in zip(names, y):
            print(f"{name},0," + ",".join(map(str, row)), file=file)
    return folder


def classifier(arguments: argparse.Namespace) -> Any:
    import blendfuse

    return blendfuse.FusionClassifier(
        max_epochs=arguments.epochs,
        early_stopping=False,
        random_state=0,
        n_jobs=arguments.threads,
        monitor="average",
        max_emotions=2,
        proportions=[[50, 50], [70, 30]],
        beta=1.0,
        projection_inputs="span" if arguments.side == "fit-span" else "columns",
    )


def settle() -> None:
    """Lets what imports have started come to rest before the clock starts: the threads of OpenBLAS, of which NumPy
    and SciPy have their own, spin for a while before they sleep."""
    time.sleep(1.0)


def seconds_of_fit(arguments: argparse.Namespace) -> float:
    x, y = made(arguments)
    import pandas

    labels = pandas.DataFrame(y, columns=[f"e{c}" for c in range(CLASSES)])
    model = classifier(arguments)
    settle()
    begun = time.perf_counter()
    model.fit(x, labels)
    return time.perf_counter() - begun


def seconds_of_command(arguments: argparse.Namespace) -> tuple[float, float]:
    folder = folder_of(arguments)
    with tempfile.TemporaryDirectory() as out:
        flags = [
            f"train.max_epochs={arguments.epochs}",
            "train.monitor=average",
            "decode.max_emotions=2",
            "decode.proportions=[[50,50],[70,30]]",
            "decode.beta=1",
        ]
        flags = [part for flag in flags for part in ("--set", flag)]
        command = [arguments.against, "train", str(folder), "--out", f"{out}/run", "-q"]
        begun = time.perf_counter()
        subprocess.run([*command, *flags, "--threads", str(arguments.threads)], check=False)
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return seconds, peak


def torch_model(arguments: argparse.Namespace) -> Any:
    import torch
    from blendfuse.torch import Config, FusionModel

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    return FusionModel(widths_of(arguments.size), CLASSES, Config())


def seconds_of_skorch(arguments: argparse.Namespace) -> float:
    import torch
    from skorch import NeuralNet

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_model(arguments)

        def forward(self, **x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            out = self.net(x)
            return out["presence_logits"], out["salience_logits"]

    class TaskLoss(torch.nn.Module):
        def forward(self, out: tuple[torch.Tensor, torch.Tensor], y: torch.Tensor) -> torch.Tensor:
            soft = torch.nn.functional.cross_entropy
            return 0.68 * soft(out[0], y) + 0.32 * soft(out[1], y)

    x, y = made(arguments)
    for rows in x.values():
        rows -= rows.mean(axis=0)
        rows /= rows.std(axis=0)
    net = NeuralNet(
        Wrapped,
        criterion=TaskLoss,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=1e-3,
        optimizer__fused=True,
        lr=3e-4,
        batch_size=64,
        max_epochs=arguments.epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    net.initialize()
    settle()
    begun = time.perf_counter()
    net.partial_fit(x, y.astype(np.float32))
    return time.perf_counter() - begun


def seconds_of_calls(arguments: argparse.Namespace) -> float:
    arguments.clips, arguments.epochs = 32, 1
    x, y = made(arguments)
    if arguments.side == "one":
        import pandas

        model = classifier(arguments)
        model.fit(x, pandas.DataFrame(y, columns=[f"e{c}" for c in range(CLASSES)]))
        clip = {name: rows[:1] for name, rows in x.items()}
        call = lambda: model.predict_proba(clip)  # noqa: E731
    else:
        import torch
        from blendfuse.torch import probabilities

        net = torch_model(arguments).eval()
        clip = {name: torch.from_numpy(rows[:1]) for name, rows in x.items()}

        def call() -> Any:
            with torch.inference_mode():
                return probabilities(net(clip))

    call()
    settle()
    begun = time.perf_counter()
    for _ in range(CALLS):
        call()
    return time.perf_counter() - begun


def one_side(arguments: argparse.Namespace) -> dict[str, float]:
    if arguments.side == "command":
        seconds, peak = seconds_of_command(arguments)
        return {"seconds": seconds, "mib": peak}
    measure = {
        "fit": seconds_of_fit,
        "fit-span": seconds_of_fit,
        "skorch": seconds_of_skorch,
        "skorch-tuned": seconds_of_skorch,
        "one": seconds_of_calls,
        "one-torch": seconds_of_calls,
    }
    seconds = measure[arguments.side](arguments)
    return {"seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", metavar="PROGRAM", default="blendfuse")
    parser.add_argument("--what", choices=list(SIDES), default="fit")
    parser.add_argument("--size", choices=list(USUAL), default="small")
    parser.add_argument("--clips", type=int, help="default: 1,965, and 640 at full size")
    parser.add_argument("--epochs", type=int, help="default: 3, and 10 at full size")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, help="default: 7, and 3 at full size")
    parser.add_argument("--work", metavar="FOLDER", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--side", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    clips, epochs, turns = USUAL[arguments.size]
    arguments.clips = arguments.clips or clips
    arguments.epochs = arguments.epochs or epochs
    arguments.turns = arguments.turns or turns
    if arguments.side:
        print(json.dumps(one_side(arguments)))
        return
    sides = SIDES[arguments.what]
    if "command" in sides:
        folder_of(arguments)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    busy = [os.getloadavg()[0]]
    for _ in range(arguments.turns):
        for side in sides:
            environment = os.environ | (TUNED if side == "skorch-tuned" else {})
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            found[side].append(json.loads(ran.stdout.splitlines()[-1]))
    busy.append(os.getloadavg()[0])
    ours = "fit" if "fit" in sides else "one"
    middle = {
        side: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for side, runs in found.items()
    }
    if "command" in sides:
        values = arguments.clips * sum(widths_of(arguments.size).values())
        steps = -(-arguments.clips // 64) * arguments.epochs
        print(f"{arguments.clips} clips, {steps} steps; the arrays are {values * 4 / 2**20:,.0f} MiB")
    print(f"load at the begin {busy[0]:.2f}, at the end {busy[1]:.2f}; medians of {arguments.turns} turns\n")
    print("| | seconds | over ours | peak memory, MiB |\n|---|---|---|---|")
    for side in sides:
        ratio = middle[side]["seconds"] / middle[ours]["seconds"]
        print(f"| {side} | {middle[side]['seconds']:.3f} | {ratio:.2f} | {middle[side]['mib']:,.0f} |")


if __name__ == "__main__":
    main()
