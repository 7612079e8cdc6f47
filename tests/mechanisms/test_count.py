"""The row count: cost for units of several rows, the noise, the neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dpsynth.mechanisms.count import Count
from dpsynth.privacy.discrete_gaussian import mu_per_unit_shift
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("relation", list(Relation))
def test_cost_covers_a_unit_that_comes_or_goes(tiny, relation, rows):
    unit = PrivacyUnit(relation, "a" if rows > 1 else None, rows)
    mechanism = Count(stddev=6.0)
    base = tiny.cells()
    table, neighbour = base + [base[0]] * rows, base
    moved = mechanism.movement(mechanism.query(tiny.counter(table)), mechanism.query(tiny.counter(neighbour)))
    assert moved == mechanism.cost(unit)
    assert float(moved.mu_squared) == pytest.approx((rows * mu_per_unit_shift(6.0)) ** 2, rel=1e-9)


@pytest.mark.parametrize(("declared", "accepted"), [(6.0, True), (4.0, False), (9.0, False)])
def test_noise_law(declared, accepted):
    draws = np.array([Count(6.0).randomise(100, InsecureTestEntropy(seed)) - 100 for seed in range(1500)])
    low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], draws.size)
    assert bool(low < float((draws**2).sum()) / declared**2 < high) is accepted
