"""What training tells: warnings, and a progress bar for terminals and notebooks."""

from __future__ import annotations

import json
import sys
from typing import Any


class Progress:
    """Hears a training; collects its warnings, and shows how far it is if asked to.

    The bar is tqdm's where that is installed, which works in notebooks; else one line per epoch on stderr.
    """

    def __init__(self, epochs: int, show: bool) -> None:
        self.warnings: list[str] = []
        self._epochs = epochs
        self._bar = _bar(epochs) if show else None

    def __call__(self, kind: str, text: str) -> None:
        if kind == "warning":
            self.warnings.append(text)
        elif kind == "epoch":
            self._epoch(json.loads(text))

    def _epoch(self, record: dict[str, Any]) -> None:
        measures = {
            "loss": record["train_loss"],
            "val_loss": record["val_loss"],
            "average": record["average"],
        }
        shown = {name: f"{value:.4f}" for name, value in measures.items() if value is not None}
        if self._bar is not None:
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(1)
        else:
            text = ", ".join(f"{name} {value}" for name, value in shown.items())
            print(f"epoch {record['epoch']} of at most {self._epochs}: {text}", file=sys.stderr)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def _bar(epochs: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=epochs, desc="epochs", unit="epoch")
