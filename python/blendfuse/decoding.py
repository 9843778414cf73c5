"""From one distribution per clip to emotions, by the rules and thresholds of a weights file: the
program's decoding, for those who score with PyTorch or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .weights import Weights

CHALLENGE_LEVELS = ((50.0, 50.0), (70.0, 30.0))
"""What a file decodes to that does not say so; likewise the next."""
CHALLENGE_MAX_EMOTIONS = 2


@dataclass(frozen=True)
class Decoder:
    """The decoding of a model."""

    classes: tuple[str, ...]
    """In the order of a row."""
    neutral: str | None
    presence_threshold: float
    salience_threshold: float
    rules: str = "paper"
    """Or "challenge"."""
    neutral_rule: str = "drop"
    """Or "keep_one": what happens where neutral passes the threshold but is not the highest."""
    max_emotions: int = CHALLENGE_MAX_EMOTIONS
    levels: tuple[tuple[float, ...], ...] = CHALLENGE_LEVELS
    """The proportions of each size of set, in percent; sizes without any get shares as their scores."""

    @classmethod
    def of(cls, weights: Weights[Any]) -> Decoder:
        """That of a weights file."""
        config, thresholds = weights.config["decode"], weights.thresholds
        levels = config.get("proportions", CHALLENGE_LEVELS)
        return cls(
            classes=weights.classes,
            neutral=weights.neutral,
            presence_threshold=thresholds["presence"],
            salience_threshold=thresholds["salience"],
            rules=config["rules"],
            neutral_rule=config["neutral"],
            max_emotions=config.get("max_emotions", CHALLENGE_MAX_EMOTIONS),
            levels=() if isinstance(levels, str) else tuple(tuple(level) for level in levels),
        )

    def decode(self, row: Sequence[float]) -> dict[str, float]:
        """The emotions that a row of aligned scores shows, with their saliences in percent.

        `row` has one score per class. Equal scores rank by class; the result is in class order.

        Raises:
            ValueError: for another number of scores, or one that is negative or not finite.
        """
        scores = [float(score) for score in row]
        if len(scores) != len(self.classes):
            raise ValueError(f"found {len(scores)} scores, expected {len(self.classes)}: one per class")
        for score in scores:
            if not (isfinite(score) and score >= 0):
                raise ValueError(f"found a score of {score}, expected finite numbers of at least 0")
        shares = dict(self._decide(scores))
        return {name: shares[c] for c, name in enumerate(self.classes) if shares.get(c, 0.0) > 0}

    def _decide(self, scores: list[float]) -> list[tuple[int, float]]:
        ranked = sorted(range(len(scores)), key=lambda c: -scores[c])
        neutral = self.classes.index(self.neutral) if self.neutral in self.classes else None
        kept = [c for c in ranked if scores[c] > 0 and scores[c] >= self.presence_threshold]
        if self.rules == "challenge":
            left = kept[: self.max_emotions]
            if neutral in left[1:]:
                left = left[:1]
            elif len(left) > 1 and left[0] == neutral:
                left = left[:1] if scores[left[0]] > scores[left[1]] else left[1:2]
        else:
            others = [c for c in kept if c != neutral]
            left = others[: self.max_emotions]
            if neutral in kept and (not others or scores[neutral] > scores[others[0]]):
                left = [neutral]
            elif neutral in kept and self.neutral_rule == "keep_one":
                left = left[:1]
        left = left or ranked[:1]
        if len(left) < 2:
            return [(c, 100.0) for c in left]
        return list(zip(left, self._shares([scores[c] for c in left])))

    def _shares(self, scores: list[float]) -> Sequence[float]:
        levels = sorted(
            (sorted(level, reverse=True) for level in self.levels if len(level) == len(scores)),
            key=lambda level: level[0],
        )
        if not levels:
            # Where no size has levels, the salience threshold draws shares together.
            drawn = 0.0 if self.levels else min(max(self.salience_threshold, 0.0), 1.0)
            mean = sum(scores) / len(scores)
            return in_tenths([(1 - drawn) * x + drawn * mean for x in scores] if drawn > 0 else scores)
        if self.rules == "challenge":
            excess = scores[0] - sum(scores[1:]) / len(scores[1:])
        else:
            excess = abs(scores[0] / sum(scores) - 1 / len(scores))
        group = self._group(levels, excess)
        shares = [score / sum(scores) for score in scores]
        level = min(group, key=lambda level: sum((a / 100 - b) ** 2 for a, b in zip(level, shares)))
        # As the challenge's baseline: a tie above a negative threshold.
        turned = (
            self.rules == "challenge" and len(scores) == 2 and excess == 0 and self.salience_threshold < 0
        )
        return level[::-1] if turned else level

    def _group(self, levels: list[list[float]], excess: float) -> list[list[float]]:
        """The levels with the same highest share that the excess of the highest score selects."""
        size = len(levels[0])
        excesses = [level[0] / 100 - 1 / size for level in levels]
        ends = [end for end in range(1, len(levels)) if levels[end][0] > levels[end - 1][0]]
        middles = [(excesses[end - 1] + excesses[end]) / 2 for end in ends]
        begin = 0
        for end, middle in zip(ends, middles):
            if excess <= self.salience_threshold * (middle / middles[0]):
                return levels[begin:end]
            begin = end
        return levels[begin:]


def in_tenths(shares: Sequence[float]) -> list[float]:
    """Shares as percentages with one digit that sum to 100: each is rounded down, and the missing tenths
    go to those that lost most, of equals to the first."""
    total = sum(shares)
    usable = isfinite(total) and total > 0
    exact = [1000 * share / total if usable else 1000 / len(shares) for share in shares]
    down = [max(floor(x + 1e-9), 0) for x in exact]
    lost = [round((x - whole) * 1e6) for x, whole in zip(exact, down)]
    order = sorted(range(len(exact)), key=lambda place: -lost[place])
    for place in order[: max(1000 - sum(down), 0)]:
        down[place] += 1
    return [tenths / 10 for tenths in down]


def alignment(thresholds: Mapping[str, Any]) -> tuple[float, float]:
    """Alpha and beta of the alignment (eq. 14) in a file's thresholds; both are 1 where it does not say."""
    return float(thresholds.get("alpha", 1.0)), float(thresholds.get("beta", 1.0))
