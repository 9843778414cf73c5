"""The forms of features and labels, and what a fitted estimator tells."""

from __future__ import annotations

import json
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import blendfuse
import numpy as np
import pytest
from blendfuse import _native
from blendfuse._labels import read_labels
from blendfuse._settings import WITHOUT_PARAMETER, parameter_of

SMALL: dict[str, Any] = {"projection_dim": 8, "shared_dim": 16, "gate_hidden": 8, "head_hidden": 8}
QUICK: dict[str, Any] = {**SMALL, "max_epochs": 2, "lr": 0.003}
N = 24


def arrays() -> dict[str, Any]:
    made = np.random.default_rng(5)
    return {
        "b": made.normal(size=(N, 3)).astype(np.float32),
        "a": made.normal(size=(N, 5)).astype(np.float32),
    }


Y = np.array(["hap", "sad", "ang"])[np.arange(N) % 3]


def scores(x: Any, y: Any = Y, **parameters: Any) -> np.ndarray[Any, Any]:
    model = blendfuse.FusionClassifier(**{**QUICK, **parameters}).fit(x, y)
    return model.predict_proba(x)


def test_every_key_of_the_configuration_has_its_parameter_and_default() -> None:
    defaults = json.loads(_native.default_settings())
    parameters = blendfuse.FusionClassifier().get_params()
    named = {parameter_of(key): value for key, value in defaults.items() if key not in WITHOUT_PARAMETER}
    own = {
        *("encoders", "modalities", "classes", "early_stopping", "validation_fraction", "fold"),
        *("random_state", "n_jobs", "verbose"),
    }
    assert set(parameters) == set(named) | own
    assert {name: parameters[name] for name in named} == named
    assert len(named) == len(defaults) - len(WITHOUT_PARAMETER)


def test_all_forms_of_features_give_the_same() -> None:
    x = arrays()
    expected = scores(x)
    joined = np.concatenate([x["b"], x["a"]], axis=1)
    blocks = {"b": slice(0, 3), "a": [3, 4, 5, 6, 7]}
    forms: dict[str, tuple[Any, dict[str, Any]]] = {
        "a feature set": (blendfuse.FeatureSet(x), {}),
        "another order": ({"a": x["a"], "b": x["b"]}, {}),
        "in Fortran's order": ({name: np.asfortranarray(array) for name, array in x.items()}, {}),
        "every other row": ({name: np.repeat(array, 2, axis=0)[::2] for name, array in x.items()}, {}),
        "double precision": ({name: array.astype(np.float64) for name, array in x.items()}, {}),
        "one array": (joined, {"encoders": blocks}),
        "another number of threads": (x, {"n_jobs": 1}),
    }
    for name, (form, parameters) in forms.items():
        np.testing.assert_array_equal(scores(form, **parameters), expected, err_msg=name)


def test_half_precision_is_what_its_numbers_are() -> None:
    half = {name: array.astype(np.float16) for name, array in arrays().items()}
    single = {name: array.astype(np.float32) for name, array in half.items()}
    np.testing.assert_array_equal(scores(half), scores(single))


def test_masked_rows_are_rows_of_nan() -> None:
    x = arrays()
    masked = {**x, "a": np.ma.array(x["a"], mask=False)}
    masked["a"][3] = np.ma.masked
    nan = {**x, "a": x["a"].copy()}
    nan["a"][3] = np.nan
    np.testing.assert_array_equal(scores(masked), scores(nan))
    masked["a"][4, 1] = np.ma.masked
    with pytest.raises(ValueError, match="encoder 'a': row 4 is masked in part"):
        scores(masked)


def test_arrays_are_not_changed() -> None:
    x = arrays()
    copy = {name: array.copy() for name, array in x.items()}
    for array in x.values():
        array.flags.writeable = False
    scores(x)
    for name, array in x.items():
        np.testing.assert_array_equal(array, copy[name])


