"""Trains the fusion model in PyTorch on a data folder: the script that blendfuse replaces.

    python benches/peers/train_reference.py DATA --fold 0 --seed 0

prints one JSON object with the validation scores of the best epoch. The default sizes and rates are
those with which our tables compare the two programs; every one is an option.

    … --init W.safetensors --max-steps 20 --no-shuffle --dropout 0 --compare OURS.safetensors

takes 20 steps from given weights and says how far another program's weights are from the result
(`--max-steps 0 --save W.safetensors` makes a W).

Needs torch, numpy, pandas and safetensors.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
from model import Config, FusionNet, probabilities  # noqa: E402

CHALLENGE = ["ang", "disg", "fea", "hap", "sad", "neu"]
NOT_A_CLASS = {"filename", "fold", "actor", "split"}
PRESENCE_GRID = [step / 20 for step in range(1, 20)]
SALIENCE_GRID = [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3]


# Data


def stem(name) -> str:
    """A filename without its media extension, which feature files may or may not carry."""
    name = name.decode() if isinstance(name, bytes) else str(name)
    head, dot, extension = name.rpartition(".")
    return head if dot and extension.isalnum() and len(extension) <= 4 else name


def read_labels(metadata: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Classes and soft targets (N, C) of either form of metadata."""
    if "emotion_1" not in metadata:
        classes = [column for column in metadata if column not in NOT_A_CLASS]
        return classes, metadata[classes].to_numpy(np.float64)
    named = metadata[["emotion_1", "emotion_2"]].astype(object).fillna("").to_numpy(str)
    classes = sorted(set(named.ravel()) - {""})
    if set(classes) <= set(CHALLENGE):
        classes = CHALLENGE
    y = np.zeros((len(metadata), len(classes)))
    saliences = metadata[["emotion_1_salience", "emotion_2_salience"]].to_numpy(np.float64)
    for row, mix in enumerate(metadata["mix"]):
        shares = saliences[row] / 100 if mix == 1 else (1.0, 0.0)
        for emotion, share in zip(named[row], shares):
            if share > 0:
                y[row, classes.index(emotion)] = share
    return classes, y


