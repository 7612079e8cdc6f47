"""PrivTree in one dimension: halves of a public grid, split while a biased noisy count stays large.

The price does not depend on the depth, so a narrow spike far inside generous bounds can be walked down to. The
noise is integer, and never drawn: all that matters of it is on which side of a threshold a count lands, which is
one exact coin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.mechanisms.quantiles import Ticks, grid_counts
from dpsynth.mechanisms.select import cost_of_range
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.picks import range_of_picks
from dpsynth.privacy.randomness import EntropySource, exp_coin, next_word
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

# Below it the bias would be more rows than any table has; above it the noise is next to none.
LEAST_RATE, LARGEST_RATE = 1e-12, 40.0
LEAST_DECAY = 0.01  # times lambda; with less there is hardly a bias, and the sum of the price has no end


@dataclass(frozen=True)
class PrivTree:
    """Cuts a numeric column into halves of halves, finer where rows are dense.

    column: Numeric or Datetime; grid: increasing ticks; a node is a run of grid cells, and its halves meet at the
    middle edge. rate: 1 / lambda, per row; decay: the paper's delta, in whole rows, lost per level; threshold: the
    paper's theta, in rows; depth: most levels. spikes: ticks whose rows are left out, as in `Quantiles`. A node of
    one cell is a leaf, one of `depth` levels too. Any other node with c rows at level l (the root has 0) is split
    when max(c - l * decay, threshold - decay) + Z > threshold, where P(Z = z) is proportional to exp(-rate * |z|)
    on the integers. The answer is the sorted ends of the leaves.

    Privacy. Let x = c - l * decay - threshold, q = e^-rate. A node is split with probability
    s(x) = q^(1-x) / (1+q) for x <= 0 and 1 - q^x / (1+q) beyond, where x is raised to -decay.
    1. One more row raises x by 1 in each node of one path, and only where x >= -decay before. The gain of ln s,
       g(x) = ln s(x+1) - ln s(x), is `rate` for x <= 0 and falls beyond; ln(1 - s) falls by at most `rate`.
    2. Down a path c does not grow, so x falls by at least `decay` a level: the nodes that react have x >= -decay,
       at most one in each stretch of `decay` integers. So the gains of all split nodes of a tree add up to at most
       G = g(-decay) + g(0) + g(decay) + ..., whatever the depth and the threshold.
    3. A tree's probability is a product of s over split nodes and 1 - s over leaves; one leaf holds the row. Its
       log-ratio is within [-rate, G]: range `range_of_row` = rate + G, and the rows of a unit add up.
    In the limit of small rates with decay = ln 2 / rate, G = (2 + 1/3 + 1/7 + 1/15 + ...) rate = 2.607 rate, below
    the paper's (2 beta - 1) / (beta - 1) rate = 3 rate at fan-out beta = 2. As pure differential privacy the price
    would be that of the range 2 G = 5.213 rate; the range itself is 3.607 rate.

    Source: Zhang, Xiao, Xie, "PrivTree: A Differentially Private Algorithm for Hierarchical Decompositions",
    SIGMOD 2016, section 3, here with integer noise and priced by its range.
    """

    column: str
    grid: Ticks
    rate: float
    decay: int
    depth: int
    threshold: int = 0
    spikes: Ticks = ()

    def __post_init__(self) -> None:
        if not LEAST_RATE <= self.rate <= LARGEST_RATE:
            raise SettingError(f"rate ({self.rate}) must be from {LEAST_RATE} to {LARGEST_RATE}; try 0.01")
        least = max(1, math.ceil(LEAST_DECAY / self.rate))
        if self.decay < least or self.depth < 0:
            raise SettingError(
                f"decay ({self.decay}) must be at least {least} and depth ({self.depth}) at least 0;"
                f" try decay {decay_for(self.rate)}"
            )

    def cost(self, unit: PrivacyUnit) -> Cost:
        """One choice of range `range_of_row` * L1 sensitivity."""
        return cost_of_range(range_of_row(self.rate, self.decay) * unit.l1_count_sensitivity, 1)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact counts between neighbouring grid ticks, without the rows at spikes that fill a cell."""
        return grid_counts(private, self.column, self.grid, self.spikes)

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> Ticks:
        """Sorted ticks of the cuts, both ends included."""
        below = np.concatenate([[0], np.cumsum(exact)])
        nodes, cuts = [(0, len(self.grid) - 1)], [0, len(self.grid) - 1]
        for level in range(self.depth):
            halves = []
            for low, high in nodes:
                if high - low > 1 and passes(self.excess(int(below[high] - below[low]), level), self.rate, source):
                    middle = (low + high) // 2
                    cuts.append(middle)
                    halves += [(low, middle), (middle, high)]
            nodes = halves
        return tuple(self.grid[cut] for cut in sorted(cuts))

    def excess(self, rows: int, level: int) -> int:
        """By how many rows the biased count of a node is above the threshold, before noise."""
        return max(rows - level * self.decay - self.threshold, -self.decay)

    def movement(self, exact: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int64]) -> Cost:
        """At most `range_of_row` for each row that differs."""
        return cost_of_range(range_of_row(self.rate, self.decay) * int(np.abs(exact - neighbour).sum()), 1)

    def describe(self) -> dict[str, Any]:
        """Kind, column, rate, decay, depth, threshold and grid size."""
        return {
            "kind": "privtree",
            "column": self.column,
            "rate": self.rate,
            "decay": self.decay,
            "depth": self.depth,
            "threshold": self.threshold,
            "cells": len(self.grid) - 1,
        }


