"""Data folders as arrays, and arrays as feature files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._files import clip_key, whole_file
from ._inputs import FeatureSet, numbers_of
from ._proportions import Proportions

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Data:
    """A data folder in memory, as `FusionClassifier` takes it."""

    X: FeatureSet
    """Features of the training clips by encoder, float32, in the network's order; rows of NaN where an encoder
    lacks the clip."""
    proportions: NDArray[np.float64]
    """Soft labels (N, C), each row of which sums to 1."""
    classes: tuple[str, ...]
    """The classes, in the order of the columns of `proportions`."""
    filenames: tuple[str, ...]
    """Names of the training clips."""
    folds: NDArray[np.int64]
    """The fold of each training clip; -1 for none."""
    groups: tuple[str | None, ...]
    """The person that each training clip shows, where that is known."""
    modalities: Mapping[str, str]
    """The modality of each encoder, in the network's order: the parameter `modalities`."""
    X_test: FeatureSet | None
    """Features of the test clips, if there are any."""
    test_filenames: tuple[str, ...]
    """Names of the test clips."""

    @property
    def y(self) -> Any:
        """One label per clip where every clip shows one class, (N,); else `proportions` with their classes: a data
        frame where pandas is installed, else `Proportions`."""
        shown = self.proportions.argmax(axis=1)
        if np.all(self.proportions[np.arange(len(shown)), shown] == 1.0):
            return np.array(self.classes)[shown]
        try:
            return self.to_frame()
        except ImportError:
            return Proportions(self.proportions, self.classes)

    def to_frame(self) -> pandas.DataFrame:
        """`proportions` as a data frame with the clips as its index."""
        import pandas

        return pandas.DataFrame(self.proportions, index=list(self.filenames), columns=list(self.classes))


def read_data(folder: str | PathLike[str]) -> Data:
    """Reads a data folder (`train_metadata.csv`, `features/train/NAME.npz`, …) as the command does.

    Warns of what the command warns of.

    Raises
    ------
    FileNotFoundError
        If it is none.
    ValueError
        Naming the file, the clip or the encoder at fault.
    """
    found = _native.read_folder(folder)
    for note in found["notes"]:
        warnings.warn(note, UserWarning, stacklevel=2)
    names = [name for name, _ in found["encoders"]]
    train, test = found["train"], found["test"]
    return Data(
        X=FeatureSet(dict(zip(names, train["features"]))),
        proportions=found["targets"],
        classes=tuple(found["classes"]),
        filenames=tuple(train["filenames"]),
        folds=np.array([-1 if fold is None else fold for fold in train["folds"]], np.int64),
        groups=tuple(train["actors"]),
        modalities=dict(found["encoders"]),
        X_test=None if test is None else FeatureSet(dict(zip(names, test["features"]))),
        test_filenames=() if test is None else tuple(test["filenames"]),
    )


def write_features(
    path: str | PathLike[str], X: Any, filenames: Sequence[str], *, overwrite: bool = False
) -> None:
    """Writes an encoder's feature file `NAME.npz`, or one for each encoder into a folder.

    Parameters
    ----------
    path : path
        A file `NAME.npz` for an array; a folder, which is made if need be, for features by encoder.
    X : array of shape (N, D), or mapping of str to array
        Features; rows of NaN are left out, so that the encoder counts as missing there.
    filenames : sequence of str of length N
        Names of the clips.
    overwrite : bool
        Whether files that are there are replaced.

    Raises
    ------
    FileExistsError
        If a file is there, without `overwrite`.
    ValueError
        For other numbers of names than rows, or a name that is there twice.
    """
    names = np.array([str(name) for name in filenames], dtype=str)
    keys = [clip_key(name) for name in names.tolist()]
    seen: dict[str, int] = {}
    for row, key in enumerate(keys):
        if seen.setdefault(key, row) != row:
            raise ValueError(f"filenames: {key!r} is there twice, in rows {seen[key]} and {row}")
    target = Path(path)
    if not isinstance(X, Mapping):
        _write_file(target, numbers_of(target.stem, X), names, overwrite)
        return
    target.mkdir(parents=True, exist_ok=True)
    for name, array in X.items():
        _write_file(target / f"{name}.npz", numbers_of(str(name), array), names, overwrite)


def _write_file(path: Path, array: NDArray[Any], names: NDArray[np.str_], overwrite: bool) -> None:
    if path.suffix != ".npz":
        raise ValueError(f"{path}: expected the name of a file NAME.npz")
    if len(array) != len(names):
        raise ValueError(f"{path}: found {len(array)} rows and {len(names)} filenames, expected one for each")
    there = ~np.isnan(array).all(axis=1)
    with whole_file(path, overwrite) as temporary, temporary.open("wb") as out:
        np.savez(out, X=array[there], filenames=names[there])