def test_labels_in_all_forms() -> None:
    found = read_labels([{"sad", "ang"}, {"hap"}], None)
    assert (found.form, found.names) == ("sets", ["ang", "hap", "sad"])
    assert found.targets.tolist() == [[0.5, 0, 0.5], [0, 1, 0]]
    for y in (
        [{"sad": 70, "neu": 30}, {"hap": 100}],
        [{"sad": 0.7, "neu": 0.3}, {"hap": 1}],
        [[("sad", 70), ("neu", 30)], [("hap", 100)]],
    ):
        found = read_labels(y, None)
        # The challenge's order, in which sad comes before neu.
        assert (found.form, found.names) == ("shares", ["hap", "sad", "neu"])
        np.testing.assert_allclose(found.targets, [[0.0, 0.7, 0.3], [1.0, 0.0, 0.0]])
    assert read_labels([{"b"}, {"a", "c"}], None).names == ["a", "b", "c"]
    assert read_labels([["b", ""], ["a", "b"]], None).targets.tolist() == [[0, 1], [0.5, 0.5]]
    found = read_labels(np.array([[0.25, 0.75], [1, 0]]), ["no", "yes"])
    assert (found.form, found.names) == ("proportions", ["no", "yes"])
    found = read_labels([3, 1, 3], None)
    assert (found.form, found.classes.tolist()) == ("labels", [1, 3])
    assert read_labels(["b", "a"], ["b", "a", "c"]).targets.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_proportions_know_their_classes_without_pandas() -> None:
    shares = np.array([[0.25, 0.0, 0.75], [1.0, 0.0, 0.0]])
    y: Any = blendfuse.Proportions(shares, ["sad", "hap", "ang"])
    found = read_labels(y, None)
    # The challenge's order, as of a data frame's columns.
    assert (found.form, found.names) == ("proportions", ["ang", "hap", "sad"])
    assert found.targets.tolist() == [[0.75, 0, 0.25], [0, 0, 1]]
    assert read_labels(y, ["hap", "sad", "ang"]).targets.tolist() == [[0, 0.25, 0.75], [0, 1, 0]]
    with pytest.raises(ValueError, match="found the columns .'sad', 'hap', 'ang'., expected one for each of"):
        read_labels(y, ["sad", "hap"])
    for rows in (y[[1, 0]], y[y[:, 0] > 0], pickle.loads(pickle.dumps(y))):
        assert rows.classes == ("sad", "hap", "ang")
    assert y[0].classes == y.sum(axis=1).classes == y[:, :2].classes == ()
    with pytest.raises(ValueError, match=re.escape("classes: found 2 for proportions of shape (2, 3)")):
        blendfuse.Proportions(shares, ["sad", "hap"])


def test_classes_are_given_back_as_they_were() -> None:
    x = arrays()
    for y in (np.arange(N) % 3 * 10, Y, Y.astype(object)):
        model = blendfuse.FusionClassifier(**QUICK).fit(x, y)
        assert model.classes_.dtype == np.unique(y).dtype
        assert set(model.predict(x).tolist()) <= set(y.tolist())
    blends = [{"hap", "sad"} if row % 2 else {"ang"} for row in range(N)]
    model = blendfuse.FusionClassifier(**QUICK).fit(x, blends)
    assert all(0 < len(shown) <= 2 for shown in model.predict_sets(x))
    proportions = model.predict_proportions(x)
    np.testing.assert_allclose(proportions.sum(axis=1), 1)
    assert [{model.classes_[place] for place in np.flatnonzero(row)} for row in proportions] == (
        model.predict_sets(x)
    )
    assert 0 <= model.score(x, blends) <= 1


def test_what_is_told_of_encoders() -> None:
    pandas = pytest.importorskip("pandas")
    x = arrays()
    x["a"][4] = np.nan
    model = blendfuse.FusionClassifier(**QUICK, top_k=1, modalities={"b": "audio"}).fit(x, Y)
    assert model.encoders_.tolist() == ["b", "a"]
    np.testing.assert_allclose(model.encoder_importances_.sum(), 1)
    table = model.explain(x)
    assert isinstance(table, pandas.DataFrame) and len(table) == 2 * N
    of_clip = table[table["clip"] == 4].set_index("encoder")
    assert of_clip["status"].to_dict() == {"b": "kept", "a": "missing"}
    assert of_clip["kept_weight"].to_dict() == {"b": 1.0, "a": 0.0}
    assert set(table["modality"]) == {"audio", "other"}
    means = table.groupby("encoder")["importance"].mean()
    np.testing.assert_allclose(means[model.encoders_], model.encoder_importances_, rtol=1e-12)
    assert list(model.history_["epoch"]) == [1, 2]
    similarity = model.similarity(x)
    np.testing.assert_allclose(np.diag(similarity), 1)


