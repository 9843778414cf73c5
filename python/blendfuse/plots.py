"""Figures of a fitted estimator with matplotlib, in the style of the command's.

Each takes an optional `ax` and gives the axes that it drew on. matplotlib is imported when one is called
(`pip install 'blendfuse[sklearn]'`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .estimator import FusionClassifier

# The colours of the program's figures.
OF_MODALITY = {"video": "#0072b2", "audio": "#b84e00", "multimodal": "#007a59", "other": "#666666"}
INK, MUTED, GRID = "#1a1a1a", "#5c5c5c", "#d9d9d9"
SEQUENTIAL = ("#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b")
UNDEFINED = "#bdbdbd"

# Sizes of text in points.
LABEL, TITLE = 7, 8


def plot_importance(model: FusionClassifier, ax: Axes | None = None) -> Axes:
    """The importance of each encoder as bars, the largest first, in the colours of modalities.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        For a run of the command, which holds no importances.
    """
    encoders = _described(model)
    if np.isnan(model.encoder_importances_).all():
        raise ValueError("encoder_importances_ are not known of a loaded run; use explain(X) instead")
    order = np.argsort(-model.encoder_importances_, kind="stable")[::-1]
    axes = _axes(ax, (3.5, 0.6 + 0.14 * len(order)))
    colours = [OF_MODALITY[encoders[place]["modality"]] for place in order]
    names = [encoders[place]["name"] for place in order]
    axes.barh(names, model.encoder_importances_[order], color=colours, height=0.7)
    _style(axes, "Importance (mean weight before selection)", "")
    axes.grid(axis="x", color=GRID, linewidth=0.5)
    shown = dict.fromkeys(encoder["modality"] for encoder in encoders)
    if len(shown) > 1:
        from matplotlib.patches import Patch

        handles = [Patch(color=OF_MODALITY[modality], label=modality) for modality in shown]
        axes.legend(handles=handles, fontsize=LABEL, frameon=False, loc="lower right")
    return axes


def plot_history(model: FusionClassifier, ax: Axes | None = None) -> Axes:
    """The losses of every epoch, and the best epoch where clips validate.

    Raises
    ------
    NotFittedError
        Before `fit`.
    """
    records = model._fitted()._files.history()
    axes = _axes(ax, (3.5, 2.2))
    epochs = [record["epoch"] for record in records]
    for key, label, colour in (
        ("train_loss", "training", OF_MODALITY["video"]),
        ("val_loss", "validation", OF_MODALITY["audio"]),
    ):
        values = [record[key] for record in records]
        if any(value is not None for value in values):
            axes.plot(epochs, values, color=colour, linewidth=1.2, label=label)
    if any(record["val_loss"] is not None for record in records):
        axes.axvline(model.best_epoch_, color=MUTED, linewidth=0.8, linestyle="--", label="best epoch")
    _style(axes, "Epoch", "Loss (nats)")
    axes.grid(color=GRID, linewidth=0.5)
    axes.legend(fontsize=LABEL, frameon=False)
    return axes


def plot_cka(model: FusionClassifier, X: Any, ax: Axes | None = None, *, groups: Any = None) -> Axes:
    """Linear CKA of the encoders' embeddings of the clips `X`, from 0 to 1; grey where it is undefined.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        As `FusionClassifier.predict`.
    """
    from matplotlib.colors import LinearSegmentedColormap

    similarity = model.similarity(X, groups=groups)
    names = model.encoders_.tolist()
    axes = _axes(ax, (1.2 + 0.2 * len(names), 1.0 + 0.2 * len(names)))
    colours = LinearSegmentedColormap.from_list("blendfuse", list(SEQUENTIAL)).with_extremes(bad=UNDEFINED)
    image = axes.imshow(np.ma.masked_invalid(similarity), cmap=colours, vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    _style(axes, "", "")
    axes.figure.colorbar(image, ax=axes, label="Linear CKA").ax.tick_params(labelsize=LABEL)
    return axes


def _described(model: FusionClassifier) -> list[dict[str, Any]]:
    encoders: list[dict[str, Any]] = json.loads(model._fitted()._model.description())["encoders"]
    return encoders


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def _style(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=LABEL, color=INK)
    axes.set_ylabel(y, fontsize=LABEL, color=INK)
    axes.tick_params(labelsize=LABEL, colors=MUTED)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
