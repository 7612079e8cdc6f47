"""Noisy sums of features: the mean embedding, the correlation, the cluster sum, whatever a public map of rows tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.errors import SettingError
from dpsynth.features import FeatureMap, IntArray, RowBound, require_made_for
from dpsynth.mechanisms.gaussian_cost import gaussian_cost, stddev_within
from dpsynth.plan import PlannedStep
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.counter import Counter

KIND = "feature sums"


@dataclass(frozen=True)
class FeatureSums:
    """The sum over all rows of a public feature map, plus exact discrete Gaussian noise on its integers.

    codec: how columns become codes; features: the map; stddev: of the noise in each entry, in integer units. The
    answer is in features (integer units divided by the map's scale), float64 of shape (features.length,).

    Privacy: let every row's vector have norm at most R, R^2 = `features.bound.squared_norm`. Adding or removing the
    k rows of a unit moves the sum by the sum of k vectors: squared L2 at most (k R)^2, by the triangle inequality.
    Replacing them moves it by a sum of k differences of vectors, each of norm at most D, D^2 =
    `squared_distance` (4 R^2, or 2 R^2 when no entry is negative): at most (k D)^2. The noise is the same in each
    entry, so the price of a shift depends on its squared L2 norm alone (`gaussian_cost`). The division is
    post-processing, and the map is public: it may depend on released numbers, never on rows.

    Source: the Gaussian mechanism on a vector-valued query, Dwork, Roth, "The Algorithmic Foundations of
    Differential Privacy", 2014, appendix A, on the integers and priced exactly (docs/explanation/privacy-currency.md).
    """

    codec: Codec
    features: FeatureMap
    stddev: float

    def __post_init__(self) -> None:
        require_made_for(self.features, self.codec.domain)
        if not self.stddev > 0:
            raise SettingError(f"stddev ({self.stddev}) must be positive; got something else; try 1.0")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """The largest squared L2 movement between neighbours, priced at the noise."""
        return gaussian_cost(squared_sum_shift(self.features.bound, unit), self.stddev)

    def query(self, private: Counter) -> IntArray:
        """The exact integer sums."""
        return private.sums(self.codec, self.features)

    def randomise(self, exact: IntArray, source: EntropySource) -> npt.NDArray[np.float64]:
        """Sums plus noise on the integers, in features."""
        noisy = exact + sample(self.stddev, exact.size, source)
        return noisy.astype(np.float64) / self.features.bound.scale

    def movement(self, exact: IntArray, neighbour: IntArray) -> Cost:
        """Squared L2 distance of the two exact sums, priced at the noise."""
        moved = (exact - neighbour)[exact != neighbour]
        return gaussian_cost(sum(int(value) ** 2 for value in moved), self.stddev)

    def describe(self) -> dict[str, Any]:
        """Kind, the map, its bound and the noise; both in features, not in integer units."""
        bound = self.features.bound
        return {
            "kind": KIND,
            **self.features.describe(),
            "cells": self.features.length,
            "stddev": self.stddev / bound.scale,
            "squared_norm": bound.squared_norm / bound.scale**2,
            "squared_distance": bound.squared_distance / bound.scale**2,
            "steps_per_feature": bound.scale,
        }


def squared_sum_shift(bound: RowBound, unit: PrivacyUnit) -> int:
    """Largest squared L2 distance of the sums of neighbours, in integer units."""
    replaced = unit.relation is Relation.REPLACE_ONE
    return unit.max_rows**2 * (bound.squared_distance if replaced else bound.squared_norm)


def feature_sums_within(codec: Codec, features: FeatureMap, budget: Cost, unit: PrivacyUnit) -> FeatureSums:
    """The mechanism with the least noise whose cost is at most `budget`."""
    return FeatureSums(codec, features, stddev_within(budget, squared_sum_shift(features.bound, unit)))


def planned_sums(label: str, bound: RowBound, length: int, budget: Cost, unit: PrivacyUnit) -> PlannedStep:
    """The planned step of releasing sums of `length` features with that bound; its stddev is in features."""
    stddev = stddev_within(budget, squared_sum_shift(bound, unit)) / bound.scale
    return PlannedStep(label, KIND, budget, (stddev, stddev), length)
