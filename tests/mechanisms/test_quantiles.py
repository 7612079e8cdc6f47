"""Quantiles: sensitivity of the cut scores by brute force, accuracy, spikes, ends."""

from __future__ import annotations

import itertools
from collections import Counter as Tally

import numpy as np
import pytest
from scipy import stats

from dpsynth.mechanisms.quantiles import Quantiles, QuartileCells, quartile_distances
from dpsynth.mechanisms.select import cost_of_range, rate_within
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import ZERO
from dpsynth.privacy.exponential import mu_of_range
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

GRID = tuple(range(7))


def scores(counts, low, high):
    """|left - right| of every cut inside a segment, the plain way."""
    return np.array([abs(sum(counts[low:cut]) - sum(counts[cut:high])) for cut in range(low + 1, high)])


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("relation", list(Relation))
def test_one_level_costs_at_most_the_declared_range(relation, k):
    """Brute force: all bases, all added (and removed) rows, all ways to cut a level into segments."""
    rate, cells = 0.7, len(GRID) - 1
    mechanism = Quantiles("age", GRID, 1, rate)
    unit = PrivacyUnit(relation, "id" if k > 1 else None, k)
    declared = float(mechanism.cost(unit).mu_squared)
    worst = 0.0
    rows = list(itertools.combinations_with_replacement(range(cells), k))
    removals = rows if relation is Relation.REPLACE_ONE else [()]
    for seed in range(4):
        base = np.random.default_rng(seed).integers(0 if seed else 2, 4, cells) + 2 * k
        for added, removed in itertools.product(rows, removals):
            other = base.copy()
            for cell in added:
                other[cell] += 1
            for cell in removed:
                other[cell] -= 1
            for cuts in ((0, cells), (0, 3, cells), (0, 2, 4, cells)):
                spread = 0  # ranges of independent draws add up
                for low, high in itertools.pairwise(cuts):
                    moved = scores(other, low, high) - scores(base, low, high)
                    spread += int(moved.max() - moved.min())
                worst = max(worst, mu_of_range(rate * spread) ** 2 if spread else 0.0)
    assert worst <= declared * (1 + 1e-9)
    if k == 1:
        assert worst == pytest.approx(declared, rel=1e-9)  # reached: half the charge would be wrong


def test_movement_prices_the_rows_that_differ():
    mechanism = Quantiles("age", GRID, 3, 0.2)
    one, other = np.array([4, 0, 2, 9, 1, 1]), np.array([4, 1, 2, 9, 0, 1])
    assert mechanism.movement(one, other) == cost_of_range(2 * 0.2 * 2, 3)
    assert mechanism.movement(one, other) <= mechanism.cost(PrivacyUnit(Relation.REPLACE_ONE))
    assert not mechanism.movement(one, other) <= mechanism.cost(PrivacyUnit(Relation.ADD_REMOVE))


def test_bins_hold_about_equal_numbers_of_rows():
    values = np.random.default_rng(0).gamma(2.0, 300.0, 40_000).astype(int).clip(0, 9_999)
    counts = np.bincount(values, minlength=10_000)
    budget = budget_from(0.1, 1e-9)
    mechanism = Quantiles("age", tuple(range(10_001)), 4, rate_within(budget, 1, 4))
    cuts = mechanism.randomise(counts, InsecureTestEntropy(1))
    shares = np.add.reduceat(counts, np.array(cuts[:-1])) / counts.sum()
    assert cuts[0] == 0
    assert cuts[-1] == 10_000
    assert len(cuts) == 17
    assert shares.max() < 0.10
    assert shares.min() > 0.03


def test_a_spike_becomes_a_bin_of_its_own():
    counts = np.full(1000, 2)
    counts[0], counts[500] = 50_000, 20_000
    cuts = Quantiles("age", tuple(range(1001)), 4, 0.05).randomise(counts, InsecureTestEntropy(2))
    assert {0, 1, 500, 501} <= set(cuts)


@pytest.mark.parametrize("counts", [np.zeros(6, dtype=np.int64), np.array([0, 0, 0, 0, 0, 9])])
def test_empty_and_lopsided_columns_give_valid_cuts(counts):
    for seed in range(20):
        cuts = Quantiles("age", GRID, 5, 1.0).randomise(counts, InsecureTestEntropy(seed))
        assert cuts[0] == 0
        assert cuts[-1] == 6
        assert all(low < high for low, high in itertools.pairwise(cuts))
    assert Quantiles("age", (0, 1), 3, 1.0).randomise(np.array([5]), InsecureTestEntropy(0)) == (0, 1)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("relation", list(Relation))
def test_quartile_distances_move_within_the_declared_range(relation, k):
    """Brute force over bases and all added (and removed) rows; the bound is reached, so half of it would be wrong."""
    mechanism, cells = QuartileCells("age", GRID, 0.7), len(GRID) - 1
    unit = PrivacyUnit(relation, "id" if k > 1 else None, k)
    worst = ZERO
    rows = list(itertools.combinations_with_replacement(range(cells), k))
    for seed in range(6):
        base = np.random.default_rng(seed).integers(0, 3, cells) + (k if relation is Relation.REPLACE_ONE else 0)
        for added, removed in itertools.product(rows, rows if relation is Relation.REPLACE_ONE else [()]):
            other = base + np.bincount(added, minlength=cells) - np.bincount(np.array(removed, int), minlength=cells)
            moved = mechanism.movement(base, other)
            assert moved <= mechanism.cost(unit)
            worst = moved if worst <= moved else worst
    assert float(worst.mu_squared) > 0.3 * float(mechanism.cost(unit).mu_squared)


def test_quartile_cells_hold_the_quartiles_on_any_grid():
    values = np.random.default_rng(0).normal(5000, 400, 20_000).astype(int)
    for grid in (tuple(range(0, 10_001, 10)), (0, 4000, 4700, 5300, 9000, 10_000), (0, 3000, 7000, 10_000)):
        counts = np.histogram(values, grid)[0]
        first, third = QuartileCells("age", grid, 0.05).randomise(counts, InsecureTestEntropy(3))
        for (low, high), quartile in ((first, 4730), (third, 5270)):
            assert low - 60 <= quartile <= high + 60
    assert quartile_distances(np.array([0, 0, 0]), 1).tolist() == [0, 0, 0]
    assert quartile_distances(np.array([2, 4, 2]), 1).tolist() == [0, 0, 16]


@pytest.mark.parametrize(("rate_used", "accepted"), [(0.05, True), (0.1, False), (0.025, False)])
def test_a_cell_is_drawn_by_its_width_and_distance(rate_used, accepted):
    """Chi-square of the first quartile's cell at false-alarm rate 1e-6; half or twice the rate is rejected."""
    counts, grid, draws = np.array([3, 1, 4, 9]), (0, 1, 3, 10, 40), 4000
    mechanism, source = QuartileCells("age", grid, rate_used), InsecureTestEntropy(8)
    drawn = Tally(mechanism.randomise(counts, source)[0][0] for _ in range(draws))
    law = np.diff(grid) * np.exp(-0.05 * quartile_distances(counts, 1))
    p_value = stats.chisquare([drawn[low] for low in grid[:-1]], law / law.sum() * draws).pvalue
    assert bool(p_value > 1e-6) is accepted
