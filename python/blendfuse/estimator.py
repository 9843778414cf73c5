"""A scikit-learn classifier on the engine of the command."""

from __future__ import annotations

import json
import tempfile
import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._labels import Form, Labels, read_labels
from ._parameters import FusionParameters
from ._progress import Progress
from ._reading import features_like, features_to_fit, in_rows, one_for_each
from ._run_files import ESTIMATOR, WEIGHTS, RunFiles, decoded, encoded
from ._settings import WITHOUT_PARAMETER, in_parameters, parameter_of, put, settings_of
from ._sklearn import ClassifierMixin, NotFittedError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from ._inputs import FeatureSet

# What `explain` calls the state of an encoder on a clip.
KEPT, NOT_KEPT, MISSING = "kept", "not_kept", "missing"


class TrainingWarning(UserWarning):
    """Something to know of data or training before trusting results."""


class FusionClassifier(ClassifierMixin, FusionParameters):  # type: ignore[misc, unused-ignore]
    """Rank-aware fusion of several encoders, for emotions and their proportions.

    The model of “Ordering Matters: Rank-Aware Selective Fusion for Blended Emotion Recognition” (2026), trained
    by the engine of the command `blendfuse`: the same data and settings give the same weights, bit for bit.

    The parameters are those of `FusionParameters`: the settings of a configuration under standard names. scikit-learn
    is not needed; where it is installed, this is one of its estimators.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The classes, in the order of every column of scores.
    encoders_ : ndarray of shape (M,)
        Names of the encoders, in the network's order.
    encoder_importances_ : ndarray of shape (M,)
        Mean weight of each encoder before selection, over the clips of `fit`; sums to 1.
    history_ : pandas.DataFrame
        One row per epoch, as `history.csv`.
    thresholds_ : dict
        The decoding thresholds of the model.
    n_iter_ : int
        Epochs that were trained.
    best_epoch_ : int
        The epoch whose weights count, from 1.
    n_features_in_ : int
        Columns of all encoders together.
    """

    classes_: NDArray[Any]
    encoders_: NDArray[np.str_]
    encoder_importances_: NDArray[np.float64]
    thresholds_: dict[str, Any]
    n_iter_: int
    best_epoch_: int
    n_features_in_: int
    _model: _native.Model
    _files: RunFiles
    _form: Form
    _divided: bool
    _widths: dict[str, int]
    feature_names_in_: NDArray[Any]

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        folds: Any = None,
        X_target: Any = None,
        groups_target: Any = None,
    ) -> FusionClassifier:
        """Trains on N clips.

        Parameters
        ----------
        X : mapping of str to array (N, D_m), DataFrame or array of shape (N, D)
            Features by encoder (`FeatureSet`, any mapping, or a data frame whose columns have two levels, the first
            of which is the encoder), or one array or data frame that `encoders` divides. Not standardised;
            float16, float32 or float64. A row of NaN, or a masked one, means that the encoder lacks the clip.
            Arrays in C order are used where they are.
        y : array-like
            One label per clip; or sets of classes, which then have equal shares; or for each clip a mapping or a
            list of pairs of classes and shares (of 1, or in percent); or proportions (N, C) whose rows sum to 1,
            as an array or a data frame.
        groups : array-like of shape (N,), optional
            What must not be in training and validation at once, such as actors. With `standardize="actor"` also
            whose statistics standardise a clip, and needed.
        folds : array-like of int of shape (N,), optional
            The fold of each clip, negative for none; the parameter `fold` says which one validates.
        X_target : like `X`, optional
            Unlabelled clips to adapt to, such as those to be predicted.
        groups_target : array-like, optional
            The groups of `X_target`; needed with `standardize="actor"`.

        Returns
        -------
        self : FusionClassifier

        Raises
        ------
        ValueError
            For data or a parameter that cannot be used, naming the argument and the row.
        TypeError
            For data or a parameter of another type.
        KeyboardInterrupt
            On Ctrl-C, within a step; the model is the best so far.
        """
        features = features_to_fit(self, X)
        labels = read_labels(y, self.classes)
        count = features.shape[0]
        if len(labels.targets) != count:
            raise ValueError(
                f"y: found {len(labels.targets)} labels for {count} clips of X: inconsistent numbers of samples"
            )
        target = None if X_target is None else features_like(self, X_target, "X_target")
        request = self._request(features, labels, target)
        if target is not None:
            request["target_groups"] = self._named("groups_target", groups_target, target.shape[0])
        self._hold_out(request, count, groups, folds)
        with tempfile.TemporaryDirectory(prefix="blendfuse-") as folder:
            self._train(request, labels, Path(folder) / "run")
        return self

    def _request(self, features: FeatureSet, labels: Labels, target: FeatureSet | None) -> _native.Request:
        tables = settings_of(self.get_params(deep=False), json.loads(_native.default_settings()))
        put(tables, "train.seed", self._seed())
        if target is not None or self.uda_target == "validation":
            put(tables, "uda.enabled", True)
        if isinstance(self.encoders, (list, tuple)) and self._divided:
            put(tables, "data.encoders", [str(name) for name in self.encoders])
        if self.classes is not None:
            put(tables, "data.classes", labels.names)
        return {
            "features": in_rows(features),
            "target_features": None if target is None else in_rows(target),
            "modalities": [(str(name), told) for name, told in dict(self.modalities or {}).items()],
            "classes": labels.names,
            "targets": labels.targets,
            "groups": None,
            "target_groups": None,
            "folds": None,
            "new_folds": None,
            "fold": None,
            "settings": json.dumps(tables),
            "threads": self._threads(),
        }

    def _seed(self) -> int:
        state = self.random_state
        if state is None:
            state = np.random.mtrand._rand
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        if isinstance(state, (int, np.integer)) and not isinstance(state, bool) and state >= 0:
            return int(state)
        raise ValueError(f"random_state: found {state!r}, expected a whole number of 0 or more, or None")

    def _threads(self) -> int | None:
        jobs = self.n_jobs
        if jobs is None or jobs == -1:
            return None
        if isinstance(jobs, (int, np.integer)) and not isinstance(jobs, bool) and jobs > 0:
            return int(jobs)
        raise ValueError(f"n_jobs: found {jobs!r}, expected a number of threads, or None or -1 for all")

    def _hold_out(self, request: _native.Request, count: int, groups: Any, folds: Any) -> None:
        """Which clips validate."""
        named = self._named("groups", groups, count)
        request["groups"] = named
        if folds is not None:
            if self.fold is None:
                raise ValueError("folds: the parameter fold is None; set it to the fold that validates")
            given = [int(fold) for fold in one_for_each("folds", folds, count)]
            request["folds"] = [fold if fold >= 0 else None for fold in given]
            request["fold"] = int(self.fold)
            if self.fold not in given:
                there = ", ".join(map(str, sorted({fold for fold in given if fold >= 0})))
                raise ValueError(f"fold: found {self.fold}, expected one of the folds {there}")
            return
        if self.fold is not None:
            raise ValueError(
                f"fold: found {self.fold}, but fit was given no folds; pass folds, or set fold=None"
            )
        if not self.early_stopping:
            return
        if not 0 < self.validation_fraction <= 0.5:
            raise ValueError(
                f"validation_fraction: found {self.validation_fraction!r}, expected a number above 0, up to 0.5"
            )
        parts = round(1 / self.validation_fraction)
        different = len(set(named)) if named else count
        if different > 1 and different < parts:
            what = "groups" if named else "clips"
            raise ValueError(
                f"validation_fraction: {self.validation_fraction} takes one of {parts} parts, but there are "
                f"{different} {what}; use {1 / different:.3g} or more, or early_stopping=False"
            )
        request["new_folds"], request["fold"] = parts, 0

    def _named(self, argument: str, groups: Any, count: int) -> list[str] | None:
        """The group of each clip, for `fit`."""
        if groups is None:
            if self.standardize == "actor":
                raise ValueError(
                    f'{argument}: standardize="actor" takes statistics of each actor\'s own clips; pass the '
                    "actor of each clip"
                )
            return None
        return [str(group) for group in one_for_each(argument, groups, count)]

    def _train(self, request: _native.Request, labels: Labels, folder: Path) -> None:
        progress = Progress(self.max_epochs, bool(self.verbose))
        try:
            trained = _native.train(request, folder, progress, bool(self.verbose))
        except (ValueError, RuntimeError) as error:
            raise type(error)(in_parameters(str(error))) from None
        finally:
            progress.close()
        model, best, last, importances, interruption = trained
        self._adopt(model, RunFiles.read(folder).with_weights(best, last))
        self.classes_ = labels.classes
        self._form = labels.form
        self.encoder_importances_ = importances
        for text in progress.warnings:
            warnings.warn(in_parameters(text), TrainingWarning, stacklevel=4)
        if interruption is not None:
            raise interruption

    def _adopt(self, model: _native.Model, files: RunFiles) -> None:
        """Takes a trained model."""
        description = json.loads(model.description())
        self._model, self._files = model, files
        self.encoders_ = np.array([encoder["name"] for encoder in description["encoders"]], dtype=str)
        self.thresholds_ = description["thresholds"]
        self.best_epoch_ = description["epoch"]
        self.n_iter_ = max(len(files.history()), description["epoch"])

    def predict(self, X: Any, *, groups: Any = None) -> NDArray[Any]:
        """The class with the highest score of each clip, (N,)."""
        highest = np.argmax(self.predict_proba(X, groups=groups), axis=1)
        classes: NDArray[Any] = self.classes_[highest]
        return classes

    def predict_proba(self, X: Any, *, groups: Any = None) -> NDArray[np.float64]:
        """The aligned scores f (eq. 14) of each clip, (N, C); each row sums to 1."""
        return self._scores(X, groups)[2]

    def predict_proportions(self, X: Any, *, groups: Any = None) -> NDArray[np.float64]:
        """The proportions that each clip is decoded to, (N, C); each row sums to 1."""
        aligned = self._scores(X, groups)[2]
        shares: NDArray[np.float64] = np.zeros_like(aligned)
        for row, parts in enumerate(self._model.decode(aligned)):
            for place, salience in parts:
                shares[row, place] = salience / 100.0
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def predict_sets(self, X: Any, *, groups: Any = None) -> list[set[Any]]:
        """The set of classes that each clip is decoded to."""
        decoded = self._decoded(self._scores(X, groups)[2])
        return [{name for name, _ in parts} for parts in decoded]

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> float:
        """How good predictions are, up to 1.

        One label per clip: the accuracy. Sets, shares and proportions: the overlap Σ_c min(d_c, q_c) of the labels
        and the decoded proportions, mean over clips.
        """
        if self._fitted()._form == "labels":
            found = self.predict(X, groups=groups) == np.asarray(y)
            return float(np.average(found, weights=sample_weight))
        labels = read_labels(y, self.classes_)
        overlap = np.minimum(labels.targets, self.predict_proportions(X, groups=groups)).sum(axis=1)
        return float(np.average(overlap, weights=sample_weight))

    def explain(self, X: Any, *, groups: Any = None) -> pandas.DataFrame:
        """Which encoders counted how much: one row for each clip and encoder.

        Columns: `clip` (the row of X, or its label in a data frame), `encoder`, `modality`, `status` (`kept`,
        `not_kept`, `missing`), `importance` a (eq. 3), `kept_weight` ã (eq. 4), `decision` (as `ang 70 + sad 30`).
        """
        import pandas

        scores = self._scores(X, groups)
        described = json.loads(self._model.description())["encoders"]
        features, (clips, encoders) = features_like(self, X), scores[3].shape
        labels = X.index if hasattr(X, "index") and hasattr(X, "columns") else np.arange(clips)
        missing = np.stack([np.isnan(features[name][:, 0]) for name in self.encoders_.tolist()], axis=1)
        status = np.where(missing, MISSING, np.where(scores[4] > 0, KEPT, NOT_KEPT))
        decisions = [
            " + ".join(f"{name} {salience:.0f}" for name, salience in parts)
            for parts in self._decoded(scores[2])
        ]
        return pandas.DataFrame(
            {
                "clip": np.repeat(np.asarray(labels), encoders),
                "encoder": np.tile(self.encoders_, clips),
                "modality": np.tile([encoder["modality"] for encoder in described], clips),
                "status": status.ravel(),
                "importance": scores[3].ravel(),
                "kept_weight": scores[4].ravel(),
                "decision": np.repeat(decisions, encoders),
            }
        )

    @property
    def history_(self) -> pandas.DataFrame:
        """One row per epoch, with the columns of `history.csv`."""
        import pandas

        return pandas.DataFrame(self._fitted()._files.history())

    def plot_importance(self, ax: Axes | None = None) -> Axes:
        """The importance of each encoder, with matplotlib; see `blendfuse.plots`."""
        from .plots import plot_importance

        return plot_importance(self, ax)

    def plot_history(self, ax: Axes | None = None) -> Axes:
        """The losses of every epoch, with matplotlib."""
        from .plots import plot_history

        return plot_history(self, ax)

    def plot_cka(self, X: Any, ax: Axes | None = None, *, groups: Any = None) -> Axes:
        """The similarity of the encoders' embeddings of clips, with matplotlib."""
        from .plots import plot_cka

        return plot_cka(self, X, ax, groups=groups)

    def similarity(self, X: Any, *, groups: Any = None) -> NDArray[np.float64]:
        """Linear CKA of the encoders' projected embeddings of these clips, (M, M); NaN where undefined."""
        given = self._given(X)
        return self._model.similarity(given, self._actors(groups, given), self._threads())

    def _scores(self, X: Any, groups: Any) -> list[NDArray[np.float64]]:
        given = self._given(X)
        return self._model.score(given, self._actors(groups, given), self._threads())

    def _actors(self, groups: Any, given: list[tuple[str, NDArray[np.float32]]]) -> list[str] | None:
        """The actor of each clip, where the model standardises per actor."""
        if not self._model.is_per_actor():
            return None
        if groups is None:
            raise ValueError(
                "groups: the model standardises features per actor; pass the actor of each clip (their other "
                "clips in X count too)"
            )
        return [str(group) for group in one_for_each("groups", groups, len(given[0][1]))]

    def _decoded(self, aligned: NDArray[np.float64]) -> list[list[tuple[Any, float]]]:
        """The classes of each clip with their saliences in percent."""
        names = self.classes_.tolist()
        decoded = self._model.decode(aligned)
        return [[(names[place], salience) for place, salience in parts] for parts in decoded]

    def _given(self, X: Any) -> list[tuple[str, NDArray[np.float32]]]:
        self._fitted()
        features = features_like(self, X)
        chosen = set(self.encoders_.tolist())
        return [
            (name, np.ascontiguousarray(array, np.float32))
            for name, array in features.items()
            if name in chosen
        ]

    def _fitted(self) -> FusionClassifier:
        if not hasattr(self, "_model"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet; call fit, or load a run, first"
            )
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def save(self, folder: str | PathLike[str]) -> None:
        """Writes a run folder, which the command reads, and in it what only Python needs.

        Raises
        ------
        FileExistsError
            If the folder holds anything.
        TypeError
            For a parameter that no file can hold.
        """
        files = self._fitted()._files
        parameters = {}
        for name, value in self.get_params(deep=False).items():
            try:
                parameters[name] = encoded(value)
            except TypeError:
                raise TypeError(f"{name}: {value!r} cannot be saved; set a number, or None, first") from None
        names = getattr(self, "feature_names_in_", None)
        about = {
            "parameters": parameters,
            "form": self._form,
            "classes": encoded(self.classes_),
            "class_type": self.classes_.dtype.kind,
            "importances": encoded(self.encoder_importances_),
            "columns": self.n_features_in_,
            "column_names": None if names is None else encoded(names),
            "widths": getattr(self, "_widths", None),
        }
        files.write(folder, {ESTIMATOR: json.dumps(about, indent=2, ensure_ascii=False) + "\n"})

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> FusionClassifier:
        """The model of a run folder, or of a weights file: written by `save` or by the command.

        A run of the command has its settings as parameters, takes features by encoder, and has no
        `encoder_importances_`.

        Raises
        ------
        FileNotFoundError
            If there is no such folder or file.
        ValueError
            If it is none of a trained model.
        """
        model = _native.Model.load(folder)
        description = json.loads(model.description())
        path = Path(folder) / ESTIMATOR
        if path.is_file():
            about = json.loads(path.read_text(encoding="utf-8"))
        else:
            about = _about_run(description)
        loaded = cls(**{name: decoded(value) for name, value in about["parameters"].items()})
        loaded._adopt(model, RunFiles.read(folder))
        loaded._form = about["form"]
        dtype = {"O": object, "U": str, "S": str}.get(about["class_type"])
        loaded.classes_ = np.array(about["classes"], dtype=dtype)
        loaded.encoder_importances_ = np.array(about["importances"], np.float64)
        loaded.n_features_in_ = about["columns"]
        loaded._divided = about["widths"] is not None
        if about["widths"] is not None:
            loaded._widths = about["widths"]
        if about["column_names"] is not None:
            loaded.feature_names_in_ = np.array(about["column_names"], dtype=object)
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_model", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "_files"):
            self._model = _native.Model.from_bytes(bytes(self._files.contents[WEIGHTS]))


def _about_run(description: dict[str, Any]) -> dict[str, Any]:
    """What `save` writes, for a run of the command."""
    parameters: dict[str, Any] = {}
    for table, values in description["config"].items():
        for last, value in values.items():
            key = f"{table}.{last}"
            if key not in WITHOUT_PARAMETER:
                parameters[parameter_of(key)] = value
    parameters["random_state"] = description["config"]["train"]["seed"]
    widths = {encoder["name"]: encoder["width"] for encoder in description["encoders"]}
    alone = parameters.get("max_emotions") == 1
    return {
        "parameters": parameters,
        "form": "labels" if alone else "proportions",
        "classes": description["classes"],
        "class_type": "U",
        "importances": [float("nan")] * len(widths),
        "columns": sum(widths.values()),
        "column_names": None,
        "widths": widths,
    }
