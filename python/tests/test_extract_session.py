"""Requests: files, what is missing, what fails, resuming, several processes, provenance."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract import decoding, media
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import Encoder
from blendfuse.extract.encoders.base import Sampling
from blendfuse.extract.errors import ExtractError
from blendfuse.extract.media import Face, Picture
from blendfuse.extract.saved_faces import SavedFaces
from blendfuse.extract.session import Report, Session, Settings
from conftest import Run
from made_clips import tone, write_clip
from toy_encoders import ToyPictures, ToySound

pytest.importorskip("av", reason="no av")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six clips: four whole, one without sound, one without video."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(4):
        sound = tone(0.5 + number / 10, 16000, hertz=200 + 50 * number)[None]
        write_clip(clips / f"whole{number}.mkv", 10 + number, sound=sound, rate=16000)
    write_clip(clips / "mute.mkv", 8)
    write_clip(clips / "dark.wav", sound=tone(0.5, 16000)[None], rate=16000)
    return clips


def extract(folder: Path, out: Path, *encoders: Encoder, **settings: Any) -> Report:
    session = Session(find_clips([folder], False, None), list(encoders), Settings(out, **settings))
    return session.run(lambda clip: None)


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def test_files_have_the_rows_of_aggregate(folder: Path, tmp_path: Path, run: Run) -> None:
    out, frames = tmp_path / "data", tmp_path / "frames"
    report = extract(folder, out, ToySound(), ToyPictures(), keep_frames=frames)
    assert not any(report.failed.values())
    assert report.missing["toy_sound"] == {"mute": "has no sound"}
    assert report.missing["toy_pictures"] == {"dark": "has no video"}
    for name in ("toy_sound", "toy_pictures"):
        found = arrays(out / "features" / "train" / f"{name}.npz")
        run("aggregate", frames / name, "--out", tmp_path / f"{name}.npz")
        expected = arrays(tmp_path / f"{name}.npz")
        assert [str(clip).rsplit(".")[0] for clip in found["filenames"]] == expected["filenames"].tolist()
        assert found["X"].tobytes() == expected["X"].tobytes()
    assert not list((out / ".extract").glob("toy*"))


def test_several_encoders_of_one_pass_give_what_each_gives_alone(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "both", ToySound(), ToyPictures())
    extract(folder, tmp_path / "one", ToySound())
    a, b = (arrays(tmp_path / out / "features/train/toy_sound.npz")["X"] for out in ("both", "one"))
    assert a.tobytes() == b.tobytes()


def test_windows_and_what_is_shorter(folder: Path, tmp_path: Path) -> None:
    encoder = ToyPictures(window=9, stride=2)
    extract(folder, tmp_path / "data", encoder, keep_frames=tmp_path / "frames")
    lengths = {path.stem: len(np.load(path)) for path in (tmp_path / "frames/toy_pictures").iterdir()}
    # 10 to 13 pictures in windows of 9, every 2; 8 pictures with the last one repeated.
    assert lengths == {"whole0": 1, "whole1": 2, "whole2": 2, "whole3": 3, "mute": 1}


def test_batches_are_halved_where_memory_is_short(folder: Path, tmp_path: Path) -> None:
    whole, short = ToyPictures(), ToyPictures()
    short.limit = 3
    extract(folder, tmp_path / "whole", whole)
    extract(folder, tmp_path / "short", short)
    assert max(short.sizes) <= 3 < max(whole.sizes)
    a, b = (arrays(tmp_path / out / "features/train/toy_pictures.npz")["X"] for out in ("whole", "short"))
    assert a.tobytes() == b.tobytes()


def test_a_failing_clip_is_listed_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mkv").write_bytes(b"no clip")
    out = tmp_path / "data"
    encoder = ToySound()
    report = extract(folder, out, encoder)
    assert list(report.failed["toy_sound"]) == ["broken"] and not report.written
    assert encoder.calls == 5
    report = extract(folder, out, again := ToySound(), skip_bad=True)
    assert again.calls == 0
    target = out / "features/train/toy_sound.npz"
    assert report.written == {str(target): 5}
    skipped = json.loads(target.with_suffix(".skipped.json").read_text())["skipped"]
    assert [entry["clip"] for entry in skipped] == ["broken.mkv"] and "opened" in skipped[0]["reason"]


def test_a_model_that_fails_on_a_clip_does_not_stop_the_rest(folder: Path, tmp_path: Path) -> None:
    class Fails(ToySound):
        def encode_sound(self, samples: Any) -> Any:
            if len(samples) == 8000:
                raise IndexError("out of range")
            return super().encode_sound(samples)

    report = extract(folder, tmp_path / "data", Fails(), ToyPictures())
    assert set(report.failed["toy_sound"]) == {"dark", "whole0"}
    assert report.failed["toy_sound"]["dark"] == "the model failed: IndexError: out of range"
    assert not report.failed["toy_pictures"]


def test_values_that_are_not_finite_are_refused(folder: Path, tmp_path: Path) -> None:
    class Infinite(ToySound):
        def encode_sound(self, samples: Any) -> Any:
            return [np.array([[np.inf]], np.float32)]

    report = extract(folder, tmp_path / "data", Infinite())
    assert len(report.failed["toy_sound"]) == 5


def test_finished_clips_are_not_done_again_and_new_ones_are_added(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    extract(folder, out, ToySound())
    before = arrays(out / "features/train/toy_sound.npz")
    extract(folder, out, again := ToySound())
    assert again.calls == 0
    write_clip(folder / "new.wav", sound=tone(0.7, 16000)[None], rate=16000)
    write_clip(folder / "dark.wav", sound=tone(0.9, 16000, hertz=333)[None], rate=16000)
    extract(folder, out, changed := ToySound())
    assert changed.calls == 2
    after = arrays(out / "features/train/toy_sound.npz")
    rows = dict(zip(after["filenames"].tolist(), after["X"]))
    assert len(rows) == 6
    for name, row in zip(before["filenames"].tolist(), before["X"]):
        assert (rows[name].tobytes() == row.tobytes()) == (name != "dark.wav")


def test_rows_made_otherwise_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    extract(folder, out, ToySound())
    with pytest.raises(ExtractError, match='toy_sound.npz: was made otherwise .source "toy" there, "other"'):
        extract(folder, out, ToySound(source="other"))
    extract(folder, out, other := ToySound(source="other"), force=True)
    assert other.calls == 5
    (folder / "broken.mkv").write_bytes(b"no clip")
    extract(folder, tmp_path / "begun", ToySound())
    with pytest.raises(ExtractError, match="unfinished rows"):
        extract(folder, tmp_path / "begun", ToySound(source="other"))


def test_a_feature_file_of_another_origin_is_kept(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "data/features/train/toy_sound.npz"
    target.parent.mkdir(parents=True)
    np.savez(target, X=np.zeros((1, 7)), filenames=np.array(["a"]))
    with pytest.raises(ExtractError, match="does not say how it was made"):
        extract(folder, tmp_path / "data", ToySound())
    assert arrays(target)["X"].shape == (1, 7)


def test_a_feature_file_of_another_command_is_kept(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "data/features/train/toy_sound.npz"
    target.parent.mkdir(parents=True)
    told = json.dumps({"program": "blendfuse vectors", "statistics": []})
    np.savez(target, X=np.zeros((1, 7)), filenames=np.array(["a"]), provenance=np.array(told))
    message = (
        f"{target}: was made by `blendfuse vectors`, not from clips; move it away, or choose another --out"
    )
    with pytest.raises(ExtractError, match=f"^{re.escape(message)}$"):
        extract(folder, tmp_path / "data", ToySound())
    assert arrays(target)["X"].shape == (1, 7)


def test_a_provenance_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    begun = tmp_path / "data/.extract/toy_sound/provenance.json"
    begun.parent.mkdir(parents=True)
    begun.write_text('{"colour": "red"}')
    message = f"^{re.escape(str(begun))}: has a provenance that this version does not read: .*begin anew$"
    with pytest.raises(ExtractError, match=message):
        extract(folder, tmp_path / "data", ToySound())


def test_test_clips_go_to_the_test_split(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    (out / "test_metadata.csv").write_text("filename\nwhole1\nwhole2.mkv\n")
    extract(folder, out, ToySound())
    test = arrays(out / "features/test/toy_sound.npz")
    train = arrays(out / "features/train/toy_sound.npz")
    assert test["filenames"].tolist() == ["whole1.mkv", "whole2.mkv"]
    assert train["filenames"].tolist() == ["dark.wav", "whole0.mkv", "whole3.mkv"]


def test_a_file_says_how_it_was_made(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "data", ToyPictures(), sampling=Sampling(5))
    told = json.loads(str(arrays(tmp_path / "data/features/train/toy_pictures.npz")["provenance"]))
    assert told["encoder"] == "toy_pictures" and told["frames_per_second"] == 5 and told["crop"] == "none"
    assert told["decoder"].startswith("PyAV") and told["clips"] == 6 and len(told["clips_sha256"]) == 64
    size = (folder / "dark.wav").stat().st_size
    assert told["missing"] == [{"clip": "dark.wav", "bytes": size, "reason": "has no video"}]


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from blendfuse.extract.clips import find_clips
from blendfuse.extract.session import Session, Settings
from toy_encoders import ToySound
encoder = ToySound(delay=float(sys.argv[4]))
session = Session(find_clips([Path(sys.argv[2])], False, None), [encoder], Settings(Path(sys.argv[3])))
print("ready", flush=True)
session.run(lambda clip: print(clip.name, flush=True))
"""


