"""Division of noise over marginals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.synthesizers.synthesizer import allocate_stddevs, planned_marginals

DOMAIN = Domain.of({"a": 2, "b": 16, "c": 128})
CLIQUES = (("a",), ("b",), ("c",), ("a", "c"))


@pytest.mark.parametrize("unit", [PrivacyUnit(), PrivacyUnit(Relation.REPLACE_ONE, "id", 3)], ids=str)
def test_allocation_spends_the_budget_and_never_more(unit):
    budget = Cost(Fraction(3, 100))
    stddevs = allocate_stddevs(DOMAIN, CLIQUES, budget, unit)
    spent = sum((gaussian_cost(unit.squared_l2_count_sensitivity, stddev) for stddev in stddevs), ZERO)
    assert spent.fits(budget)
    assert float(spent.mu_squared) == pytest.approx(0.03, rel=1e-6)


def test_allocation_is_optimal_for_the_total_l1_error():
    """No small exchange of budget between two marginals lowers sum of cells * stddev."""
    stddevs = np.array(allocate_stddevs(DOMAIN, CLIQUES, Cost(Fraction(3, 100)), PrivacyUnit()))
    cells = np.array([DOMAIN.cells(clique) for clique in CLIQUES])
    best = cells @ stddevs
    for give in range(4):
        for take in range(4):
            if give != take:
                precision = stddevs**-2.0
                moved = 0.05 * precision[give]
                precision[give] -= moved
                precision[take] += moved
                assert cells @ precision**-0.5 > best
    assert stddevs[0] / stddevs[2] == pytest.approx((128 / 2) ** (1 / 3), rel=1e-3)


def test_planned_step_tells_noise_and_cells():
    step = planned_marginals("all", DOMAIN, CLIQUES, Cost(Fraction(3, 100)), PrivacyUnit())
    assert step.cells == 2 + 16 + 128 + 256
    assert step.stddev is not None
    assert step.stddev[0] < step.stddev[1]
