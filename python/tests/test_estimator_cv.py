"""Cross-validation of arrays is the command's."""

from __future__ import annotations

from pathlib import Path

import blendfuse
import numpy as np
import pytest
from conftest import Run
from test_estimator_bytes import QUICK, key_of

pytest.importorskip("pandas")


def test_folds_thresholds_and_intervals_are_those_of_the_command(
    run: Run, data: Path, tmp_path: Path
) -> None:
    read = blendfuse.read_data(data)
    keys = [f"{key_of(name)}={value}" for name, value in QUICK.items()]
    keys.append(f"data.classes=[{', '.join(map(repr, read.classes))}]")
    assignments = [part for key in keys for part in ("--set", key)]
    run("cv", data, "--out", tmp_path / "command", *assignments)
    model = blendfuse.FusionClassifier(modalities=read.modalities, **QUICK)
    found = blendfuse.cross_validate(
        model, read.X, read.to_frame(), groups=read.groups, folds=read.folds, out=tmp_path / "python"
    )
    assert not hasattr(model, "classes_")
    theirs = blendfuse.read_probabilities(tmp_path / "command" / "out_of_fold.npz")
    np.testing.assert_array_equal(found.out_of_fold.aligned, theirs.aligned)
    table = found.to_frame()
    assert list(table["fold"]) == [0, 1, 2, 3, 4]
    assert table["average"].between(0, 1).all()
    assert "intervals" in found.summary["certainty"]
    assert "Cross-validation" in found.tables
    with pytest.raises(FileExistsError):
        blendfuse.cross_validate(model, read.X, read.to_frame(), out=tmp_path / "python")


def test_folds_are_made_where_none_are_given(data: Path) -> None:
    read = blendfuse.read_data(data)
    model = blendfuse.FusionClassifier(**{**QUICK, "max_epochs": 1})
    found = blendfuse.cross_validate(model, read.X, read.to_frame(), groups=read.groups, cv=3)
    assert [row["fold"] for row in found.folds] == ["0", "1", "2"]
    with pytest.raises(ValueError, match="top_k: found 0"):
        blendfuse.cross_validate(blendfuse.FusionClassifier(top_k=0), read.X, read.to_frame(), cv=3)
