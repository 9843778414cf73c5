"""blendfuse in Python: an estimator on the engine of the command, and readers of its files.

`pip install blendfuse` also puts the command on the path. `FusionClassifier` is a scikit-learn classifier (which
works without scikit-learn too); `blendfuse.torch` (with `pip install 'blendfuse[torch]'`) holds the model as a PyTorch
module. Importing `blendfuse` imports neither, and what it names is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from ._binary import find_binary
    from ._inputs import FeatureSet
    from ._proportions import Proportions
    from .cross_validation import CrossValidation, cross_validate
    from .data import Data, read_data, write_features
    from .decoding import Decoder
    from .estimator import FusionClassifier, TrainingWarning
    from .features import read_features
    from .predictions import read_predictions, write_predictions
    from .probabilities import Probabilities, read_probabilities
    from .weights import Encoder, Weights, load_weights

_HOMES = {
    "CrossValidation": "cross_validation",
    "Data": "data",
    "Decoder": "decoding",
    "Encoder": "weights",
    "FeatureSet": "_inputs",
    "FusionClassifier": "estimator",
    "Probabilities": "probabilities",
    "Proportions": "_proportions",
    "TrainingWarning": "estimator",
    "Weights": "weights",
    "cross_validate": "cross_validation",
    "find_binary": "_binary",
    "load_weights": "weights",
    "read_data": "data",
    "read_features": "features",
    "read_predictions": "predictions",
    "read_probabilities": "probabilities",
    "write_features": "data",
    "write_predictions": "predictions",
}

__all__ = [
    "CrossValidation",
    "Data",
    "Decoder",
    "Encoder",
    "FeatureSet",
    "FusionClassifier",
    "Probabilities",
    "Proportions",
    "TrainingWarning",
    "Weights",
    "__version__",
    "cross_validate",
    "find_binary",
    "load_weights",
    "read_data",
    "read_features",
    "read_predictions",
    "read_probabilities",
    "write_features",
    "write_predictions",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("blendfuse")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
