"""Private quantiles of a numeric column on a public grid: recursive medians for cuts, cells for its range."""

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

_FRACTION = 1 << 16


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
    inside one segment). Draws of one level are independent given the cuts so far, so their ranges add up:
    however the rows of a unit are spread over segments, a level has range at most 2 * rate * L1 sensitivity.
    The levels are `depth` adaptive choices of this range.

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
        return grid_counts(private, self.column, self.grid, self.spikes)

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


@dataclass(frozen=True)
class QuartileCells:
    """The grid cells that hold the first and the third quartile of a numeric column.

    column, grid, spikes: as in `Quantiles`; rate: of the exponential mechanism. A cell is drawn with
    probability proportional to width * exp(-rate * distance), the distance from the quartile's rank to the
    cell's ranks, in quarters of a row, and 0 for the cell that holds it. The factor width is public; it makes
    a draw that knows little fall into a wide cell. The answer is the two cells as
    ((low, high), (low, high)) in ticks. Unlike a cut, a cell is told apart from an empty one however coarse
    the grid is.

    Privacy: with C rows below a tick and n in all, the distances are of the form a n - 4 C or 4 C - a n,
    a = 1 or 3. One row moves them by at most 3 up or down (n by 1, and C by 1 or not), so one draw has range
    at most 6 * rate per row, for add-remove; a replaced row is one removed and one added. Two draws compose.

    Source: the interval score of Smith, "Privacy-preserving statistical estimation with optimal convergence
    rates", STOC 2011 (exponential mechanism for quantiles).
    """

    column: str
    grid: Ticks
    rate: float
    spikes: Ticks = ()

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Two exponential mechanisms of range 6 * rate * L1 sensitivity."""
        return cost_of_range(6 * self.rate * unit.l1_count_sensitivity, 2)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact counts between neighbouring grid ticks, without the rows at spikes that fill a cell."""
        return grid_counts(private, self.column, self.grid, self.spikes)

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> tuple[tuple[int, int], ...]:
        """Ticks of the cell of either quartile; the cells may be the same, or out of order when little is known."""
        cells = [select(each, self.score_rate, source) for each in self.scores(exact)]
        return tuple((self.grid[cell], self.grid[cell + 1]) for cell in cells)

    @property
    def score_rate(self) -> float:
        """Of the exponential mechanism, per 2^-16th of a quarter of a row."""
        return self.rate / _FRACTION

    def scores(self, exact: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Scores of all cells for either quartile, in 2^-16ths of a quarter of a row."""
        # log(width) / rate in the same unit: a public offset.
        widths = np.rint(np.log(np.diff(self.grid)) / self.rate * _FRACTION).astype(np.int64)
        first, third = (widths - _FRACTION * quartile_distances(exact, quarters) for quarters in (1, 3))
        return first, third

    def movement(self, exact: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int64]) -> Cost:
        """Range of the distances' differences of this pair of tables, for the quartile that moves more."""
        moved = [quartile_distances(exact, a) - quartile_distances(neighbour, a) for a in (1, 3)]
        return cost_of_range(self.rate * max(int(one.max()) - int(one.min()) for one in moved), 2)

    def describe(self) -> dict[str, Any]:
        """Kind, column, rate and grid size."""
        return {"kind": "quartiles", "column": self.column, "rate": self.rate, "cells": len(self.grid) - 1}


def quartile_distances(counts: npt.NDArray[np.int64], quarters: int) -> npt.NDArray[np.int64]:
    """How far the rank `quarters` n / 4 is from the ranks of each cell, in quarters of a row; 0 inside."""
    below = np.concatenate([[0], np.cumsum(counts)])
    rank = quarters * below[-1]
    distances: npt.NDArray[np.int64] = np.maximum(0, np.maximum(4 * below[:-1] - rank, rank - 4 * below[1:]))
    return distances


def grid_counts(private: Counter, column: str, grid: Ticks, spikes: Ticks) -> npt.NDArray[np.int64]:
    """Exact counts between neighbouring ticks of the grid; 0 in a cell that holds one of `spikes` and nothing else."""
    ticks = np.asarray(grid, dtype=np.int64)
    counts = private.histogram(column, ticks)
    return np.where((np.diff(ticks) == 1) & np.isin(ticks[:-1], spikes), 0, counts)
