"""`--like`: the same features for other clips, or a refusal that names what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.command import main
from blendfuse.extract.provenance import Provenance, read_provenance
from made_clips import tone, write_clip
from tiny_checkpoints import speech_checkpoint

pytest.importorskip("av", reason="no av")


def sounds(folder: Path, *lengths: float) -> Path:
    folder.mkdir()
    for number, seconds in enumerate(lengths):
        sound = tone(seconds, 16000, hertz=200 + 100 * number)[None]
        write_clip(folder / f"clip{number}.wav", sound=sound, rate=16000)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A data folder with features of two clips by swift_f0 and egemaps."""
    for package in ("swift_f0", "opensmile"):
        pytest.importorskip(package, reason=f"no {package}")
    clips = sounds(tmp_path / "clips", 0.5, 0.75)
    assert main([str(clips), "--out", str(tmp_path / "data"), "--encoders", "swift_f0,egemaps", "-q"]) == 0
    return tmp_path / "data"


def features(data: Path, name: str) -> dict[str, Any]:
    with np.load(data / "features" / "train" / f"{name}.npz") as arrays:
        return dict(arrays)


def change(file: Path, edit: Callable[[Provenance], Provenance]) -> None:
    how = read_provenance(file)
    assert how is not None
    with np.load(file) as arrays:
        others = dict(arrays)
    np.savez(file, **{**others, "provenance": np.array(edit(how).json())})


@pytest.mark.parametrize("of", ["data", "features", "run"])
def test_the_same_clips_give_the_same_rows(made: Path, tmp_path: Path, of: str) -> None:
    like = {"data": made, "features": made / "features", "run": tmp_path / "run"}[of]
    if of == "run":
        like.mkdir()
        ways = {
            name: read_provenance(made / f"features/train/{name}.npz") for name in ("swift_f0", "egemaps")
        }
        told = {name: asdict(how) for name, how in ways.items() if how is not None}
        (like / "manifest.json").write_text(json.dumps({"provenance": told}))
    assert main([str(tmp_path / "clips"), "--out", str(tmp_path / "new"), "--like", str(like)]) == 0
    for name in ("swift_f0", "egemaps"):
        a, b = features(made, name), features(tmp_path / "new", name)
        assert {key: value.tobytes() for key, value in a.items()} == {
            key: value.tobytes() for key, value in b.items()
        }


FACES = {
    "program": "blendfuse openface",
    "groups": "challenge",
    "interpolate": False,
    "statistics": ["mean"],
    "versions": {"blendfuse": "0.1.0"},
}


def test_features_of_other_commands_are_not_made_from_clips(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = made / "features/train/openface2.npz"
    np.savez(faces, X=np.zeros((1, 7)), filenames=np.array(["clip0"]), provenance=np.array(json.dumps(FACES)))
    clips, new = str(tmp_path / "clips"), str(tmp_path / "new")
    arguments = [clips, "--out", new, "--like", str(made), "-q"]
    capsys.readouterr()
    assert main(arguments) == 2
    by = "was made by `blendfuse openface`, not from clips"
    leave = "leave its encoder out with --encoders NAMES"
    assert capsys.readouterr().err == f"error: {faces}: {by}; {leave}\n"
    assert main([*arguments, "--encoders", "egemaps"]) == 0
    run = tmp_path / "run"
    run.mkdir()
    how = read_provenance(made / "features/train/egemaps.npz")
    assert how is not None
    told = {"provenance": {"egemaps": asdict(how), "openface2": FACES}}
    (run / "manifest.json").write_text(json.dumps(told))
    arguments = [clips, "--out", str(tmp_path / "newer"), "--like", str(run), "-q"]
    capsys.readouterr()
    assert main(arguments) == 2
    manifest = run / "manifest.json"
    assert capsys.readouterr().err == f"error: {manifest}: openface2 {by}; {leave}\n"
    assert main([*arguments, "--encoders", "egemaps"]) == 0


def test_some_of_them_are_taken_by_name(made: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    arguments = [str(tmp_path / "clips"), "--out", str(new), "--like", str(made), "--encoders", "egemaps"]
    assert main(arguments) == 0
    assert [file.name for file in (new / "features/train").iterdir()] == ["egemaps.npz"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sample_rate", 8000, "swift_f0: cannot be made alike: sample_rate 8000 there, 16000 here"),
        ("weights_sha256", "0" * 64, "cannot be made alike: weights_sha256"),
        ("statistics", ["mean"], 'cannot be made alike: statistics \\["mean"\\] there'),
        ("layer", "another", 'cannot be made alike: layer "another" there'),
        ("encoder", "swift_f9", "does not know its encoder 'swift_f9'"),
    ],
)
def test_what_cannot_be_made_alike_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, value: Any, message: str
) -> None:
    change(made / "features/train/swift_f0.npz", lambda how: replace(how, **{field: value}))
    arguments = [str(tmp_path / "clips"), "--out", str(tmp_path / "new"), "--like", str(made)]
    capsys.readouterr()
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and re.search(message, told), told
    assert not (tmp_path / "new").exists()