def passes(excess: int, rate: float, source: EntropySource) -> bool:
    """Whether excess + Z > 0 for discrete Laplace Z, P(Z = z) proportional to exp(-rate * |z|): one exact coin.

    P(Z >= m) = q^m / (1 + q) for m >= 1, q = e^-rate; the other side is that of -Z.
    """
    distance = excess if excess > 0 else 1 - excess
    step = Fraction(rate)
    far = exp_coin(Fraction(1), distance * step, source) and _stays(step, source)
    return far != (excess > 0)


def log_chance(excess: int, rate: float, *, split: bool) -> float:
    """Log-probability that a node with this excess is split, or that it is a leaf."""
    distance = excess if excess > 0 else 1 - excess
    far = -rate * distance - math.log1p(math.exp(-rate))  # of the side on which the noise must be large
    return far if split != (excess > 0) else math.log1p(-math.exp(far))


def _stays(step: Fraction, source: EntropySource) -> bool:
    """True with probability exactly 1 / (1 + e^-step): a fair coin that may be taken back on one side."""
    while True:
        if next_word(source) >> 63:
            return True
        if exp_coin(Fraction(1), step, source):
            return False


@lru_cache(maxsize=1024)
def range_of_row(rate: float, decay: int) -> float:
    """How long the interval is that holds all log-ratios of `PrivTree` when one row is added; rounded up."""
    # g(x) = ln(1 + (q^x - q^(x+1)) / (1 + q - q^x)) for x >= 1; terms fall like e^(-rate * x).
    total, x, q = 3 * rate, decay, math.exp(-rate)
    while True:
        power = math.exp(-rate * x)
        term = math.log1p(power * -math.expm1(-rate) / (1 + q - power))
        total += term
        if term < 1e-14 * total:
            # The rest is a geometric series at most: up to 1e-14, each term is at most e^(-rate * decay) of the last.
            return (total + term / -math.expm1(-rate * decay)) * (1 + 1e-12)
        x += decay


def decay_for(rate: float) -> int:
    """The paper's delta = lambda ln 2 in whole rows, at least 1: a node without rows then splits once in four."""
    return max(round(math.log(2) / rate), 1)


def privtree_within(budget: Cost, l1_count_sensitivity: int) -> tuple[float, int]:
    """The largest rate whose tree stays within `budget`, to about 1e-12 of itself, and the decay that goes with it."""
    allowed = range_of_picks(budget, 1) / l1_count_sensitivity
    rate = _largest_rate(LEAST_RATE, lambda rate: range_of_row(rate, decay_for(rate)) <= allowed)
    # A whole decay makes the range jump with the rate; what a jump left unspent is spent at the same decay.
    decay = decay_for(rate)
    return _largest_rate(rate, lambda rate: range_of_row(rate, decay) <= allowed), decay


def _largest_rate(low: float, fits: Callable[[float], bool]) -> float:
    """The largest rate that fits, by halving in logarithms, or one below a jump; `low` is taken to fit."""
    high = LARGEST_RATE
    if fits(high):
        return high
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
