"""The estimates of a dry run: pictures, seconds and bytes by the clips' headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from blendfuse.extract.clips import find_clips
from blendfuse.extract.command import main
from blendfuse.extract.estimate import Workload, duration, measure, operations_per_second
from blendfuse.extract.media import length
from blendfuse.extract.registry import encoders, find
from made_clips import tone, write_clip

pytest.importorskip("av", reason="no av")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(3):
        write_clip(folder / f"clip{number}.mp4", 50, sound=tone(2.0, 16000)[None], rate=16000)
    write_clip(folder / "sound.wav", sound=tone(4.0, 16000)[None], rate=16000)
    return folder


def test_headers_say_how_much_there_is(clips: Path) -> None:
    found = length(clips / "clip0.mp4")
    assert found is not None and found.seconds == pytest.approx(2, abs=0.1)
    assert found.pictures_per_second == pytest.approx(25)
    workload = measure(find_clips([clips], False, None), None)
    assert workload is not None and workload.clips == 4
    assert workload.seconds == pytest.approx(10, abs=0.3) and workload.pictures == pytest.approx(150, abs=6)
    thinned = measure(find_clips([clips], False, None), 5)
    assert thinned is not None and thinned.pictures == pytest.approx(30, abs=2)
    (clips / "broken.mp4").write_bytes(b"no clip")
    assert length(clips / "broken.mp4") is None


@pytest.mark.parametrize(
    ("name", "rows"),
    [("clip", 1500), ("wavlm_large", 3000), ("video_swin", 56.25), ("hicmae", 1500 / 64), ("egemaps", 20)],
)
def test_rows_are_counted_by_the_table(name: str, rows: float) -> None:
    spec = find(name)
    assert spec is not None
    workload = Workload(clips=20, seconds=60, pictures=1500, decoding=1)
    assert workload._rows(spec) == rows
    estimate = workload.of(spec, 1, 1e12, keeps_frames=True)
    assert estimate.size > 4 * (20 * spec.columns + rows * spec.frame_size)


def test_every_encoder_has_an_estimate() -> None:
    workload = Workload(clips=20, seconds=60, pictures=1500, decoding=1)
    for spec in encoders():
        assert workload.of(spec, 1, 1e12, False).told()


def test_words_for_seconds() -> None:
    assert [duration(s) for s in (3.2, 89, 90, 7200, 2e5)] == [
        "3 s",
        "89 s",
        "1.5 min",
        "2.0 hours",
        "2.3 days",
    ]
    assert operations_per_second("cpu") > 1e8


def test_a_dry_run_tells_time_and_disk(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(clips), "--out", str(tmp_path / "data"), "--encoders", "clip,wavlm_large", "--offline"]
    assert main([*arguments, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "download: about 1.7 GB" in told and "150 pictures" in told
    assert told.count(" on disk") == 3 and "of decoding beside it" in told
    assert not (tmp_path / "data").exists()