def test_other_libraries_are_told_and_not_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(how: Provenance) -> Provenance:
        return replace(how, versions={**how.versions, "swift-f0": "0.0.1"})

    change(made / "features/train/swift_f0.npz", older)
    arguments = [str(tmp_path / "clips"), "--out", str(tmp_path / "new"), "--like", str(made)]
    capsys.readouterr()
    assert main(arguments) == 0
    told = capsys.readouterr().err
    assert 'note: swift_f0: other libraries: versions {"swift-f0": "0.0.1"} there' in told
    # Rows made with other versions are not mixed in one file.
    clips = sounds(tmp_path / "more", 0.6)
    assert main([str(clips), "--out", str(made), "--encoders", "swift_f0"]) == 2
    assert "was made otherwise (versions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--layer", "3"], "--layer: --like decides it"),
        (["--crop", "face"], "--crop: --like decides it"),
        (["--frames-per-second", "5"], "--frames-per-second: --like decides it"),
        (["--encoders", "clip"], "has no features of 'clip'"),
    ],
)
def test_what_like_decides_is_not_given_too(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    arguments = [str(tmp_path / "clips"), "--out", str(tmp_path / "new"), "--like", str(made), *flags]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_provenance_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips, old = sounds(tmp_path / "clips", 0.5), tmp_path / "old/features/train"
    old.mkdir(parents=True)
    arguments = [str(clips), "--out", str(tmp_path / "new"), "--like", str(tmp_path / "old")]
    assert main(arguments) == 2
    assert "no features that say how they were made" in capsys.readouterr().err
    np.savez(old / "clip.npz", X=np.zeros((1, 7)), filenames=np.array(["a"]))
    assert main(arguments) == 2
    assert "clip.npz: does not say how it was made" in capsys.readouterr().err


def test_hidden_layers_and_local_weights_are_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = speech_checkpoint("wavlm_large", tmp_path / "weights")
    clips, data = sounds(tmp_path / "clips", 0.5, 0.75), tmp_path / "data"
    weights = ["--weights", f"wavlm_large={folder}"]
    assert main([str(clips), "--out", str(data), "--encoders", "wavlm_large", *weights]) == 0
    layers = ["--layers", "1,3"]
    assert main([str(clips), "--out", str(data), "--encoders", "wavlm_large", *weights, *layers]) == 0
    arguments = [str(clips), "--out", str(tmp_path / "new"), "--like", str(data)]
    assert main(arguments) == 0
    for name in ("wavlm_large", "wavlm_large_l1", "wavlm_large_l3"):
        assert features(data, name)["X"].tobytes() == features(tmp_path / "new", name)["X"].tobytes()
    # Moved weights are the same weights; others are not.
    folder.rename(tmp_path / "moved")
    assert main([*arguments[:2], str(tmp_path / "newer"), *arguments[3:]]) == 2
    assert "name them with --weights wavlm_large=DIR" in capsys.readouterr().err
    moved = ["--weights", f"wavlm_large={tmp_path / 'moved'}"]
    assert main([*arguments[:2], str(tmp_path / "newer"), *arguments[3:], *moved]) == 0
    (tmp_path / "moved/README.md").write_text("changed")
    assert main([*arguments[:2], str(tmp_path / "newest"), *arguments[3:], *moved]) == 2
    assert "cannot be made alike: source" in (told := capsys.readouterr().err) or "weights_sha256" in told
