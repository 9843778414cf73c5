"""The `blendfuse` command in a wheel, and readers for its files.

`pip install blendfuse` puts the command on the path. This package reads its files into numpy arrays;
`blendfuse.torch` (with `pip install 'blendfuse[torch]'`) holds the model as a PyTorch module, for those
who go on there. Importing `blendfuse` does not import torch.
"""

from ._binary import find_binary
from .decoding import Decoder
from .features import read_features
from .predictions import read_predictions, write_predictions
from .probabilities import Probabilities, read_probabilities
from .weights import Encoder, Weights, load_weights

__all__ = [
    "Decoder",
    "Encoder",
    "Probabilities",
    "Weights",
    "find_binary",
    "load_weights",
    "read_features",
    "read_predictions",
    "read_probabilities",
    "write_predictions",
]