def read_features(path: Path, wanted: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one feature file in the given order, and which of them exist."""
    with np.load(path) as file:
        features, names = file["X"], file["filenames"]
    row_of = {stem(name): row for row, name in enumerate(names)}
    rows = np.array([row_of.get(stem(name), -1) for name in wanted])
    present = rows >= 0
    x = np.zeros((len(wanted), features.shape[1]))
    x[present] = features[rows[present]]
    return x, present


class Features:
    """Standardised features of one split."""

    def __init__(self, folder: Path, encoders: list[str], wanted: list[str]):
        self.x, self.present = {}, {}
        for name in encoders:
            self.x[name], self.present[name] = read_features(folder / f"{name}.npz", wanted)

    def standardise(self, statistics: dict):
        for name, (mean, std) in statistics.items():
            scaled = (self.x[name] - mean) / std
            scaled[~self.present[name]] = 0
            self.x[name] = torch.tensor(scaled, dtype=torch.float32)
            self.present[name] = torch.tensor(self.present[name])

    def rows(self, rows) -> tuple[dict, dict]:
        """A batch; encoders present in all of its rows need no mask."""
        x = {name: matrix[rows] for name, matrix in self.x.items()}
        present = {name: mask[rows] for name, mask in self.present.items() if not mask[rows].all()}
        return x, present


def column_statistics(features: Features, training: np.ndarray, standardise: bool) -> dict:
    """Mean and std of each column over the training rows; std ∞, so that all becomes 0, where it is constant."""
    statistics = {}
    for name, x in features.x.items():
        x = x[training & features.present[name]]
        mean, std = x.mean(axis=0), x.std(axis=0)
        if not standardise:
            mean, std = np.zeros_like(mean), np.ones_like(std)
        statistics[name] = mean, np.where((x == x[:1]).all(axis=0), np.inf, std)
    return statistics


def join(first: tuple[dict, dict], second: tuple[dict, dict]) -> tuple[dict, dict]:
    """Source rows, then target rows."""
    (x1, here1), (x2, here2) = first, second
    x = {name: torch.cat([x1[name], x2[name]]) for name in x1}
    present = {
        name: torch.cat(
            [here.get(name, torch.ones(len(x[name]), dtype=torch.bool)) for here, x in ((here1, x1), (here2, x2))]
        )
        for name in here1.keys() | here2.keys()
    }
    return x, present


# Decoding and scores (eqs. 14 to 16)


def survivors(f: np.ndarray, t_p: float, neutral: int | None) -> np.ndarray:
    """(N, C): the emotions above the threshold, before the list is cut to two."""
    keep = f >= t_p
    none = ~keep.any(axis=1)
    keep[none, f[none].argmax(axis=1)] = True
    if neutral is not None:
        others = np.where(keep, f, -1.0)
        others[:, neutral] = -1.0
        rival = others.max(axis=1)
        contest = keep[:, neutral] & (rival >= 0)
        alone = contest & (f[:, neutral] > rival)
        keep[alone] = False
        keep[alone, neutral] = True
        keep[contest & ~alone, neutral] = False
    return keep


def decode(f: np.ndarray, keep: np.ndarray, t_s: float) -> np.ndarray:
    """(N, C): saliences in percent."""
    order = np.argsort(-np.where(keep, f, -1.0), axis=1, kind="stable")
    i, j = order[:, 0], order[:, 1]
    rows = np.arange(len(f))
    r = f[rows, i] / (f[rows, i] + f[rows, j])
    first = np.where(np.abs(r - 0.5) <= t_s, 50, 70)
    first = np.where(keep.sum(axis=1) == 1, 100, first)
    saliences = np.zeros(f.shape, dtype=int)
    saliences[rows, i], saliences[rows, j] = first, 100 - first
    return saliences


def scores(saliences: np.ndarray, y: np.ndarray) -> dict:
    truth = np.rint(100 * y).astype(int)
    blends = (truth > 0).sum(axis=1) == 2
    presence = ((saliences > 0) == (truth > 0)).all(axis=1).mean()
    exact = (saliences == truth).all(axis=1)[blends]
    salience = exact.mean() if blends.any() else None
    return {
        "acc_presence": float(presence),
        "acc_salience": None if salience is None else float(salience),
        "average": float(0.5 * presence + 0.5 * (salience or 0.0)),
    }


def search(f: np.ndarray, y: np.ndarray, neutral: int | None) -> dict:
    """The thresholds with the best average; ties go to the lowest."""
    best = None
    for t_p in PRESENCE_GRID:
        keep = survivors(f, t_p, neutral)
        for t_s in SALIENCE_GRID:
            found = scores(decode(f, keep, t_s), y)
            if best is None or found["average"] > best["average"]:
                best = found | {"presence_threshold": t_p, "salience_threshold": t_s}
    return best


# Training


def batches(rows: np.ndarray, size: int):
    """Batches of `size` rows; a last batch of a single row is dropped."""
    for at in range(0, len(rows), size):
        if len(rows) - at > 1:
            yield rows[at : at + size]


def target_batches(rows: np.ndarray, shuffle):
    """An endless sequence of target rows, each once per pass."""
    while True:
        yield from shuffle(rows)


class Training:
    def __init__(self, options):
        self.options = o = options
        torch.set_num_threads(o.threads)
        torch.manual_seed(o.seed)
        self.order = np.random.default_rng(o.seed)

        data = Path(o.data)
        metadata = pd.read_csv(data / "train_metadata.csv", dtype={"filename": str})
        self.classes, self.y = read_labels(metadata)
        self.neutral = self.classes.index("neu") if "neu" in self.classes else None
        folder = data / "features" / "train"
        encoders = o.encoders.split(",") if o.encoders else sorted(p.stem for p in folder.glob("*.npz"))
        self.source = Features(folder, encoders, list(metadata["filename"]))
        held_out = (metadata["fold"] == o.fold).to_numpy() if o.fold is not None else np.zeros(len(metadata), bool)
        if o.fold is not None and not held_out.any():
            sys.exit(f"{data / 'train_metadata.csv'}: no row has fold {o.fold}")
        self.training, self.validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.statistics = column_statistics(self.source, ~held_out, o.standardize)
        self.source.standardise(self.statistics)
        if o.uda and o.uda_target == "test":
            test = pd.read_csv(data / "test_metadata.csv", dtype={"filename": str})
            self.target = Features(data / "features" / "test", encoders, list(test["filename"]))
            self.target.standardise(self.statistics)
            self.target_rows = np.arange(len(test))
        elif o.uda:
            self.target, self.target_rows = self.source, self.validation

        config = Config(
            projection_dim=o.projection_dim,
            shared_dim=o.shared_dim,
            gate_hidden=o.gate_hidden,
            head_hidden=o.head_hidden,
            top_k=min(o.top_k, len(encoders)),
            dropout=o.dropout,
            gate=o.gate,
            heads=o.heads,
            temperature=o.temperature,
            temperature_learned=o.temperature_learned,
            presence=o.presence,
            uda=o.uda,
            domain_weight=o.domain_weight,
            reversal_weight=o.reversal_weight,
        )
        widths = {name: self.source.x[name].shape[1] for name in encoders}
        self.net = FusionNet(widths, len(self.classes), config)
        if o.init:
            start = {k: v for k, v in load_file(o.init).items() if not k.startswith("input.")}
            self.net.load_state_dict(start)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=o.lr, weight_decay=o.weight_decay)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.adam, factor=o.plateau_factor, patience=o.plateau_patience
        )
        self.losses, self.step_ms = [], []

    def shuffled(self, rows):
        return self.order.permutation(rows) if self.options.shuffle else rows

    def step(self, rows, target):
        began = time.perf_counter()
        inputs = self.source.rows(rows)
        if self.options.uda:
            chosen = np.fromiter(itertools.islice(target, len(rows)), int)
            inputs = join(inputs, self.target.rows(chosen))
        self.adam.zero_grad()
        y = torch.tensor(self.y[rows], dtype=torch.float32)
        loss = self.net.losses(self.net(*inputs), y)["total"]
        loss.backward()
        self.adam.step()
        self.net.clamp_temperature()
        self.losses.append(loss.item())
        self.step_ms.append(1e3 * (time.perf_counter() - began))

    def validate(self) -> dict:
        self.net.eval()
        with torch.no_grad():
            out = self.net(*self.source.rows(self.validation))
            y = self.y[self.validation]
            loss = self.net.losses(out, torch.tensor(y, dtype=torch.float32))["total"].item()
            f = probabilities(out, self.options.alpha)[2].double().numpy()
        self.net.train()
        return search(f, y, self.neutral) | {"val_loss": loss}

    def run(self) -> dict:
        """Trains; leaves the best weights in the net, or the last without a validation fold."""
        o, best, weights = self.options, None, None
        self.net.train()
        target = target_batches(self.target_rows, self.shuffled) if o.uda else None
        began, epoch = time.perf_counter(), 0
        choose = o.fold is not None and o.max_steps is None
        steps = o.max_steps if o.max_steps is not None else sys.maxsize
        while epoch < o.max_epochs and len(self.losses) < steps:
            epoch += 1
            for rows in batches(self.shuffled(self.training), o.batch_size):
                if len(self.losses) < steps:
                    self.step(rows, target)
            if choose:
                found = self.validate()
                self.plateau.step(found["val_loss"])
                if best is None or found["average"] > best["average"] + o.early_stop_delta:
                    best, weights = found | {"best_epoch": epoch}, copy.deepcopy(self.net.state_dict())
                elif epoch - best["best_epoch"] >= o.early_stop_patience:
                    break
        seconds = time.perf_counter() - began
        if choose:
            self.net.load_state_dict(weights)
        elif o.fold is not None:
            best = self.validate()
        return (best or {}) | {
            "epochs": epoch,
            "steps": len(self.losses),
            "seconds": round(seconds, 3),
            "step_ms": round(float(np.median(self.step_ms)), 3) if self.step_ms else None,
            "last_loss": self.losses[-1] if self.losses else None,
        }

    def tensors(self) -> dict:
        tensors = {name: tensor.contiguous() for name, tensor in self.net.tensors().items()}
        for name, (mean, std) in self.statistics.items():
            tensors[f"input.{name}.mean"] = torch.tensor(mean, dtype=torch.float32)
            std = np.where(np.isinf(std), 1.0, std)
            tensors[f"input.{name}.std"] = torch.tensor(std, dtype=torch.float32)
        return tensors


def compare(ours: dict, theirs: dict) -> dict:
    """The tensor that differs most: ‖difference‖ / ‖tensor‖, and the largest entry of each.

    A bias in front of a batch norm has gradient 0 but for rounding, which Adam turns into whole steps:
    it moves differently with every order of summation and moves nothing else, so it stands apart. To
    a lesser degree the same holds for single weights, so that the norm says more than the entry.
    """
    if ours.keys() != theirs.keys():
        sys.exit(f"other tensors: {sorted(ours.keys() ^ theirs.keys())}")
    rows = []
    for name, tensor in ours.items():
        tensor, apart = tensor.double(), (theirs[name].double() - tensor.double())
        by_norm = (apart.norm() / tensor.norm().clamp(min=1e-12)).item()
        by_entry = (apart.abs().max() / tensor.abs().max().clamp(min=1e-12)).item()
        # NaN counts as the worst.
        by_norm, by_entry = (x if x == x else float("inf") for x in (by_norm, by_entry))
        rows.append((by_norm, by_entry, name))
    weights = [row for row in rows if not row[2].endswith(".linear.bias")]
    biases = [row for row in rows if row[2].endswith(".linear.bias")]
    return {
        "worst_by_norm": max(weights)[0],
        "worst_tensor": max(weights)[2],
        "worst_entry": max(row[1] for row in weights),
        "worst_bias_before_norm": max(biases)[0],
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    flag = argparse.BooleanOptionalAction
    add = parser.add_argument
    add("data", metavar="DATA", help="data folder")
    add("--fold", type=int, help="validate on this fold; without it, train on all rows")
    add("--seed", type=int, default=0, help="initial weights, order of rows, dropout")
    add("--threads", type=int, default=1, help="of PyTorch")
    add("--encoders", help="comma-separated names in order; default: all, alphabetically")
    add("--standardize", action=flag, default=True, help="columns, on the training rows")
    add("--projection-dim", type=int, default=64, help="P")
    add("--shared-dim", type=int, default=128, help="Z")
    add("--gate-hidden", type=int, default=32, help="G")
    add("--head-hidden", type=int, default=64, help="of heads and domain classifier")
    add("--top-k", type=int, default=22, help="encoders a clip keeps; capped by their number")
    add("--dropout", type=float, default=0.33, help="rate everywhere")
    add("--gate", choices=["attention", "uniform"], default="attention", help="how encoders are weighted")
    add("--heads", choices=["dual", "single"], default="dual", help="one head each, or one for both")
    add("--temperature", type=float, default=0.7, help="of the gate, at the start")
    add("--temperature-learned", action=flag, default=True, help="within [0.55, 1.25]")
    add("--presence", choices=["soft_ce", "bce"], default="soft_ce", help="loss of the presence head")
    add("--uda", action=flag, default=False, help="domain adversary")
    add("--uda-target", choices=["test", "validation"], default="test", help="where target rows come from")
    add("--domain-weight", type=float, default=0.15, help="of the domain loss")
    add("--reversal-weight", type=float, default=0.3, help="of the gradient reversal")
    add("--batch-size", type=int, default=64, help="labelled rows a step")
    add("--lr", type=float, default=1e-3, help="of Adam")
    add("--weight-decay", type=float, default=1e-3, help="of Adam, added to the gradient")
    add("--max-epochs", type=int, default=60, help="at most")
    add("--early-stop-patience", type=int, default=7, help="epochs without a better average")
    add("--early-stop-delta", type=float, default=0.001, help="what counts as better")
    add("--plateau-factor", type=float, default=0.5, help="of the learning rate")
    add("--plateau-patience", type=int, default=3, help="epochs without a lower validation loss")
    add("--alpha", type=float, default=1.0, help="exponent of the alignment")
    add("--init", metavar="FILE", help="safetensors to start from")
    add("--max-steps", type=int, help="stop after as many steps and keep the last weights")
    add("--shuffle", action=flag, default=True, help="--no-shuffle: rows in the order of the metadata")
    add("--save", metavar="FILE", help="write the weights as safetensors")
    add("--compare", metavar="FILE", help="safetensors of another program to compare the weights with")
    return parser.parse_args()


def main():
    options = arguments()
    training = Training(options)
    result = {"data": Path(options.data).name, "fold": options.fold, "seed": options.seed} | training.run()
    tensors = training.tensors()
    if options.save:
        names = {"encoders": json.dumps(training.net.names), "classes": json.dumps(training.classes)}
        save_file(tensors, options.save, metadata=names)
    if options.compare:
        result["compare"] = compare(tensors, load_file(options.compare))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
