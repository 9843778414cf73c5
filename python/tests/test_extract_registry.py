"""The table of encoders: complete, without invented values, and what docs/encoders.md shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from blendfuse.extract.encoders import FAMILIES
from blendfuse.extract.errors import ExtractError
from blendfuse.extract.listing import markdown, plain
from blendfuse.extract.registry import encoders, find, select, sets

PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def test_the_sets_are_the_papers() -> None:
    known = sets()
    assert len(known["paper"]) == 36
    assert [spec.name for spec in encoders()[:36]] == known["paper"]
    assert sorted([*known["video"], *known["audio"], "hicmae"]) == sorted(known["paper"])
    assert {"egemaps", "compare", "silero_vad", "fer"} <= set(known["light"])
    assert {spec.name for spec in encoders()} == {name for names in known.values() for name in names}


def test_rows_are_whole() -> None:
    names = [spec.name for spec in encoders()]
    assert len(set(names)) == len(names)
    for spec in encoders():
        assert find(spec.name) is spec and find(spec.title) is spec
        assert all(find(alias) is spec for alias in spec.aliases)
        assert spec.frame_size > 0 and spec.source and spec.layer and spec.packages and spec.evidence
        assert spec.modality in ("audio", "video", "multimodal")
        assert spec.rows in ("frame", "window", "clip")
        assert (spec.rows == "window") <= bool(spec.window)
        assert spec.family in FAMILIES or spec.where == "private"


def test_the_page_shows_the_table() -> None:
    if not PAGE.exists():
        pytest.skip(f"no {PAGE}")
    page = PAGE.read_text(encoding="utf-8")
    assert markdown() in page, "copy the output of: blendfuse extract --list --markdown"


def test_a_selection_keeps_its_order_and_takes_each_once() -> None:
    chosen = select(["wavlm", "light", "egemaps", " CLIP "])
    names = [spec.name for spec in chosen.specs]
    assert names[0] == "wavlm_large" and names[-1] == "clip" and names.count("egemaps") == 1
    assert chosen.named == {"wavlm_large", "egemaps", "clip"}


@pytest.mark.parametrize(
    ("names", "part"), [(["wavlm_lage"], "did you mean wavlm_large"), (["xyz"], "--list"), ([], "no encoder")]
)
def test_an_unknown_name_is_refused(names: list[str], part: str) -> None:
    with pytest.raises(ExtractError, match=part):
        select(names)


def test_the_list_names_all() -> None:
    text = plain()
    assert all(spec.name in text for spec in encoders())
