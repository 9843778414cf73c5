"""Predictions, probabilities and features that the program and this package give each other."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from blendfuse import load_weights, read_features, read_predictions, read_probabilities, write_predictions
from conftest import Run, clips_of


@pytest.fixture(scope="module")
def predicted(run: Run, trained: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    run("predict", trained, data, "--out", folder / "p.json", "--probs", folder / "p.npz")
    run("predict", trained, data, "--out", folder / "p.zip", "--probs", folder / "p.csv")
    return folder


def test_json_and_zip_and_the_bare_mapping_are_the_same(predicted: Path, data: Path, tmp_path: Path) -> None:
    predictions = read_predictions(predicted / "p.json")
    assert list(predictions) == clips_of(data / "test_metadata.csv")
    assert all(abs(sum(blend.values()) - 100) < 1e-9 for blend in predictions.values())
    assert read_predictions(predicted / "p.zip") == predictions
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps(json.loads((predicted / "p.json").read_text())["predictions"]))
    assert read_predictions(bare) == predictions


@pytest.mark.parametrize("ending", ["json", "zip"])
def test_the_program_reads_what_is_written(
    run: Run, predicted: Path, data: Path, tmp_path: Path, ending: str
) -> None:
    predictions = read_predictions(predicted / "p.json")
    written = tmp_path / f"again.{ending}"
    write_predictions(written, predictions)
    assert read_predictions(written) == predictions
    scores = [
        json.loads(run("evaluate", file, "--metadata", data / "test_metadata.csv", "--json"))["average"]
        for file in (predicted / "p.json", written)
    ]
    assert scores[0] == scores[1]
    if ending == "json":
        assert written.read_bytes() == (predicted / "p.json").read_bytes()
    with pytest.raises(FileExistsError, match="exists; choose another name"):
        write_predictions(written, predictions)
    write_predictions(written, {}, overwrite=True)
    assert read_predictions(written) == {}
    assert [file.name for file in tmp_path.iterdir()] == [written.name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected a mapping of clips, found list"),
        ("{", "is not a predictions file"),
        ('{"a": [], "a": []}', "'a' is listed twice"),
        ('{"a": []}', "a: names no emotion"),
        ('{"a": {"ang": 100}}', "a: expected a list of emotions, found dict"),
        ('{"a": [{"emotion": "ang", "salience": "x"}]}', "a: ang: salience 'x' is not a number"),
        ('{"a": [{"emotion": "ang", "salience": -1}]}', "a: ang: salience -1.0 is not a percentage"),
        ('{"a": [{"emotion": "ang", "salience": NaN}]}', "a: ang: salience nan is not a percentage"),
        ('{"a": [{"emotion": "ang"}, {"emotion": "sad", "salience": 30}]}', "a: ang: salience is None"),
        (
            '{"a": [{"emotion": "ang", "salience": 1}, {"emotion": "ang", "salience": 1}]}',
            "a: names 'ang' twice",
        ),
        ('{"a": [{"salience": 1}]}', "names no emotion"),
    ],
)
def test_faults_are_told_with_file_and_clip(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(text)
    with pytest.raises(ValueError) as caught:
        read_predictions(file)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_and_missing_saliences_are_read_as_the_program_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text(
        '\ufeff{"a": [{"emotion": "ang", "salience": " 70 "}, {"emotion": "sad", "salience": 30}], "b": [{"emotion": "neu"}]}'
    )
    assert read_predictions(file) == {"a": {"ang": 70.0, "sad": 30.0}, "b": {"neu": 100.0}}


def test_a_zip_holds_one_json(tmp_path: Path) -> None:
    file = tmp_path / "p.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", "{}")
        archive.writestr("b.json", "{}")
    with pytest.raises(ValueError, match="contains 2 .json files"):
        read_predictions(file)
    file.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="is not a readable zip"):
        read_predictions(file)


def test_probabilities_are_the_same_from_npz_and_csv(predicted: Path, trained: Path, data: Path) -> None:
    npz, csv = (read_probabilities(predicted / f"p.{ending}") for ending in ("npz", "csv"))
    assert npz.filenames == csv.filenames == tuple(clips_of(data / "test_metadata.csv"))
    assert npz.classes == csv.classes == load_weights(trained).classes
    for head in ("presence", "salience", "aligned"):
        np.testing.assert_array_equal(getattr(npz, head), getattr(csv, head))
    assert npz.salience is not None
    np.testing.assert_allclose(npz.salience.sum(axis=1), 1, atol=1e-6)


def test_a_table_of_one_distribution_has_no_heads(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("filename,ang,sad\na,0.25,0.75\n")
    table = read_probabilities(file)
    assert (table.filenames, table.classes, table.presence, table.salience) == (
        ("a",),
        ("ang", "sad"),
        None,
        None,
    )
    np.testing.assert_array_equal(table.aligned, [[0.25, 0.75]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected filename and a column for each class"),
        ("filename,ang\na\n", "line 2: found 1 cells, expected 2"),
        ("filename,ang\na,x\n", "line 2: could not convert string to float: 'x'; expected numbers"),
        (
            "filename,presence_ang,salience_ang\na,1,1\n",
            "expected presence_CLASS, salience_CLASS and aligned_CLASS",
        ),
    ],
)
def test_faults_of_tables_are_told_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "d.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match="d.csv: ") as caught:
        read_probabilities(file)
    assert message in str(caught.value)


def test_features_come_in_the_order_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "wavlm.npz"
    np.savez(file, X=np.arange(6, dtype=np.float16).reshape(3, 2), filenames=["a.mov", "b", "c.v2"])
    x, present = read_features(file, ["c.v2", "missing", "a", "b.MP4"])
    np.testing.assert_array_equal(x, np.array([[4, 5], [0, 0], [0, 1], [2, 3]], np.float32))
    assert present.tolist() == [True, False, True, True]
    np.savez(file, X=np.zeros((2, 2)), filenames=["a.mov", "a"])
    with pytest.raises(ValueError, match="'a' is listed twice, in rows 0 and 1"):
        read_features(file, ["a"])
    np.savez(file, X=np.zeros((2, 2)), filenames=["a"])
    with pytest.raises(ValueError, match=r"found X \[2, 2\] and filenames \[1\]"):
        read_features(file, ["a"])
    np.savez(file, Y=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="found the arrays Y, expected X and filenames"):
        read_features(file, ["a"])
