"""The estimator's parameters as keys of a configuration."""

from __future__ import annotations

import json
import numbers
from typing import Any

import numpy as np

# Every other key has the parameter of its last part.
OTHER_NAMES = {
    "loss.presence": "presence_loss",
    "train.inputs": "projection_inputs",
    "decode.rules": "decode_rules",
    "decode.neutral": "neutral_rule",
    "uda.target": "uda_target",
}

# What the estimator does otherwise than by a parameter of the same meaning: the seed is `random_state`, subsets
# are chosen by `encoders`, folds come with `fit`, domain adaptation with `X_target`, and states are not saved.
WITHOUT_PARAMETER = frozenset(
    [
        "train.seed",
        "train.checkpoint_seconds",
        "uda.enabled",
        "data.encoders",
        "data.classes",
        "data.folds",
        "data.fold_seed",
        "data.test_fold",
        "data.actor_pattern",
        "data.normalise_labels",
    ]
)


def parameter_of(key: str) -> str:
    """The parameter that sets a dotted key."""
    return OTHER_NAMES.get(key, key.rpartition(".")[2])


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy's numbers as Python's."""
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return value


def settings_of(parameters: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A configuration with what `parameters` sets over `defaults` (dotted keys), as tables.

    Raises
    ------
    TypeError
        For a value of a type that no configuration holds; the message names the parameter.
    """
    tables: dict[str, Any] = {}
    for key, default in defaults.items():
        if key in WITHOUT_PARAMETER:
            continue
        name = parameter_of(key)
        value = plain(parameters[name])
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise TypeError(
                f"{name}: found {parameters[name]!r} of type {type(parameters[name]).__name__}, expected a "
                f"value such as {default!r}"
            ) from None
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if value != default:
            put(tables, key, value)
    return tables


def put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Sets a dotted key of tables."""
    table, _, last = key.partition(".")
    tables.setdefault(table, {})[last] = value


def in_parameters(message: str) -> str:
    """A message of the engine about a dotted key, with the name of the parameter instead."""
    prefix = "configuration: "
    if not message.startswith(prefix):
        return message
    key, colon, rest = message[len(prefix) :].partition(": ")
    return f"{parameter_of(key)}: {rest}" if colon else message
