"""Marginals: declared sensitivity against all neighbours of tiny tables, noise law, planted bugs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, residual
from dpsynth.mechanisms.gaussian_cost import gaussian_cost, stddev_within
from dpsynth.mechanisms.marginals import Marginals, ResidualMarginals, integer_residual, squared_residual_shift
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

UNITS = [
    PrivacyUnit(Relation.ADD_REMOVE),
    PrivacyUnit(Relation.REPLACE_ONE),
    PrivacyUnit(Relation.ADD_REMOVE, "a", 2),
    PrivacyUnit(Relation.REPLACE_ONE, "a", 2),
]
CLIQUES = (("a",), ("a", "b"), ("b", "c"), ("a", "b", "c"))


def neighbours(tiny, unit):
    """All pairs (D, D') over a fixed base table that differ in one unit of at most max_rows rows."""
    base = tiny.cells()[:3]
    blocks = [
        list(block)
        for rows in range(unit.max_rows + 1)
        for block in itertools.combinations_with_replacement(tiny.cells(), rows)
    ]
    if unit.relation is Relation.ADD_REMOVE:
        return [(base + block, base) for block in blocks]
    full = [block for block in blocks if len(block) in (0, unit.max_rows)]
    return [(base + one, base + other) for one, other in itertools.combinations(full, 2)]


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("kind", [Marginals, ResidualMarginals])
def test_declared_cost_is_the_worst_neighbour(tiny, unit, kind):
    mechanism = kind(tiny.codec, CLIQUES, (1.0, 2.0, 3.0, 4.0))
    cost = mechanism.cost(unit)
    worst = Fraction(0)
    for table, neighbour in neighbours(tiny, unit):
        moved = mechanism.movement(mechanism.query(tiny.counter(table)), mechanism.query(tiny.counter(neighbour)))
        assert moved <= cost
        worst = max(worst, moved.mu_squared)
    # Tight: the bound is reached for plain marginals; residuals of different cliques peak at different rows.
    assert worst == cost.mu_squared if kind is Marginals else worst >= cost.mu_squared * Fraction(1, 2)


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("clique", [("a",), ("a", "b"), ("a", "b", "c")])
def test_residual_sensitivity_is_reached(tiny, unit, clique):
    mechanism = ResidualMarginals(tiny.codec, (clique,), (1.0,))
    shifts = []
    for table, neighbour in neighbours(tiny, unit):
        one, other = (mechanism.query(tiny.counter(rows))[clique] for rows in (table, neighbour))
        shifts.append(int(((one - other) ** 2).sum()))
    assert max(shifts) == squared_residual_shift(tiny.codec.domain.shape(clique), unit)


def test_the_check_finds_planted_bugs(tiny):
    @dataclass(frozen=True)
    class Doubled(Marginals):
        def query(self, private):
            return {clique: 2 * counts for clique, counts in super().query(private).items()}

    unit, mechanism = UNITS[0], Doubled(tiny.codec, CLIQUES, (1.0,) * 4)
    pairs = neighbours(tiny, unit)
    moved = [mechanism.movement(*(mechanism.query(tiny.counter(rows)) for rows in pair)) for pair in pairs]
    assert not all(one <= mechanism.cost(unit) for one in moved)


def test_residual_costs_less_by_the_product_of_one_minus_one_over_n(tiny):
    unit, sigma = UNITS[0], 40.0
    plain = Marginals(tiny.codec, (("a", "b"),), (sigma,)).cost(unit).mu_squared
    part = ResidualMarginals(tiny.codec, (("a", "b"),), (sigma,)).cost(unit).mu_squared
    assert float(part / plain) == pytest.approx((1 - 1 / 2) * (1 - 1 / 3), rel=1e-4)


def test_residual_estimates_the_residual(tiny):
    rows = tiny.cells() * 5 + tiny.cells()[:4]
    counts = Marginals(tiny.codec, (("a", "b"),), (1.0,)).query(tiny.counter(rows))[("a", "b")]
    mechanism = ResidualMarginals(tiny.codec, (("a", "b"),), (1e-1 * 3,))
    draws = [
        mechanism.randomise(mechanism.query(tiny.counter(rows)), InsecureTestEntropy(seed))[0] for seed in range(400)
    ]
    assert draws[0].basis is Basis.RESIDUAL
    mean = np.mean([draw.values for draw in draws], axis=0)
    assert np.abs(mean - residual(counts.astype(float))).max() < 6 * 0.3 / math.sqrt(400)
    assert np.array_equal(integer_residual(counts), np.rint(6 * residual(counts.astype(float))))


@pytest.mark.parametrize(("scale", "accepted"), [(1.0, True), (2 / 3, False), (3 / 2, False)])
def test_noise_has_the_declared_stddev(tiny, scale, accepted):
    """Chi-square of the empirical variance at false-alarm rate 1e-6; wrong scales are rejected."""
    declared, draws = 5.0, 4000
    mechanism = Marginals(tiny.codec, (("b",),), (declared * scale,))
    noise = np.concatenate(
        [
            mechanism.randomise({("b",): np.zeros(3, dtype=np.int64)}, InsecureTestEntropy(seed))[0].values
            for seed in range(draws)
        ]
    )
    statistic = float((noise**2).sum() / declared**2)
    low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], noise.size)
    assert bool(low < statistic < high) is accepted


def test_values_stay_on_the_integers(tiny):
    mechanism = Marginals(tiny.codec, CLIQUES, (0.7, 3.0, 11.0, 100.0))
    for noisy in mechanism.randomise(mechanism.query(tiny.counter(tiny.cells())), InsecureTestEntropy(1)):
        assert np.array_equal(noisy.values, np.rint(noisy.values))


@pytest.mark.parametrize("shift", [1, 2, 9, 18])
@pytest.mark.parametrize("mu_squared", [1e-9, 3e-4, 0.1, 2.5, 30.0])
def test_stddev_within_spends_the_budget_and_never_more(shift, mu_squared):
    budget = Cost(Fraction(mu_squared))
    cost = gaussian_cost(shift, stddev_within(budget, shift))
    assert cost.fits(budget)
    assert float(cost.mu_squared) == pytest.approx(mu_squared, rel=1e-6)


def test_bad_settings_are_refused(tiny):
    with pytest.raises(SettingError, match="one entry for each clique"):
        Marginals(tiny.codec, CLIQUES, (1.0,))
    with pytest.raises(SettingError, match="one entry for each clique"):
        ResidualMarginals(tiny.codec, CLIQUES, (1.0,))
    with pytest.raises(SettingError):
        replace(Marginals(tiny.codec, CLIQUES, (1.0,) * 4), stddevs=(-1.0,) * 4).cost(UNITS[0])
