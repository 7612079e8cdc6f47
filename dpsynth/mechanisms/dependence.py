"""How far pairs of columns are from independence: one noisy number for each pair, all released at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.gaussian_cost import gaussian_cost, stddev_within
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairDependence:
    """Distance of every pair's counts from a public product of one-way counts, plus discrete Gaussian noise.

    The score of a pair is ||M_ab - round(m_a x m_b / total)||_1 in rows, m_a and m_b released (noisy) one-way
    counts, `one_ways[i]` of column i of the codec's domain; twice the rows that would have to move. The
    answer has one integer for each pair of columns, in the order of `column_pairs`; it may be negative.

    Privacy: the product is public and the same for neighbours, so by the triangle inequality a score moves
    by at most the L1 movement of M_ab: k rows under add-remove, 2k under replace-one. The m scores move by
    squared L2 at most m times its square, which one row reaches: one that falls into cells above their
    products in every pair. (Against the product of the exact one-ways, as in the paper, a row would move
    each score by up to 4.)

    Source: Zhang et al., "PrivSyn", USENIX Security 2021, section 4.2 (InDif), with public one-ways.
    """

    codec: Codec
    one_ways: tuple[FloatArray, ...] = field(repr=False)
    total: float
    stddev: float

    def __post_init__(self) -> None:
        if tuple(one.shape for one in self.one_ways) != tuple((size,) for size in self.codec.domain.sizes):
            raise SettingError("one_ways must have one entry for each code of each column")
        if not self.total > 0:
            raise SettingError(f"total ({self.total}) must be positive")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Number of pairs times the squared movement of one score, priced at the noise."""
        return gaussian_cost(squared_score_shift(self.codec.domain, unit), self.stddev)

    def query(self, private: Counter) -> IntArray:
        """Exact distances, in rows, one for each pair."""
        pairs = column_pairs(self.codec.domain)
        counts, place = private.marginals(self.codec, pairs), {c: i for i, c in enumerate(self.codec.domain)}
        distances = np.zeros(len(pairs), dtype=np.int64)
        for index, (a, b) in enumerate(pairs):
            product = np.outer(self.one_ways[place[a]], self.one_ways[place[b]]) / self.total
            distances[index] = np.abs(counts[a, b] - np.rint(product).astype(np.int64)).sum()
        return distances

    def randomise(self, exact: IntArray, source: EntropySource) -> IntArray:
        """Distances plus noise on the integers."""
        return exact + sample(self.stddev, exact.size, source)

    def movement(self, exact: IntArray, neighbour: IntArray) -> Cost:
        """Squared L2 distance of the two vectors of distances, priced at the noise."""
        return gaussian_cost(sum(int(moved) ** 2 for moved in exact - neighbour), self.stddev)

    def describe(self) -> dict[str, Any]:
        """Kind, number of pairs, noise and cells."""
        domain = self.codec.domain
        pairs = column_pairs(domain)
        return {
            "kind": "dependence",
            "candidates": len(pairs),
            "stddev": float(self.stddev),
            "cells": sum(domain.cells(pair) for pair in pairs),
        }


def column_pairs(domain: Domain) -> tuple[Clique, ...]:
    """All pairs of columns, in table order."""
    return tuple(itertools.combinations(domain.columns, 2))


def squared_score_shift(domain: Domain, unit: PrivacyUnit) -> int:
    """Largest squared L2 movement of the scores of all pairs: each moves by the L1 movement of its counts."""
    columns = len(domain)
    return columns * (columns - 1) // 2 * unit.l1_count_sensitivity**2


def dependence_stddev(domain: Domain, budget: Cost, unit: PrivacyUnit) -> float:
    """Noise of each score when all of them together cost at most `budget`."""
    return stddev_within(budget, squared_score_shift(domain, unit))
