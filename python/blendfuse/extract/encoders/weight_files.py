"""Weights in a file of torch that the user names with `--weights NAME=FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import WRONG_WEIGHTS, ExtractError, need
from .base import Encoder


def file_of_weights(encoder: Encoder) -> Path:
    """The user's file.

    Raises:
        ExtractError: if none was named.
    """
    name = encoder.spec.name
    path = encoder.options.weights.get(name)
    if path is None:
        raise ExtractError(
            f"{name}: needs its weights: --weights {name}=FILE.pth; its repository says from where"
        )
    return path


def load_weights(encoder: Encoder, model: Any, path: Path, may_lack: tuple[str, ...] = ()) -> None:
    """Loads a file of weights into a model, in float32 on the encoder's device. Keys that begin with
    one of `may_lack` may keep their initial values, which are not random.

    Raises:
        ExtractError: if the file is none of torch, or does not fit.
    """
    torch: Any = need("torch", "torch")
    name = encoder.spec.name
    encoder.source = str(path)
    try:
        # Checkpoints of training scripts hold their arguments too.
        with torch.serialization.safe_globals([argparse.Namespace]):
            held = torch.load(path, weights_only=True, map_location="cpu")
        held = next((held[key] for key in ("model", "module") if key in held), held)
        lacking, _ = model.load_state_dict(held, strict=False)
    except WRONG_WEIGHTS as error:
        reason = " ".join(str(error).split())[:300]
        raise ExtractError(f"{name}: {path} does not fit its model: {reason}") from error
    lacking = [key for key in lacking if not key.startswith(may_lack)]
    if lacking:
        raise ExtractError(
            f"{name}: {path} lacks {lacking[0]!r} and {len(lacking) - 1} more arrays of its model"
        )
    model.float().eval().to(encoder.options.device)
