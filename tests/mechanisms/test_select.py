"""Selection: range of the scores over all neighbours, the exact law of the picks, spanning trees."""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.mechanisms.select import SelectCliques, cost_of_range, rate_within
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.exponential import mu_of_range
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

UNITS = [PrivacyUnit(relation, column, rows) for relation in Relation for column, rows in ((None, 1), ("a", 2))]
PAIRS = (("a", "b"), ("a", "c"), ("b", "c"))


def selection(tiny, rate=0.3, picks=2, acyclic=True, penalties=(0, 4, 2)):
    references = tuple(np.full(tiny.codec.domain.shape(pair), 2, dtype=np.int64) for pair in PAIRS)
    return SelectCliques(tiny.codec, PAIRS, references, penalties, rate, picks, acyclic)


def pairs_of_tables(tiny, unit):
    base = tiny.cells()[:4]
    blocks = [list(block) for block in itertools.combinations_with_replacement(tiny.cells(), unit.max_rows)]
    if unit.relation is Relation.ADD_REMOVE:
        return [(base + block, base) for block in blocks]
    return [(base + one, base + other) for one, other in itertools.combinations(blocks, 2)]


@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_declared_cost_covers_every_neighbour_and_is_reached(tiny, unit):
    mechanism = selection(tiny)
    worst = ZERO
    for table, neighbour in pairs_of_tables(tiny, unit):
        moved = mechanism.movement(mechanism.query(tiny.counter(table)), mechanism.query(tiny.counter(neighbour)))
        assert moved <= mechanism.cost(unit)
        worst = moved if worst <= moved else worst
    if unit.max_rows == 1 and unit.relation is Relation.ADD_REMOVE:
        # One row can lower one score and raise another: a "monotone" factor of 1 would be wrong.
        assert float(worst.mu_squared) == pytest.approx(float(mechanism.cost(unit).mu_squared), rel=1e-9)


def test_a_monotone_factor_is_found_out(tiny):
    @dataclass(frozen=True, eq=False)
    class Monotone(SelectCliques):
        def cost(self, unit):
            return cost_of_range(self.rate * unit.l1_count_sensitivity, self.picks)

    whole = selection(tiny)
    cheap = Monotone(**{name: getattr(whole, name) for name in whole.__dataclass_fields__})
    unit = UNITS[0]
    moves = [
        cheap.movement(cheap.query(tiny.counter(one)), cheap.query(tiny.counter(other)))
        for one, other in pairs_of_tables(tiny, unit)
    ]
    assert not all(moved <= cheap.cost(unit) for moved in moves)


@pytest.mark.parametrize(("rate_used", "accepted"), [(0.3, True), (0.6, False), (0.15, False)])
def test_first_pick_follows_the_exponential_law(tiny, rate_used, accepted):
    """Chi-square at false-alarm rate 1e-6; half or twice the rate is rejected."""
    scores, draws = np.array([3, 0, -4]), 4000
    mechanism = selection(tiny, rate=rate_used, picks=1)
    source = InsecureTestEntropy(5)
    tally = Tally(mechanism.randomise(scores, source)[0] for _ in range(draws))
    law = np.exp(0.3 * scores) / np.exp(0.3 * scores).sum()
    p_value = stats.chisquare([tally[pair] for pair in PAIRS], law * draws).pvalue
    assert bool(p_value > 1e-6) is accepted


@pytest.mark.parametrize("columns", [2, 3, 5, 7])
def test_acyclic_picks_are_a_spanning_tree(tiny, columns):
    import networkx as nx

    names = [f"c{i}" for i in range(columns)]
    pairs = tuple(itertools.combinations(names, 2))
    table = np.zeros((1, 1), dtype=np.int64)
    mechanism = SelectCliques(tiny.codec, pairs, (table,) * len(pairs), (0,) * len(pairs), 1e-3, columns - 1, True)
    for seed in range(20):
        scores = np.random.default_rng(seed).integers(-50, 50, len(pairs))
        tree = nx.Graph(mechanism.randomise(scores, InsecureTestEntropy(seed)))
        assert nx.is_tree(tree)
        assert len(tree) == columns


def test_without_acyclic_picks_are_distinct(tiny):
    picked = selection(tiny, picks=3, acyclic=False).randomise(np.zeros(3, dtype=np.int64), InsecureTestEntropy(0))
    assert sorted(picked) == sorted(PAIRS)


@pytest.mark.parametrize("sensitivity", [1, 2, 6])
@pytest.mark.parametrize("picks", [1, 13])
@pytest.mark.parametrize("mu_squared", [1e-8, 1e-3, 0.5, 20.0])
def test_rate_within_spends_the_budget_and_never_more(sensitivity, picks, mu_squared):
    budget = Cost(Fraction(mu_squared))
    cost = cost_of_range(2 * rate_within(budget, sensitivity, picks) * sensitivity, picks)
    assert cost.fits(budget)
    assert float(cost.mu_squared) == pytest.approx(mu_squared, rel=1e-6)


def test_cost_of_range_adds_up_over_picks():
    assert float(cost_of_range(0.4, 7).mu_squared) == pytest.approx(7 * mu_of_range(0.4) ** 2, rel=1e-12)
    assert cost_of_range(0.0, 7) == ZERO


def test_bad_settings_are_refused(tiny):
    with pytest.raises(SettingError, match="one entry for each candidate"):
        selection(tiny, penalties=(0,))
    with pytest.raises(SettingError, match="pairs"):
        SelectCliques(tiny.codec, (("a",),), (np.zeros(2, dtype=np.int64),), (0,), 1.0, 1, True)
