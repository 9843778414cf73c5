"""What `fit` trains from arrays is, byte for byte, what the command trains from the folder."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blendfuse
import numpy as np
import pytest
from conftest import Run

pytest.importorskip("pandas")

# Small and quick; the command's keys and the estimator's parameters.
SIZES: dict[str, Any] = {
    "projection_dim": 8,
    "shared_dim": 16,
    "gate_hidden": 8,
    "head_hidden": 8,
    "top_k": 3,
}
QUICK: dict[str, Any] = {**SIZES, "max_epochs": 3, "lr": 0.003}

# The files of a run that hold no paths, times or hashes of files.
SAME = ("weights.safetensors", "last.safetensors", "history.csv", "history.jsonl")


def key_of(parameter: str) -> str:
    table = "model" if parameter in SIZES or parameter in ("gate", "heads") else "train"
    return f"{table}.{parameter}"


def command_run(run: Run, data: Path, out: Path, fold: int | None, *more: str, **settings: Any) -> Path:
    keys = [f"{key_of(name)}={value}" for name, value in settings.items()] + list(more)
    where = [] if fold is None else ["--fold", str(fold)]
    assignments = [part for key in keys for part in ("--set", key)]
    run("train", data, "--out", out, "--seed", "3", *where, *assignments)
    return out


def estimator(data: blendfuse.Data, **settings: Any) -> blendfuse.FusionClassifier:
    return blendfuse.FusionClassifier(
        modalities=data.modalities, random_state=3, **{"monitor": "auto", **settings}
    )


def assert_same_files(model: blendfuse.FusionClassifier, folder: Path, saved: Path) -> None:
    model.save(saved)
    for name in SAME:
        assert (saved / name).read_bytes() == (folder / name).read_bytes(), name


def with_folds(data: blendfuse.Data) -> dict[str, Any]:
    groups = None if None in data.groups else data.groups
    return {"folds": data.folds, "groups": groups}


@pytest.fixture(scope="module")
def read(data: Path) -> blendfuse.Data:
    return blendfuse.read_data(data)


@pytest.mark.parametrize("fold", [0, 1, 2, 3, 4])
def test_every_fold_with_missing_encoders(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path, fold: int
) -> None:
    folder = command_run(run, data, tmp_path / "command", fold, **QUICK)
    model = estimator(read, fold=fold, **QUICK)
    model.fit(read.X, read.to_frame(), **with_folds(read))
    assert_same_files(model, folder, tmp_path / "python")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "settings", [{"gate": "uniform"}, {"heads": "single"}, {"projection_inputs": "span"}]
)
def test_other_settings(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path, settings: dict[str, str]
) -> None:
    of_command = {
        ("inputs" if name == "projection_inputs" else name): value for name, value in settings.items()
    }
    folder = command_run(run, data, tmp_path / "command", 1, **QUICK, **of_command)
    model = estimator(read, fold=1, n_jobs=1, **QUICK, **settings)
    model.fit(read.X, read.to_frame(), **with_folds(read))
    assert_same_files(model, folder, tmp_path / "python")


def test_all_clips_without_a_validation_fold(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path
) -> None:
    folder = command_run(run, data, tmp_path / "command", None, **QUICK)
    model = estimator(read, **QUICK).fit(read.X, read.to_frame())
    assert_same_files(model, folder, tmp_path / "python")
    assert model.n_iter_ == 3


@pytest.mark.parametrize("fold", [None, 0])
def test_copies_hold_the_same_files(read: blendfuse.Data, tmp_path: Path, fold: int | None) -> None:
    model = estimator(read, fold=fold, **QUICK)
    model.fit(read.X, read.to_frame(), **(with_folds(read) if fold == 0 else {}))
    model.save(tmp_path / "fitted")
    ways: dict[str, Callable[[blendfuse.FusionClassifier], blendfuse.FusionClassifier]] = {
        "shallow": copy.copy,
        "deep": copy.deepcopy,
        "pickled": lambda one: pickle.loads(pickle.dumps(one)),
        "loaded": lambda one: blendfuse.FusionClassifier.load(tmp_path / "fitted"),
    }
    for name, of in ways.items():
        assert_same_files(of(model), tmp_path / "fitted", tmp_path / name)
    # Without a validation fold, the weights of the best and of the last epoch are the same.
    weights = (tmp_path / "fitted" / "weights.safetensors").stat().st_size
    assert len(pickle.dumps(model)) // weights == (1 if fold is None else 2)


def test_domain_adaptation_with_either_target(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path
) -> None:
    folder = command_run(run, data, tmp_path / "test", 0, "uda.enabled=true", **QUICK)
    model = estimator(read, fold=0, **QUICK)
    model.fit(read.X, read.to_frame(), X_target=read.X_test, **with_folds(read))
    assert_same_files(model, folder, tmp_path / "python_test")
    more = ("uda.enabled=true", "uda.target=validation")
    folder = command_run(run, data, tmp_path / "validation", 0, *more, **QUICK)
    model = estimator(read, fold=0, uda_target="validation", **QUICK)
    model.fit(read.X, read.to_frame(), **with_folds(read))
    assert_same_files(model, folder, tmp_path / "python_validation")


def test_standardised_by_each_actors_own_clips(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path
) -> None:
    keys = ("data.standardize=actor", "data.clip_values=3")
    folder = command_run(run, data, tmp_path / "command", 0, *keys, **QUICK)
    model = estimator(read, fold=0, standardize="actor", clip_values=3, **QUICK)
    model.fit(read.X, read.to_frame(), **with_folds(read))
    assert_same_files(model, folder, tmp_path / "python")
    table = tmp_path / "probs.npz"
    run("predict", folder, data, "--split", "train", "--probs", table)
    written = blendfuse.read_probabilities(table)
    found = model.predict_proba(read.X, groups=read.groups)
    assert found.tolist() == written.aligned.tolist()
    # Others of the same person count, and labels of rows do not: alone, a clip has other scores.
    alone = model.predict_proba({name: x[:1] for name, x in read.X.items()}, groups=read.groups[:1])
    assert abs(alone - found[:1]).max() > 1e-6


def test_the_command_reads_what_was_saved_and_the_other_way_round(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path
) -> None:
    model = estimator(read, fold=0, **QUICK)
    model.fit(read.X, read.to_frame(), **with_folds(read))
    model.save(tmp_path / "run")
    table = tmp_path / "probs.npz"
    out = tmp_path / "predictions.json"
    run("predict", tmp_path / "run", data, "--split", "test", "--out", out, "--probs", table)
    written = blendfuse.read_probabilities(table)
    assert read.X_test is not None
    assert model.predict_proba(read.X_test).tolist() == written.aligned.tolist()
    predictions = blendfuse.read_predictions(out)
    shown = model.predict_sets(read.X_test)
    assert [set(predictions[name]) for name in read.test_filenames] == shown
    folder = command_run(run, data, tmp_path / "command", 0, **QUICK)
    loaded = blendfuse.FusionClassifier.load(folder)
    assert loaded.predict_proba(read.X_test).tolist() == written.aligned.tolist()
    assert loaded.get_params()["top_k"] == 3 and loaded.get_params()["random_state"] == 3


def test_a_saved_run_says_what_a_run_of_the_command_says(
    run: Run, data: Path, read: blendfuse.Data, tmp_path: Path
) -> None:
    folder = command_run(run, data, tmp_path / "command", 0, **QUICK)
    model = estimator(read, fold=0, **QUICK).fit(read.X, read.to_frame(), **with_folds(read))
    model.save(tmp_path / "python")
    ours, theirs = (
        json.loads((place / "manifest.json").read_text(encoding="utf-8"))
        for place in (tmp_path / "python", folder)
    )
    # Arrays have no files.
    for key in ("inputs", "provenance", "environment"):
        ours.pop(key, None), theirs.pop(key, None)
    assert ours == theirs


SHARED = Path(__file__).parents[3] / "shared" / "data"


def without_every_third_clip(data: Path, encoder: str, out: Path) -> Path:
    """A copy of a data folder in which an encoder lacks clips of both splits."""
    shutil.copytree(data, out)
    for split in ("train", "test"):
        file = out / "features" / split / f"{encoder}.npz"
        with np.load(file) as stored:
            rows, names = stored["X"], stored["filenames"].tolist()
        file.unlink()
        kept = [place for place in range(len(names)) if place % 3]
        blendfuse.write_features(file, rows[kept], [names[place] for place in kept])
    return out


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name, encoder", [("multiview", "kar"), ("emotions", "rhythm")])
def test_real_features(run: Run, tmp_path: Path, name: str, encoder: str) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {name} beside the repository")
    for folder in (SHARED / name, without_every_third_clip(SHARED / name, encoder, tmp_path / "lacking")):
        read = blendfuse.read_data(folder)
        assert np.isnan(read.X[encoder]).any() == (folder.name == "lacking")
        for fold in range(5):
            of_command = command_run(run, folder, tmp_path / f"{folder.name}_{fold}", fold, **QUICK)
            model = estimator(read, fold=fold, **QUICK)
            model.fit(read.X, read.to_frame(), **with_folds(read))
            assert_same_files(model, of_command, tmp_path / f"{folder.name}_python_{fold}")
        of_command = command_run(run, folder, tmp_path / f"{folder.name}_uda", 0, "uda.enabled=true", **QUICK)
        model = estimator(read, fold=0, **QUICK)
        model.fit(read.X, read.to_frame(), X_target=read.X_test, **with_folds(read))
        assert_same_files(model, of_command, tmp_path / f"{folder.name}_python_uda")