def start(folder: Path, out: Path, delay: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder), str(out), str(delay)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_the_work_and_do_nothing_twice(folder: Path, tmp_path: Path) -> None:
    for number in range(12):
        write_clip(folder / f"more{number}.wav", sound=tone(0.3 + number / 50, 16000)[None], rate=16000)
    out = tmp_path / "data"
    workers = [start(folder, out, 0.15) for _ in range(3)]
    done = [worker.communicate(timeout=120)[0].split()[1:] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    clips = sorted(name for names in done for name in names)
    assert clips == sorted(path.name for path in folder.iterdir())
    extract(folder, tmp_path / "alone", ToySound())
    a, b = (arrays(path / "features/train/toy_sound.npz") for path in (out, tmp_path / "alone"))
    assert a["X"].tobytes() == b["X"].tobytes() and a["filenames"].tolist() == b["filenames"].tolist()


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
@pytest.mark.parametrize("clips_before", [0, 1, 3])
def test_a_killed_process_is_resumed_to_the_same_file(
    folder: Path, tmp_path: Path, clips_before: int
) -> None:
    out = tmp_path / "data"
    worker = start(folder, out, 0.2)
    assert worker.stdout is not None
    for _ in range(clips_before + 1):
        worker.stdout.readline()
    time.sleep(0.1)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    extract(folder, out, resumed := ToySound())
    assert resumed.calls <= 5 - max(0, clips_before - 1)
    extract(folder, tmp_path / "whole", ToySound())
    files = [path / "features/train/toy_sound.npz" for path in (out, tmp_path / "whole")]
    a, b = map(arrays, files)
    assert all(a[key].tobytes() == b[key].tobytes() for key in ("X", "filenames", "clip_bytes", "provenance"))


def test_no_picture_waits_in_memory_beyond_a_bound(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mkv", 400)
    decoder = decoding.Decoder(
        find_clips([clip], False, None),
        decoding.Demand(frozenset(), True, None),
        lambda clip: nullcontext(True),
    )
    events = iter(decoder)
    next(events)
    time.sleep(0.5)
    assert decoder._events.qsize() <= decoding.AHEAD
    assert sum(len(event) for event in events if isinstance(event, list)) == 400


def test_a_process_that_comes_late_does_nothing_that_another_has_finished(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    clips = find_clips([folder], False, None)
    late = Session(clips, [encoder := ToySound()], Settings(out))
    extract(folder, out, ToySound())
    done: list[str] = []
    report = late.run(lambda clip: done.append(clip.name))
    assert done == [] and encoder.calls == 0
    assert report.written == {str(out / "features/train/toy_sound.npz"): 5}


def test_faces_are_kept_and_not_looked_for_again(folder: Path, tmp_path: Path) -> None:
    class Finder:
        kind = "every second picture"
        seen = 0

        def find(self, pictures: Sequence[Picture]) -> list[Picture]:
            self.seen += len(pictures)
            face = Face((8.25, 4.0, 40.0, 30.0), 0.99, np.ones((5, 2), np.float32))
            return [replace(picture, face=None if picture.number % 2 else face) for picture in pictures]

    finder = Finder()
    clip = next(clip for clip in find_clips([folder], False, None) if clip.key == "whole3")
    found = list(media.pictures(clip.path))
    first = SavedFaces(finder, tmp_path / "faces")
    first.begin(clip)
    once = first.find(found[:4]) + first.find(found[4:])
    first.end(clip)
    assert finder.seen == 13
    again = SavedFaces(finder, tmp_path / "faces")
    again.begin(clip)
    for one, other in zip(once, again.find(found), strict=True):
        assert (one.face is None) == (other.face is None)
        if one.face and other.face:
            assert one.face.box == other.face.box and one.face.probability == other.face.probability
            np.testing.assert_array_equal(one.face.landmarks, other.face.landmarks)
    assert finder.seen == 13
    # A clip of another size and a finder of another kind are looked at anew, and so is a damaged file.
    again.begin(replace(clip, size=clip.size + 1))
    again.find(found[:1])
    finder.kind = "another"
    again.begin(clip)
    again.find(found[:1])
    next((tmp_path / "faces").iterdir()).write_bytes(b"damaged")
    again.begin(clip)
    again.find(found[:1])
    assert finder.seen == 16


def test_a_batch_that_was_too_large_is_not_tried_again(folder: Path, tmp_path: Path) -> None:
    short = ToyPictures()
    short.limit = 3
    extract(folder, tmp_path / "data", short)
    assert short.refused == 2, "the first clip's 8 pictures, then 4 of them"


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from blendfuse import _files
from blendfuse.extract import session, store
from blendfuse.extract.clips import find_clips
from toy_encoders import ToyPictures, ToySound

def step(name):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def before(owner, name):
    whole = getattr(owner, name)
    def stepped(*arguments, **options):
        step(name)
        result = whole(*arguments, **options)
        step(name)
        return result
    setattr(owner, name, stepped)

left = int(sys.argv[4])
before(Path, "replace")
before(store.np, "savez")
before(store.shutil, "rmtree")
made = session.Session(
    find_clips([Path(sys.argv[2])], False, None), [ToySound(), ToyPictures()], session.Settings(Path(sys.argv[3]))
)
made.run(lambda clip: None)
print("whole")
"""


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_killed_at_every_step_that_writes_it_is_resumed_to_the_same_files(
    folder: Path, tmp_path: Path
) -> None:
    extract(folder, tmp_path / "whole", ToySound(), ToyPictures())
    expected = [
        arrays(tmp_path / f"whole/features/train/{name}.npz") for name in ("toy_sound", "toy_pictures")
    ]
    step = 1
    while True:
        out = tmp_path / f"killed{step}"
        command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(folder), str(out), str(step)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        extract(folder, out, ToySound(), ToyPictures())
        for name, whole in zip(("toy_sound", "toy_pictures"), expected):
            found = arrays(out / f"features/train/{name}.npz")
            assert {key: value.tobytes() for key, value in found.items()} == {
                key: value.tobytes() for key, value in whole.items()
            }, f"killed at step {step}"
        assert not list((out / ".extract").glob("toy*"))
        # Two steps of a row are like those of the next: the first ones, and then every fifth.
        step += 1 if step < 12 else 5
    assert step > 50


def test_all_clips_are_test_clips_where_that_is_asked(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    report = extract(folder, out, ToySound(), test=True)
    assert report.empty == ["mute.mkv"]
    table = out / "test_metadata.csv"
    names = ["dark.wav", *(f"whole{number}.mkv" for number in range(4))]
    assert table.read_text() == "\n".join(["filename", *names, ""])
    assert arrays(out / "features/test/toy_sound.npz")["filenames"].tolist() == names
    assert not (out / "features/train").exists()
    # New clips are added to the table.
    write_clip(folder / "new.wav", sound=tone(0.7, 16000)[None], rate=16000)
    extract(folder, out, again := ToySound(), test=True)
    assert again.calls == 1 and "new.wav" in table.read_text()


def test_a_table_with_more_than_names_is_kept(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    table = out / "test_metadata.csv"
    table.write_text("filename,label\nwhole0,ang\nwhole1.mov,sad\n")
    with pytest.raises(ExtractError, match="test_metadata.csv: lacks the clip 'dark.wav'; add it there"):
        extract(folder, out, ToySound(), test=True)
    for name in ("dark.wav", "mute.mkv", "whole2.mkv", "whole3.mkv"):
        (folder / name).unlink()
    before = table.read_text()
    extract(folder, out, ToySound(), test=True)
    assert table.read_text() == before
    assert len(arrays(out / "features/test/toy_sound.npz")["X"]) == 2


def test_no_table_is_written_where_a_clip_failed(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mkv").write_bytes(b"no clip")
    extract(folder, tmp_path / "data", ToySound(), test=True)
    assert not (tmp_path / "data/test_metadata.csv").exists()
    report = extract(folder, tmp_path / "data", ToySound(), test=True, skip_bad=True)
    assert report.empty == ["broken.mkv", "mute.mkv"]
    assert "broken" not in (tmp_path / "data/test_metadata.csv").read_text()
