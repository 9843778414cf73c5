"""The decoder beside the program: the same scores give the same emotions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from blendfuse import Decoder, load_weights, read_predictions, read_probabilities
from blendfuse.decoding import in_tenths
from conftest import Run, train

CASES = {
    "plain": (),
    "challenge": ("decode.rules=challenge",),
    "keep_one": ("decode.neutral=keep_one",),
    "three": ("decode.max_emotions=3", "decode.proportions=continuous", "decode.presence_threshold=0.12"),
    "levels": (
        "decode.max_emotions=3",
        "decode.proportions=[[60, 40], [50, 50], [80, 20], [40, 30, 30], [40, 35, 25]]",
        "decode.presence_threshold=0.1",
    ),
    "challenge_levels": (
        "decode.rules=challenge",
        "decode.max_emotions=4",
        "decode.proportions=[[60, 40], [80, 20], [50, 30, 20]]",
        "decode.presence_threshold=0.1",
    ),
    "single": ("decode.max_emotions=1",),
}


@pytest.mark.parametrize("case", CASES)
def test_emotions_are_the_programs(run: Run, data: Path, tmp_path: Path, case: str) -> None:
    folder = train(run, data, tmp_path / "run", *CASES[case])
    out, probs = tmp_path / "out.json", tmp_path / "probs.npz"
    run("predict", folder, data, "--out", out, "--probs", probs)
    predictions, table = read_predictions(out), read_probabilities(probs)
    decoder = Decoder.of(load_weights(folder))
    assert list(predictions) == list(table.filenames)
    for clip, row in zip(table.filenames, table.aligned):
        assert decoder.decode(row) == predictions[clip], clip
        assert sum(predictions[clip].values()) == pytest.approx(100)


def test_rows_are_checked() -> None:
    decoder = Decoder(("joy", "awe"), None, 0.1, 0.1)
    assert decoder.decode([0.6, 0.4]) == {"joy": 50.0, "awe": 50.0}
    assert replace(decoder, salience_threshold=0.0).decode([0.4, 0.6]) == {"joy": 30.0, "awe": 70.0}
    with pytest.raises(ValueError, match="found 1 scores, expected 2"):
        decoder.decode([1.0])
    with pytest.raises(ValueError, match="found a score of nan"):
        decoder.decode([float("nan"), 1.0])


def test_tenths_sum_to_100() -> None:
    assert in_tenths([1, 1, 1]) == [33.4, 33.3, 33.3]
    assert in_tenths([0.7, 0.3]) == [70.0, 30.0]
