"""The weights file as numpy arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from blendfuse import load_weights
from safetensors.numpy import save_file


def test_a_run_tells_its_tensors_classes_encoders_and_configuration(trained: Path) -> None:
    weights = load_weights(trained)
    manifest = json.loads((trained / "manifest.json").read_text())
    assert list(weights.classes) == manifest["classes"]
    assert [encoder.name for encoder in weights.encoders] == [
        encoder["name"] for encoder in manifest["encoders"]
    ]
    assert weights.config == manifest["config"]
    assert weights.thresholds == manifest["thresholds"]
    assert (weights.fold, weights.epoch, weights.neutral) == (0, manifest["best_epoch"], "neu")
    for encoder in weights.encoders:
        linear = weights.tensors[f"encoders.{encoder.name}.linear.weight"]
        assert linear.shape == (weights.config["model"]["projection_dim"], encoder.width)
        assert linear.dtype == np.float32
    assert load_weights(trained / "last.safetensors").classes == weights.classes


def test_faults_are_told_with_the_file(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="contains no weights.safetensors"):
        load_weights(tmp_path)
    with pytest.raises(FileNotFoundError, match="neither exists"):
        load_weights(tmp_path / "nothing")
    other = tmp_path / "other.safetensors"
    other.write_bytes((trained / "weights.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"other\.safetensors: not a safetensors file"):
        load_weights(other)
    save_file({"x": np.zeros(1, np.float32)}, other)
    with pytest.raises(ValueError, match=r"other\.safetensors: no blendfuse metadata"):
        load_weights(other)
    save_file({}, other, metadata={"blendfuse": '{"format_version": 3}'})
    with pytest.raises(ValueError, match="format version 3, this package reads up to 2"):
        load_weights(other)
    save_file({}, other, metadata={"blendfuse": '{"format_version": 1}'})
    with pytest.raises(ValueError, match="unreadable metadata: KeyError 'encoders'"):
        load_weights(other)
    with pytest.raises(ValueError, match="framework: found 'jax'"):
        load_weights(trained, "jax")  # type: ignore[call-overload]
