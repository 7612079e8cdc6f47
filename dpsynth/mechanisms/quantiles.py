"""Bin edges of a numeric column by private recursive medians on a public grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.mechanisms.select import cost_of_range
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.exponential import select
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

Ticks = tuple[int, ...]


@dataclass(frozen=True)
class Quantiles:
    """Cuts a numeric column into up to 2^depth bins of about equal numbers of rows.

    column: Numeric or Datetime; grid: increasing ticks, the only places a cut can be (the first and
    last are the ends); depth: levels of halving; rate: of the exponential mechanism, per row. A cut is
    drawn in each segment with probability proportional to exp(-rate * |left - right|), left and right
    being the rows on either side. The answer is the sorted cuts with both ends. A spike that holds most
    of a segment attracts cuts on both its sides and becomes a bin of its own. spikes: ticks whose rows
    are left out, because they have codes of their own already (public atoms).

    Privacy: one row lies in one segment of each level, and moves |left - right| of each of its cuts by
    at most 1 up or down, so one draw has range at most 2 * rate per row (4 * rate for a replaced row
    inside one segment). Rows of a unit spread over several segments of a level cost less than all in one,
    since mu_of_range(eta)^2 is superadditive in eta (checked in the tests). Levels compose: depth times
    the cost of one draw of range 2 * rate * L1 sensitivity.

    Source: recursive medians as in Kaplan, Schnapp, Stemmer, "Differentially Private Approximate
    Quantiles", ICML 2022 (algorithm 1), with the score |left - right|.
    """

    column: str
    grid: Ticks
    depth: int
    rate: float
    spikes: Ticks = ()

    def cost(self, unit: PrivacyUnit) -> Cost:
        """`depth` exponential mechanisms of range 2 * rate * L1 sensitivity."""
        return cost_of_range(2 * self.rate * unit.l1_count_sensitivity, self.depth)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact counts between neighbouring grid ticks, without the rows at spikes that fill a cell."""
        ticks = np.asarray(self.grid, dtype=np.int64)
        counts = private.histogram(self.column, ticks)
        return np.where((np.diff(ticks) == 1) & np.isin(ticks[:-1], self.spikes), 0, counts)

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> Ticks:
        """Sorted ticks of the cuts, both ends included."""
        below = np.concatenate([[0], np.cumsum(exact)])
        cuts = [0, len(self.grid) - 1]
        for _ in range(self.depth):
            segments = list(itertools.pairwise(cuts))
            cuts = sorted({*cuts, *(self._cut(below, low, high, source) for low, high in segments)})
        return tuple(self.grid[cut] for cut in cuts)

    def _cut(self, below: npt.NDArray[np.int64], low: int, high: int, source: EntropySource) -> int:
        if high - low < 2:
            return low
        inside = below[low + 1 : high]
        imbalance = np.abs(2 * inside - below[low] - below[high])
        return low + 1 + select(-imbalance, self.rate, source)

    def movement(self, exact: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int64]) -> Cost:
        """At most 2 * rate for each row that differs, on every level."""
        rows = int(np.abs(exact - neighbour).sum())
        return cost_of_range(2 * self.rate * rows, self.depth)

    def describe(self) -> dict[str, Any]:
        """Kind, column, depth, rate and grid size."""
        return {
            "kind": "quantiles",
            "column": self.column,
            "depth": self.depth,
            "rate": self.rate,
            "cells": len(self.grid) - 1,
        }
