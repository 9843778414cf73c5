"""The engine, compiled (`python/native`). It expects what the modules beside it have checked."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Named = Sequence[tuple[str, NDArray[Any]]]

class Request(TypedDict):
    """What to train on, and how."""

    features: Named
    """Features (N, D) of each encoder in C order; a row of NaN where it lacks the clip."""
    target_features: Named | None
    """The same of unlabelled clips."""
    modalities: Sequence[tuple[str, str | None]]
    """Encoders that come first, in this order; None: the usual modality."""
    classes: Sequence[str]
    targets: NDArray[np.float64]
    """Soft labels (N, C)."""
    groups: Sequence[str] | None
    target_groups: Sequence[str] | None
    folds: Sequence[int | None] | None
    new_folds: int | None
    fold: int | None
    settings: str
    """A configuration as JSON."""
    threads: int | None

class Model:
    """A trained model."""

    @staticmethod
    def load(path: str | PathLike[str]) -> Model: ...
    @staticmethod
    def from_bytes(weights: bytes) -> Model: ...
    def description(self) -> str: ...
    def is_per_actor(self) -> bool:
        """Whether features are standardised per actor, whom `groups` of the other methods then names."""
    def score(
        self,
        features: Sequence[tuple[str, NDArray[np.float32]]],
        groups: Sequence[str] | None,
        threads: int | None,
    ) -> list[NDArray[np.float64]]:
        """Presence, salience and aligned scores (N, C); gate weights before and after selection (N, M)."""
    def decode(self, aligned: NDArray[np.float64]) -> list[list[tuple[int, float]]]:
        """Places in the classes, with saliences in percent."""
    def similarity(
        self,
        features: Sequence[tuple[str, NDArray[np.float32]]],
        groups: Sequence[str] | None,
        threads: int | None,
    ) -> NDArray[np.float64]:
        """Linear CKA (M, M) of the encoders' embeddings."""

class Weights:
    """The weights file of a model in memory; pickled and copied as its bytes."""

    def __bytes__(self) -> bytes: ...

def train(
    request: Request, out: str | PathLike[str], hear: Callable[..., None], wants_progress: bool
) -> tuple[Model, Weights, Weights | None, NDArray[np.float64], BaseException | None]:
    """Trains into a folder, which gets all files but weights: the model, its weights, those of the last epoch unless
    they are the same, the mean gate weight of each encoder, and what ended training early."""

def check_missing(features: Named) -> None:
    """Refuses rows that are NaN in part, naming the row and the column."""

def default_settings() -> str:
    """Every dotted key with its default, as JSON."""

def read_folder(path: str | PathLike[str]) -> dict[str, Any]: ...
def run_command(program: str | PathLike[str], arguments: Sequence[str]) -> int: ...
