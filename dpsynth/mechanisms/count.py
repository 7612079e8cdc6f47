"""The noisy number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter


@dataclass(frozen=True)
class Count:
    """The number of rows plus exact discrete Gaussian noise; the answer is one integer, in rows.

    Privacy: a unit of k rows moves the count by at most k under add-remove. Under replace-one a unit
    with fewer rows may replace one with k, so the count still moves by up to k (it stands still when
    k = 1, where charging it anyway errs on the safe side). Cost k^2 mu(stddev)^2.
    """

    stddev: float

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Cost k^2 mu(stddev)^2, k = rows of a unit."""
        return gaussian_cost(unit.max_rows**2, self.stddev)

    def query(self, private: Counter) -> int:
        """The exact number of rows."""
        return private.total()

    def randomise(self, exact: int, source: EntropySource) -> int:
        """The noisy number of rows; may be negative."""
        return exact + int(sample(self.stddev, 1, source)[0])

    def movement(self, exact: int, neighbour: int) -> Cost:
        """Squared difference of the two counts, priced at this noise."""
        return gaussian_cost((exact - neighbour) ** 2, self.stddev)

    def describe(self) -> dict[str, Any]:
        """Kind and noise."""
        return {"kind": "count", "stddev": self.stddev, "cells": 1}
