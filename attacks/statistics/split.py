"""Runs in two worlds: some choose a score and its threshold, the others judge it, so that what is proved holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# For the choice of a threshold alone. Without it a lucky extreme threshold would often be taken; simulated.
_CAUTION = 0.01


class Bound(Protocol):
    """A lower bound from (false positives, of negatives, false negatives, of positives), elementwise."""

    def __call__(
        self, a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike, d: npt.ArrayLike, /, *, false_alarm: float
    ) -> FloatArray:
        """The bound, wrong with probability at most `false_alarm` for a test that was fixed before."""
        ...


@dataclass(frozen=True)
class Judged:
    """Errors of one test: a score above its threshold says "neighbour".

    false_positives of `negatives` runs without, false_negatives of `positives` runs with.
    """

    score: int
    threshold: float
    false_positives: int
    negatives: int
    false_negatives: int
    positives: int

    @property
    def errors(self) -> tuple[int, int, int, int]:
        """The four counts, in the order that bounds take them."""
        return self.false_positives, self.negatives, self.false_negatives, self.positives


def judge_runs(without: FloatArray, within: FloatArray, bound: Bound, chosen_on: float) -> Judged:
    """The test that promises the best bound on the first `chosen_on` of either world's runs, judged on the others.

    without, within: shape (runs,) or (runs, scores), in the order of the runs; infinite scores are allowed. Raises
    ValueError on NaN, unequal widths, or too few runs.
    """
    pair = [np.asarray(each, dtype=np.float64) for each in (without, within)]
    negatives, positives = (each[:, None] if each.ndim == 1 else each for each in pair)
    if negatives.ndim != 2 or negatives.shape[1:] != positives.shape[1:] or not negatives.shape[1]:
        raise ValueError("scores must have shape (runs,) or (runs, scores), with the same scores in both worlds")
    if np.isnan(negatives).any() or np.isnan(positives).any():
        raise ValueError("scores must not be NaN: a run that failed is no evidence")
    cut = [int(chosen_on * len(each)) for each in (negatives, positives)]
    if min(cut) < 1 or cut[0] == len(negatives) or cut[1] == len(positives):
        raise ValueError("runs must leave some in either world for the choice of a threshold, and some to judge it")
    score, threshold = _choose(negatives[: cut[0]], positives[: cut[1]], bound)
    rest = negatives[cut[0] :, score], positives[cut[1] :, score]
    false_positives, false_negatives = int((rest[0] > threshold).sum()), int((rest[1] <= threshold).sum())
    return Judged(score, threshold, false_positives, len(rest[0]), false_negatives, len(rest[1]))


def _choose(negatives: FloatArray, positives: FloatArray, bound: Bound) -> tuple[int, float]:
    """The score and threshold that prove most on these runs, with the caution that few runs call for."""
    best = -math.inf, 0, math.inf
    for score in range(negatives.shape[1]):
        low, high = np.sort(negatives[:, score]), np.sort(positives[:, score])
        cuts = np.unique(np.concatenate([low, high]))
        if len(cuts) > 1:  # half way between two scores
            ends = np.clip(cuts, -1e300, 1e300)
            cuts = ends[:-1] / 2 + ends[1:] / 2
        false_positives = len(low) - np.searchsorted(low, cuts, side="right")
        false_negatives = np.searchsorted(high, cuts, side="right")
        promised = bound(false_positives, len(low), false_negatives, len(high), false_alarm=_CAUTION)
        place = int(np.argmax(promised))
        best = max(best, (float(promised[place]), -score, float(cuts[place])))
    return -best[1], best[2]
