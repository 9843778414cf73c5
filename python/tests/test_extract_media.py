"""Decoding: every frame once, upright, the sound whole and at its level; against ffmpeg's own output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blendfuse.extract.errors import MediaError
from blendfuse.extract.media import pictures, sounds
from made_clips import rgb_of_ffmpeg, run_ffmpeg, tone, write_clip

pytest.importorskip("av", reason="no av")

RATE = 16000
REAL_CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips"


def test_every_frame_comes_once_and_with_its_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 50)
    found = list(pictures(clip))
    assert [picture.number for picture in found] == list(range(50))
    assert [picture.time for picture in found] == pytest.approx([n / 25 for n in range(50)], abs=1e-3)
    assert len({picture.pixels.tobytes() for picture in found}) == 50


def test_frames_of_a_variable_rate_are_neither_repeated_nor_dropped(tmp_path: Path) -> None:
    times = [0, 1, 2, 3, 10, 30, 31, 60, 61]
    clip = write_clip(tmp_path / "clip.mkv", len(times), times=times)
    found = list(pictures(clip))
    assert [picture.time for picture in found] == pytest.approx([time / 25 for time in times], abs=1e-3)
    assert len(rgb_of_ffmpeg(clip, 64, 48)) == len(times)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts", ".mpg", ".avi"])
def test_a_rate_takes_every_fifth_picture(tmp_path: Path, suffix: str) -> None:
    clip = tmp_path / f"clip{suffix}"
    write_clip(clip, 50)
    assert [picture.number for picture in pictures(clip, 5)] == list(range(0, 50, 5))
    # A rate above the clip's takes each picture once.
    assert len(list(pictures(clip, 100))) == 50


def test_pixels_are_those_of_ffmpeg(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 12)
    found = np.stack([picture.pixels for picture in pictures(clip)])
    np.testing.assert_array_equal(found, rgb_of_ffmpeg(clip, 64, 48))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_clip_is_upright(tmp_path: Path, turn: int) -> None:
    flat = write_clip(tmp_path / "flat.mp4", 5)
    clip = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation", str(turn), "-i", flat, "-c", "copy", clip)
    width, height = (48, 64) if turn % 180 else (64, 48)
    found = np.stack([picture.pixels for picture in pictures(clip)])
    np.testing.assert_array_equal(found, rgb_of_ffmpeg(clip, width, height))
    assert not np.array_equal(found[0], next(pictures(flat)).pixels)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_no_sample_is_lost_at_the_end(tmp_path: Path, rate: int) -> None:
    clip = write_clip(tmp_path / "clip.wav", sound=tone(2, rate)[None], rate=rate)
    assert abs(len(sounds(clip, [RATE])[RATE].samples) - 2 * RATE) <= 1


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    left = tone(1, RATE, 0.9)
    both = write_clip(tmp_path / "both.wav", sound=np.stack([left, left]), rate=RATE)
    one = write_clip(tmp_path / "one.wav", sound=np.stack([left, np.zeros_like(left)]), rate=RATE)
    mono = write_clip(tmp_path / "mono.wav", sound=left[None], rate=RATE)
    for clip, peak in [(both, 0.9), (one, 0.45), (mono, 0.9)]:
        samples = sounds(clip, [RATE])[RATE].samples
        assert len(samples) == RATE
        assert np.abs(samples).max() == pytest.approx(peak, abs=1e-3), clip


def test_resampled_sound_is_close_to_that_of_ffmpeg(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.wav", sound=tone(1, 44100)[None], rate=44100)
    raw = run_ffmpeg("-i", clip, "-ar", str(RATE), "-f", "f32le", "-")
    expected = np.frombuffer(raw, np.float32)
    samples = sounds(clip, [RATE])[RATE].samples
    assert abs(len(samples) - len(expected)) <= 1
    shared = min(len(samples), len(expected))
    np.testing.assert_allclose(samples[:shared], expected[:shared], atol=1e-4)


def test_several_rates_come_from_one_decoding(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.wav", sound=tone(1, 44100)[None], rate=44100)
    both = sounds(clip, [RATE, 48000])
    for rate in (RATE, 48000):
        np.testing.assert_array_equal(both[rate].samples, sounds(clip, [rate])[rate].samples)


def test_what_a_clip_lacks_is_empty(tmp_path: Path) -> None:
    assert sounds(write_clip(tmp_path / "mute.mkv", 5), [RATE]) == {}
    assert list(pictures(write_clip(tmp_path / "dark.wav", sound=tone(1, RATE)[None], rate=RATE))) == []


def test_the_cover_of_a_sound_file_is_no_video(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "plain.wav", sound=tone(1, RATE)[None], rate=RATE)
    cover = tmp_path / "cover.png"
    run_ffmpeg("-i", write_clip(tmp_path / "one.mkv", 1), "-frames:v", "1", cover)
    clip = tmp_path / "covered.m4a"
    maps = ["-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "copy", "-disposition:v", "attached_pic"]
    run_ffmpeg("-i", sound, "-i", cover, *maps, clip)
    assert list(pictures(clip)) == []


def test_sound_that_starts_late_says_so(tmp_path: Path) -> None:
    seen = write_clip(tmp_path / "seen.mkv", 50)
    heard = write_clip(tmp_path / "heard.wav", sound=tone(1, RATE)[None], rate=RATE)
    clip = tmp_path / "late.mkv"
    run_ffmpeg("-i", seen, "-itsoffset", "0.25", "-i", heard, "-map", "0", "-map", "1", "-c", "copy", clip)
    sound = sounds(clip, [RATE])[RATE]
    assert sound.start == pytest.approx(0.25, abs=0.002)
    assert len(sound.samples) == RATE
    beside = sound.beside_pictures()
    assert len(beside) == RATE + round(sound.start * RATE)
    assert not beside[: RATE // 5].any() and beside[RATE // 3 :].any()


def test_a_clip_that_is_cut_off_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 100)
    remuxed = tmp_path / "whole.mov"
    run_ffmpeg("-i", whole, "-c:v", "mpeg4", "-movflags", "+faststart", remuxed)
    cut = tmp_path / "cut.mov"
    cut.write_bytes(remuxed.read_bytes()[: remuxed.stat().st_size // 2])
    with pytest.raises(MediaError, match="cut off|decoded"):
        list(pictures(cut))


@pytest.mark.parametrize("content", [b"", b"not a clip\n" * 50, bytes(4096)])
def test_a_file_that_is_no_clip_is_refused(tmp_path: Path, content: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    for decode in (lambda: list(pictures(clip)), lambda: sounds(clip, [RATE])):
        with pytest.raises(MediaError, match="empty|opened"):
            decode()


@pytest.mark.skipif(not REAL_CLIPS.is_dir(), reason=f"no {REAL_CLIPS}")
def test_real_clips_have_the_frames_of_ffmpeg() -> None:
    for clip in sorted(REAL_CLIPS.glob("*.m[op]*")):
        found = list(pictures(clip))
        height, width = found[0].pixels.shape[:2]
        expected = rgb_of_ffmpeg(clip, width, height)
        assert len(found) == len(expected), clip
        for place in (0, len(found) // 2, len(found) - 1):
            np.testing.assert_array_equal(found[place].pixels, expected[place])
