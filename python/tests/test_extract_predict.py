"""`predict RUN CLIPS`: from new clips to predictions in one command."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import blendfuse
import pytest
from blendfuse.extract.command import main
from conftest import SIZES, Run
from made_clips import tone, write_clip

pytest.importorskip("av", reason="no av")

# Two classes that differ in pitch, in two folds.
CLIPS = [
    (f"{label}{n}", label, hertz + 5 * n) for label, hertz in [("ang", 330), ("sad", 150)] for n in range(6)
]


def sounds(folder: Path, names: list[tuple[str, float]]) -> Path:
    folder.mkdir()
    for name, hertz in names:
        write_clip(folder / f"{name}.wav", sound=tone(0.5, 16000, hertz=hertz)[None], rate=16000)
    return folder


@pytest.fixture(scope="module")
def trained(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on openSMILE features of twelve clips."""
    pytest.importorskip("opensmile", reason="no opensmile")
    place = tmp_path_factory.mktemp("predict")
    clips, data = sounds(place / "clips", [(name, hertz) for name, _, hertz in CLIPS]), place / "data"
    run("extract", clips, "--out", data, "--encoders", "egemaps,egemaps_lld")
    with (data / "train_metadata.csv").open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["filename", "fold", "label"])
        rows.writerows([f"{name}.wav", n % 2, label] for n, (name, label, _) in enumerate(CLIPS))
    keys = [f"model.{size}" for size in SIZES] + ["train.max_epochs=3", "model.top_k=2"]
    settings = [part for key in keys for part in ("--set", key)]
    run("train", data, "--out", place / "run", "--fold", "0", *settings)
    return place / "run"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return sounds(tmp_path / "new", [("one", 310), ("two", 170), ("three", 240)])


def predicted(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())["predictions"]
    return found


def test_predictions_of_clips_are_those_of_their_features(
    trained: Path, new: Path, tmp_path: Path, run: Run
) -> None:
    told = json.loads(run("predict", trained, new, "--out", tmp_path / "a.json", "--json"))
    assert told["clips"] == 3
    assert not (tmp_path / ".a.json.features").exists()
    assert main([str(new), "--out", str(tmp_path / "data"), "--like", str(trained), "--test", "-q"]) == 0
    run("predict", trained, tmp_path / "data", "--out", tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    # One clip alone, with its features kept.
    kept = tmp_path / "kept"
    run("predict", trained, new / "two.wav", "--out", tmp_path / "c.json", "--keep-features", kept)
    alone, together = (predicted(tmp_path / name) for name in ("c.json", "a.json"))
    assert alone == {"two.wav": together["two.wav"]}
    assert (kept / "test_metadata.csv").read_text() == "filename\ntwo.wav\n"
    assert (kept / "features/test/egemaps.npz").is_file()


def refused(*arguments: str | Path) -> str:
    command = [blendfuse.find_binary(), "predict", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    return done.stderr


def test_what_cannot_be_made_alike_is_one_line(trained: Path, new: Path, tmp_path: Path) -> None:
    manifest = trained / "manifest.json"
    before = manifest.read_text()
    changed = json.loads(before)
    changed["provenance"]["egemaps"]["sample_rate"] = 8000
    try:
        manifest.write_text(json.dumps(changed))
        told = refused(trained, new, "--out", tmp_path / "a.json")
    finally:
        manifest.write_text(before)
    assert told == "error: egemaps: cannot be made alike: sample_rate 8000 there, 16000 here\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_a_clip_that_fails_stops_the_prediction_and_the_others_are_kept(
    trained: Path, new: Path, tmp_path: Path, run: Run
) -> None:
    (new / "bad.wav").write_text("no clip")
    told = refused(trained, new, "--out", tmp_path / "a.json")
    assert "error: egemaps: bad: cannot be opened as a clip" in told and "--skip-bad" in told
    assert "the same command goes on from there" in told and not (tmp_path / "a.json").exists()
    run("predict", trained, new, "--out", tmp_path / "a.json", "--", "--skip-bad")
    assert list(predicted(tmp_path / "a.json")) == ["one.wav", "three.wav", "two.wav"]
    assert not (tmp_path / ".a.json.features").exists()