def test_early_stopping_holds_out_whole_groups() -> None:
    x, groups = arrays(), np.arange(N) // 4
    model = blendfuse.FusionClassifier(**QUICK, early_stopping=True, validation_fraction=1 / 3)
    model.fit(x, Y, groups=groups)
    manifest = json.loads(bytes(model._files.contents["manifest.json"]))
    assert manifest["clips"]["validation"] == 8 and manifest["clips"]["train"] == 16
    assert not any("both training and validation" in text for text in manifest["warnings"])
    assert model.thresholds_["searched"]


def test_warnings_are_pythons() -> None:
    x = arrays()
    x["a"][:, :] = 1.0
    with pytest.warns(blendfuse.TrainingWarning, match="encoder a: every column is constant"):
        blendfuse.FusionClassifier(**QUICK).fit(x, Y)


def test_save_and_load_keep_parameters_and_classes(tmp_path: Path) -> None:
    x = arrays()
    joined = np.concatenate([x["b"], x["a"]], axis=1)
    parameters = {"encoders": {"b": slice(0, 3), "a": [3, 4, 5]}, "top_k": 1, "random_state": 7, **QUICK}
    model = blendfuse.FusionClassifier(**parameters).fit(joined, np.arange(N) % 3)
    model.save(tmp_path / "run")
    again = blendfuse.FusionClassifier.load(tmp_path / "run")
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(again.classes_, model.classes_)
    assert again.classes_.dtype.kind == "i"
    np.testing.assert_array_equal(again.predict_proba(joined), model.predict_proba(joined))
    np.testing.assert_array_equal(again.encoder_importances_, model.encoder_importances_)
    with pytest.raises(FileExistsError, match="already holds something"):
        model.save(tmp_path / "run")


def test_a_random_state_of_none_trains_another_model() -> None:
    x = arrays()
    assert not np.array_equal(scores(x, random_state=None), scores(x, random_state=None))
    np.testing.assert_array_equal(scores(x, random_state=4), scores(x, random_state=4))


def test_progress_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    blendfuse.FusionClassifier(**QUICK).fit(arrays(), Y)
    told = capsys.readouterr()
    assert told.out == told.err == ""
    blendfuse.FusionClassifier(**QUICK, verbose=1).fit(arrays(), Y)
    assert "epoch" in capsys.readouterr().err


LONG = """
import sys, warnings
# Without it, every epoch is a line.
sys.modules["tqdm"] = sys.modules["tqdm.auto"] = None
import numpy as np, blendfuse
warnings.simplefilter("ignore")
made = np.random.default_rng(0)
x = {"a": made.normal(size=(400, 300)).astype("f4"), "b": made.normal(size=(400, 300)).astype("f4")}
y = np.arange(400) % 3
model = blendfuse.FusionClassifier(max_epochs=100_000, early_stopping=EARLY, early_stop_patience=100_000, verbose=1)
try:
    model.fit(x, y)
except KeyboardInterrupt:
    proba = model.predict_proba(x)
    print("interrupted", model.n_iter_ >= 1, bool(np.isfinite(proba).all()), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
@pytest.mark.parametrize("early", [False, True])
def test_an_interruption_leaves_the_best_so_far(early: bool) -> None:
    code = LONG.replace("EARLY", str(early))
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)
    assert child.stderr is not None
    assert "epoch 1 of at most 100000" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    asked = time.monotonic()
    told, _ = child.communicate(timeout=60)
    assert told == "interrupted True True\n"
    # Training by itself would take minutes.
    assert time.monotonic() - asked < 20


FORKED = """
import multiprocessing, warnings
import numpy as np, blendfuse
warnings.simplefilter("ignore")
made = np.random.default_rng(0)
x, y = {"a": made.normal(size=(24, 5))}, np.arange(24) % 3
model = blendfuse.FusionClassifier(max_epochs=2, projection_dim=8).fit(x, y)
with multiprocessing.get_context("fork").Pool(1) as pool:
    theirs = pool.map(model.predict_proba, [x])[0]
