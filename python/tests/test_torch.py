"""The PyTorch module beside the program: the same weights give the same probabilities, and the same
steps the same weights."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from blendfuse import load_weights, read_data, read_probabilities
from conftest import SIZES, Run, clips_of, train
from safetensors.numpy import load_file, save_file

pytest.importorskip("torch", reason="torch is not installed: pip install 'blendfuse[torch]'")

import torch
from blendfuse.torch import Config, FusionModel, keep_largest, probabilities

TOLERANCE = 1e-5

CASES = {
    "plain": (),
    "top_1": ("model.top_k=1",),
    "top_all": ("model.top_k=6",),
    "uniform": ("model.gate=uniform",),
    "single_head": ("model.heads=single", "loss.presence=bce"),
    "uda": ("uda.enabled=true",),
    "fixed_temperature": ("model.temperature_learned=false", "model.temperature=1.1"),
    "not_standardised": ("data.standardize=false",),
    "alpha": ("decode.alpha=2.5",),
    "bounded": ("data.clip_values=0.5",),
    "dropouts": ("model.dropout_projection=0.1", "model.dropout_fusion=0.2", "model.dropout_heads=0"),
}


def greatest_difference(
    run: Run, run_folder: Path, data: Path, out: Path, drop: tuple[str, ...] = ()
) -> float:
    run("predict", run_folder, data, "--probs", out, *(part for name in drop for part in ("--drop", name)))
    ours = read_probabilities(out)
    model = FusionModel.from_run(run_folder)
    x, present = model.read_batch(data / "features" / "test", ours.filenames, drop)
    with torch.inference_mode():
        theirs = model.probabilities(model(x, present))
    heads = zip((ours.presence, ours.salience, ours.aligned), theirs)
    return max(float(np.abs(a - b.double().numpy()).max()) for a, b in heads if a is not None)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("missing", [True, False], ids=["missing_encoders", "complete"])
def test_probabilities_are_the_programs(
    run: Run,
    data: Path,
    complete: Path,
    tmp_path: Path,
    case: str,
    missing: bool,
    record_property: Callable[[str, object], None],
) -> None:
    folder = data if missing else complete
    settings = CASES[case] if "model.top_k" in str(CASES[case]) else ("model.top_k=3", *CASES[case])
    trained = train(run, folder, tmp_path / "run", *settings)
    found = greatest_difference(run, trained, folder, tmp_path / "p.npz")
    record_property("difference", found)
    assert found <= TOLERANCE


def test_a_model_that_standardises_per_actor_takes_standardised_features(
    run: Run, complete: Path, tmp_path: Path
) -> None:
    settings = ("model.top_k=3", "data.standardize=actor", "data.actor_shrinkage=0", "data.clip_values=2")
    folder = train(run, complete, tmp_path / "run", *settings)
    table = tmp_path / "p.npz"
    run("predict", folder, complete, "--split", "train", "--probs", table)
    ours = read_probabilities(table)
    read = read_data(complete)
    model = FusionModel.from_run(folder)
    assert model.expects.startswith("features standardised by each actor's own clips, with k = 0")
    groups = np.array(read.groups)
    x = {}
    for name, values in read.X.items():
        own = np.array(values, np.float64)
        for actor in set(read.groups):
            rows = own[groups == actor]
            deviation = rows.std(axis=0)
            own[groups == actor] = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        x[name] = torch.from_numpy(own.astype(np.float32))
    with torch.inference_mode():
        theirs = model.probabilities(model(x))[2].double().numpy()
    assert ours.filenames == read.filenames
    assert np.abs(ours.aligned - theirs).max() <= 1e-4


def test_a_dropped_encoder_is_one_that_is_not_given(
    run: Run, trained: Path, data: Path, tmp_path: Path
) -> None:
    assert greatest_difference(run, trained, data, tmp_path / "p.npz", drop=("clip", "hicmae")) <= TOLERANCE


def test_the_state_dict_of_the_file_loads_without_conversion(trained: Path) -> None:
    weights = load_weights(trained, "torch")
    model = FusionModel(
        {encoder.name: encoder.width for encoder in weights.encoders},
        len(weights.classes),
        Config.of(weights.config),
        standardise=True,
    )
    assert not any(model.load_state_dict(weights.tensors))
    assert model.tensors().keys() == weights.tensors.keys()


def test_saved_weights_are_the_programs(run: Run, trained: Path, data: Path, tmp_path: Path) -> None:
    model = FusionModel.from_run(trained)
    saved = tmp_path / "saved.safetensors"
    model.save(saved)
    with pytest.raises(FileExistsError, match="saved.safetensors: already exists"):
        model.save(saved)
    for name, weights in (("ours", trained), ("saved", saved)):
        run("predict", weights, data, "--out", tmp_path / f"{name}.json", "--probs", tmp_path / f"{name}.csv")
    for ending in ("json", "csv"):
        assert (tmp_path / f"ours.{ending}").read_bytes() == (tmp_path / f"saved.{ending}").read_bytes()
    with pytest.raises(ValueError, match="not from a weights file"):
        FusionModel({"a": 3}, 6).save(tmp_path / "other.safetensors")


@pytest.mark.parametrize("uda", [False, True], ids=["plain", "uda"])
def test_training_steps_are_the_programs(
    run: Run, data: Path, tmp_path: Path, uda: bool, record_property: Callable[[str, object], None]
) -> None:
    """Four steps on rows in order, without dropout, with missing encoders; with UDA through the reversed gradient."""
    steps, batch, lr = 4, 48, 3e-4
    config = Config(8, 16, 8, 8, top_k=3, dropout=0.0, uda=uda)
    keys = [f"model.{size}" for size in SIZES]
    keys += [
        "model.top_k=3",
        "model.dropout=0",
        f"uda.enabled={str(uda).lower()}",
        f"train.batch_size={batch}",
    ]
    clips, test = clips_of(data / "train_metadata.csv"), clips_of(data / "test_metadata.csv")
    encoders = {
        path.stem: np.load(path)["X"].shape[1] for path in (data / "features" / "train").glob("*.npz")
    }
    # The network's order, which initial weights alone do not tell.
    order = [encoder.name for encoder in load_weights(train(run, data, tmp_path / "order")).encoders]
    torch.manual_seed(0)
    net = FusionModel({name: encoders[name] for name in order}, 6, config)
    save_file(
        {name: tensor.numpy() for name, tensor in net.tensors().items()}, tmp_path / "start.safetensors"
    )
    run(
        "train", data, "--out", tmp_path / "run", "--init", tmp_path / "start.safetensors", "--max-steps", str(steps),
        "--no-shuffle", *(part for key in keys for part in ("--set", key)),
    )  # fmt: skip
    theirs = load_file(tmp_path / "run" / "last.safetensors")
    model = FusionModel(net.widths, 6, config, standardise=True)
    statistics = {
        name: torch.from_numpy(tensor) for name, tensor in theirs.items() if name.startswith("input.")
    }
    model.load_state_dict(net.tensors() | statistics)

    classes = load_weights(tmp_path / "run").classes
    y = soft_labels(data / "train_metadata.csv", classes)
    adam = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-3)
    for step in range(steps):
        rows = range(step * batch, (step + 1) * batch)
        x, present = model.read_batch(data / "features" / "train", [clips[row] for row in rows])
        if uda:
            wanted = [test[row % len(test)] for row in rows]
            target, has = model.read_batch(data / "features" / "test", wanted)
            everyone = torch.ones(batch, dtype=torch.bool)
            present = {
                name: torch.cat([present.get(name, everyone), has.get(name, everyone)])
                for name in present | has
            }
            x = {name: torch.cat([x[name], target[name]]) for name in x}
        adam.zero_grad()
        model.losses(model(x, present), y[rows])["total"].backward()
        adam.step()
        model.clamp_temperature()
    worst = 0.0
    for name, tensor in model.tensors().items():
        # A bias in front of a batch norm has gradient 0 but for rounding, which Adam turns into whole steps.
        if not name.endswith(".linear.bias"):
            expected = torch.from_numpy(theirs[name]).double()
            apart = float((tensor.detach().double() - expected).norm() / expected.norm().clamp(min=1e-12))
            worst = max(worst, apart)
            assert apart <= 1e-4, f"{name}: {apart}"
    record_property("difference", worst)


def soft_labels(metadata: Path, classes: tuple[str, ...]) -> torch.Tensor:
    with metadata.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    y = torch.zeros(len(rows), len(classes))
    for at, row in enumerate(rows):
        if row["mix"] == "0":
            y[at, classes.index(row["emotion_1"])] = 1
        else:
            for n in "12":
                y[at, classes.index(row[f"emotion_{n}"])] = float(row[f"emotion_{n}_salience"]) / 100
    return y


def test_names_with_dots_and_of_methods_are_names(tmp_path: Path) -> None:
    model = FusionModel({"a.b": 2, "a.c": 2, "train": 2, "keys": 2}, 3, Config(4, 4, 4, 4), standardise=True)
    assert "encoders.a.b.linear.weight" in model.tensors() and "input.train.mean" in model.tensors()
    model.load_state_dict(model.tensors())
    model.eval()
    out = model({name: torch.ones(2, 2) for name in model.names})
    assert out["presence_logits"].shape == (2, 3)


def test_a_constant_column_standardises_to_nothing_and_others_as_they_say() -> None:
    model = FusionModel({"a": 3}, 3, Config(4, 4, 4, 4), standardise=True)
    assert model.input is not None
    state = model.tensors() | {
        "input.a.mean": torch.tensor([1.0, 2.0, 3.0]),
        "input.a.std": torch.tensor([1.0, 2.0, 0.5]),
    }
    model.load_state_dict(state)
    assert model.input["a"](torch.tensor([[9.0, 4.0, 3.5]])).tolist() == [[0.0, 1.0, 1.0]]
    # Half precision takes 1.0001 for 1; the column stays what it was.
    model.load_state_dict(state | {"input.a.std": torch.tensor([1.0, 1.0001, 1.0])})
    model.half()
    assert model.input["a"](torch.tensor([[9.0, 4.0, 3.5]])).tolist() == [[0.0, 2.0, 0.0]]


def test_a_single_row_with_an_encoder_is_normalised_by_what_was_seen_before() -> None:
    model = FusionModel({"a": 2, "b": 3}, 3, Config(4, 4, 4, 4, dropout=0.0))
    with torch.no_grad():
        model.encoders["b"].norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
    x, present = {"a": torch.randn(3, 2), "b": torch.randn(3, 3)}, {"b": torch.tensor([False, True, False])}
    before = {name: tensor.clone() for name, tensor in model.encoders["b"].state_dict().items()}
    training = model(x, present)["h"][:, 1]
    assert (training[[0, 2]] == 0).all()
    for name, tensor in model.encoders["b"].state_dict().items():
        assert torch.equal(tensor, before[name]), name
    torch.testing.assert_close(model.eval()(x, present)["h"][:, 1], training)


def test_ties_go_to_the_lower_index() -> None:
    mask = keep_largest(torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 0.5, 0.0, 0.5]]), 3)
    assert mask.tolist() == [[1, 1, 1, 0], [0, 1, 0, 1]]


def test_alignment_survives_what_underflows() -> None:
    out = {"presence_logits": torch.tensor([[-200.0, -200.0]]), "salience_logits": torch.tensor([[0.0, 1.0]])}
    _, s, f = probabilities(out)
    torch.testing.assert_close(f, s)
    out = {"presence_logits": torch.zeros(1, 3), "salience_logits": torch.tensor([[0.0, 0.1, -50.0]])}
    _, _, f = probabilities(out, alpha=500.0)
    torch.testing.assert_close(f, torch.softmax(torch.tensor([[0.0, 50.0, -1e4]]), dim=1))


def test_faults_are_told_with_the_encoder_or_the_row() -> None:
    model = FusionModel({"a": 2, "b": 3}, 3, Config(4, 4, 4, 4)).eval()
    x = {"a": torch.zeros(2, 2), "b": torch.zeros(2, 3)}
    with pytest.raises(
        ValueError, match="encoder 'c': the model has no such encoder; expected some of: a, b"
    ):
        model(x | {"c": torch.zeros(2, 1)})
    with pytest.raises(ValueError, match=r"encoder 'b': found x \[2, 2\], expected \[2, 3\]"):
        model(x | {"b": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="row 1: has no encoder"):
        model({"a": x["a"]}, {"a": torch.tensor([True, False])})
    with pytest.raises(ValueError, match="found no encoder"):
        model({})
    with pytest.raises(ValueError, match=r"encoder 'a': found present \[2\] of torch.float32"):
        model(x, {"a": torch.ones(2)})
