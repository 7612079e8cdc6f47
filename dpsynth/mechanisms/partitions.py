"""Partition selection: which values of an open column may be named at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter


@dataclass(frozen=True)
class Partitions:
    """Values of an open column whose noisy count passes a threshold, with those noisy counts.

    column: an OpenCategorical; known: values that are public and therefore always measured; stddev: of
    the discrete Gaussian noise, in rows; delta: the chance, at most, that a value held by one unit alone
    is named; max_rows: the most rows of a unit (its L0 and L1 bound); limit: the most values kept.

    Privacy: values present in both neighbours are Gaussian counts, squared L2 at most k^2 (2 k^2 under
    replace-one). A value that only one of the two tables holds is named with total probability at most
    delta (see `threshold`). On the event that none of them is named, the two outputs are those of the
    Gaussian part, so each output law is a mixture with weight >= 1 - delta on a mu-GDP pair: cost
    (mu^2, delta) in both directions. For replace-one the two sides' chances p, p' enter as max(p, p').
    Keeping the `limit` largest noisy counts and sorting by value is post-processing.

    Source: Gaussian thresholding, as analysed by Wilkins, Kifer, Zhang, Karrer, "Exact Privacy Analysis of
    the Gaussian Sparse Histogram Mechanism", 2024; the threshold is re-derived for a unit of several rows.
    """

    column: str
    stddev: float
    delta: float
    max_rows: int = 1
    known: tuple[str, ...] = ()
    limit: int = 1000

    def cost(self, unit: PrivacyUnit) -> Cost:
        """The Gaussian part, and delta."""
        if unit.max_rows > self.max_rows:
            raise SettingError(f"max_rows ({self.max_rows}) must cover the unit's {unit.max_rows} rows")
        gaussian = gaussian_cost(unit.squared_l2_count_sensitivity, self.stddev)
        return Cost(gaussian.mu_squared, Fraction(self.delta))

    def query(self, private: Counter) -> Mapping[str, int]:
        """Exact counts of all values present, and of all known ones."""
        counts = dict.fromkeys(self.known, 0)
        counts.update(private.frequencies(self.column))
        return counts

    def randomise(self, exact: Mapping[str, int], source: EntropySource) -> dict[str, int]:
        """Noisy counts of known values and of those above the threshold, sorted by value."""
        values = sorted(exact)
        noisy = np.array([exact[value] for value in values], dtype=np.int64)
        noisy = noisy + sample(self.stddev, len(values), source)
        known, passed = set(self.known), threshold(self.stddev, self.delta, self.max_rows)
        found = {value: int(count) for value, count in zip(values, noisy, strict=True) if value not in known}
        largest = sorted((value for value in found if found[value] >= passed), key=lambda value: -found[value])
        kept = set(largest[: max(self.limit - len(known), 0)]) | known
        return {value: int(count) for value, count in zip(values, noisy, strict=True) if value in kept}

    def movement(self, exact: Mapping[str, int], neighbour: Mapping[str, int]) -> Cost:
        """Gaussian price of the shared values' shifts, and the chance to name any unshared one."""
        shared = exact.keys() & neighbour.keys()
        squared = sum((exact[value] - neighbour[value]) ** 2 for value in shared)
        passed = threshold(self.stddev, self.delta, self.max_rows)
        chances = [
            sum(chance_above(passed - count, self.stddev) for value, count in side.items() if value not in shared)
            for side in (exact, neighbour)
        ]
        return Cost(gaussian_cost(squared, self.stddev).mu_squared, Fraction(max(chances)))

    def describe(self) -> dict[str, Any]:
        """Kind, column, noise, threshold and delta."""
        return {
            "kind": "partition selection",
            "column": self.column,
            "stddev": self.stddev,
            "threshold": threshold(self.stddev, self.delta, self.max_rows),
            "delta": self.delta,
            "cells": self.limit,
        }


def chance_above(distance: int, stddev: float) -> float:
    """Upper bound on P(Z >= distance) for a discrete Gaussian Z: P(N(0, stddev^2) >= distance - 1).

    Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", 2020, prop. 25.
    """
    if distance < 1:
        return 1.0
    # erfc is correctly rounded to a few ulps; the factor keeps the bound an upper one.
    return min(1.0, 0.5 * math.erfc((distance - 1) / stddev / math.sqrt(2)) * (1 + 1e-9))


def threshold(stddev: float, delta: float, max_rows: int) -> int:
    """Smallest integer threshold T with P(any value of one unit alone passes T) <= delta.

    A unit of k rows alone in values with c_1 + ... + c_j <= k rows each passes with probability at most
    sum_i g(c_i), g(c) = P(Z >= T - c), and sum_i g(c_i) = sum_i c_i * g(c_i)/c_i <= k * max_c g(c)/c.
    """

    def chance(candidate: int) -> float:
        return max_rows * max(chance_above(candidate - rows, stddev) / rows for rows in range(1, max_rows + 1))

    low, high = 0, max_rows + 2 + math.ceil(40 * stddev)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) <= delta else (middle, high)
    return high