print(np.array_equal(theirs, model.predict_proba(x)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are started otherwise")
def test_a_fork_has_threads_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "True\n"


ALONE = """
import sys
for name in ("sklearn", "pandas", "matplotlib"):
    sys.modules[name] = None
import warnings
import numpy as np, blendfuse
warnings.simplefilter("ignore")
x, y = np.random.default_rng(0).normal(size=(24, 5)), ["a", "b"] * 12
model = blendfuse.FusionClassifier(projection_dim=8, max_epochs=2)
print(model.set_params(top_k=1))
model.fit(x, y)
print(model.predict(x).shape, model.score(x, y) >= 0)
try:
    blendfuse.FusionClassifier().predict(x)
except ValueError as error:
    print(error)
"""


def test_without_scikit_learn_it_works_alone() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "FusionClassifier(max_epochs=2, projection_dim=8, top_k=1)",
        "(24,) True",
        "This FusionClassifier instance is not fitted yet; call fit, or load a run, first",
    ]


LABELS_ALONE = """
import sys
sys.modules["pandas"] = None
import warnings
import blendfuse
warnings.simplefilter("ignore")
data = blendfuse.read_data(sys.argv[1])
model = blendfuse.FusionClassifier(projection_dim=8, max_epochs=2, random_state=3)
model.fit(data.X, data.y, groups=data.groups)
model.save(sys.argv[2])
print(*model.classes_, model.score(data.X, data.y) > 0)
"""


def test_without_pandas_a_data_folder_keeps_its_classes(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    alone = [sys.executable, "-c", LABELS_ALONE, str(data), str(tmp_path / "alone")]
    done = subprocess.run(alone, capture_output=True, text=True, check=True)
    assert done.stdout == "ang disg fea hap sad neu True\n"
    read = blendfuse.read_data(data)
    model = blendfuse.FusionClassifier(projection_dim=8, max_epochs=2, random_state=3)
    model.fit(read.X, read.to_frame(), groups=read.groups).save(tmp_path / "frame")
    for name in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "frame" / name).read_bytes()


def test_figures_are_drawn(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    x = arrays()
    model = blendfuse.FusionClassifier(**QUICK, early_stopping=True).fit(x, Y)
    axes = model.plot_importance()
    heights = [bar.get_width() for bar in axes.containers[0]]
    np.testing.assert_allclose(sorted(heights), sorted(model.encoder_importances_))
    assert [line.get_label() for line in model.plot_history().get_lines()] == [
        "training",
        "validation",
        "best epoch",
    ]
    image = model.plot_cka(x).images[0]
    np.testing.assert_allclose(np.asarray(image.get_array(), np.float64), model.similarity(x))


def test_features_are_written_and_read(tmp_path: Path) -> None:
    x = arrays()
    x["a"][2] = np.nan
    names = [f"clip_{row}.mov" for row in range(N)]
    blendfuse.write_features(tmp_path / "features", x, names)
    read, present = blendfuse.read_features(tmp_path / "features" / "a.npz", names)
    assert present.tolist() == [row != 2 for row in range(N)]
    np.testing.assert_array_equal(read[present], x["a"][present])
    with pytest.raises(FileExistsError):
        blendfuse.write_features(tmp_path / "features" / "a.npz", x["a"], names)
    with pytest.raises(ValueError, match="'clip_0' is there twice, in rows 0 and 1"):
        blendfuse.write_features(tmp_path / "b.npz", x["b"], ["clip_0.mov", "clip_0", *names[2:]])
    with pytest.raises(ValueError, match="found 24 rows and 23 filenames"):
        blendfuse.write_features(tmp_path / "b.npz", x["b"], names[1:])


def test_a_data_folder_is_read_as_the_command_reads_it(data: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = blendfuse.read_data(data)
    assert found.classes == ("ang", "disg", "fea", "hap", "sad", "neu")
    assert found.X.shape[0] == len(found.filenames) == len(found.folds) == len(found.groups)
    assert set(found.folds.tolist()) == {0, 1, 2, 3, 4}
    np.testing.assert_allclose(found.proportions.sum(axis=1), 1)
    name = next(iter(found.X))
    expected, present = blendfuse.read_features(data / "features" / "train" / f"{name}.npz", found.filenames)
    assert 0 < present.sum() < len(present)
    np.testing.assert_array_equal(np.isnan(found.X[name]).all(axis=1), ~present)
    np.testing.assert_array_equal(found.X[name][present], expected[present])
    with pytest.raises(FileNotFoundError, match="train_metadata.csv"):
        blendfuse.read_data(data / "features")
