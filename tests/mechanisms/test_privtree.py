"""PrivTree: the law of its trees against its price, exhaustively on tiny grids; exact coins; where it cuts."""

from __future__ import annotations

import itertools
import math
from collections import Counter as Tally
from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.mechanisms.privtree import PrivTree, decay_for, passes, privtree_within, range_of_row
from dpsynth.mechanisms.select import cost_of_range
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

RATES = [0.15, 0.7, 2.0]


@lru_cache(maxsize=100_000)
def chance_to_split(biased, threshold, rate):
    """P(biased + Z > threshold), by adding up the law of the noise."""
    noise = np.arange(-math.ceil(60 / rate), math.ceil(60 / rate) + 1)
    weights = np.exp(-rate * np.abs(noise))
    return float(weights[biased + noise > threshold].sum() / weights.sum())


def law(mechanism, counts):
    """Probability of every tree, by its cuts: the definition of the paper, node by node."""

    def trees(low, high, level):
        if high - low == 1 or level == mechanism.depth:
            return {(): 1.0}
        rows = int(sum(counts[low:high]))
        biased = max(rows - level * mechanism.decay, mechanism.threshold - mechanism.decay)
        split = chance_to_split(biased, mechanism.threshold, mechanism.rate)
        middle = (low + high) // 2
        found = {(): 1 - split}
        for (left, p), (right, r) in itertools.product(
            trees(low, middle, level + 1).items(), trees(middle, high, level + 1).items()
        ):
            found[(*left, middle, *right)] = split * p * r
        return found

    return trees(0, len(counts), 0)


def spread(mechanism, counts, other):
    """Length of the interval of log-ratios, and the largest of their sizes."""
    one, two = law(mechanism, counts), law(mechanism, other)
    ratios = [math.log(two[tree] / one[tree]) for tree in one]
    assert sum(one.values()) == pytest.approx(1)
    return max(ratios) - min(ratios), max(map(abs, ratios))


def tables(cells, rate, threshold, seeds=3):
    """Empty, spiked and random tables around the counts that matter."""
    top = threshold + 4 * decay_for(rate) + 2
    yield np.zeros(cells, dtype=int)
    for spike, rows in itertools.product((0, cells - 1), range(0, top, max(top // 12, 1))):
        yield np.eye(cells, dtype=int)[spike] * rows
    for seed in range(seeds):
        yield np.random.default_rng(seed).integers(0, max(top // 3, 2), cells)


def largest_spread(mechanism, unit, cells=8):
    """Over tables, and all ways to add (and remove) the rows of one unit."""
    worst, rows = 0.0, list(itertools.combinations_with_replacement(range(cells), unit.max_rows))
    replaced = unit.relation is Relation.REPLACE_ONE
    for base in tables(cells, mechanism.rate, mechanism.threshold, 1 if unit.max_rows > 1 else 3):
        for added, removed in itertools.product(rows, rows[:: len(rows) // 4] if replaced else [()]):
            taken = np.bincount(np.array(removed, int), minlength=cells)
            start = np.maximum(base, taken)
            other = start - taken + np.bincount(added, minlength=cells)
            worst = max(worst, spread(mechanism, start, other)[0])
    return worst


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("threshold", [0, 5])
def test_every_tree_of_every_neighbour_is_within_the_declared_range(rate, threshold):
    """Exhaustive over trees. Power: noise of half the scale, or no bias, is beyond what is declared."""
    unit = PrivacyUnit()
    grid, decay = tuple(range(9)), decay_for(rate)
    declared = range_of_row(rate, decay)
    worst = largest_spread(PrivTree("age", grid, rate, decay, 3, threshold), unit)
    assert worst <= declared * (1 + 1e-9)
    assert worst > 0.85 * declared  # what is missing is the levels below the third
    assert largest_spread(PrivTree("age", grid, 2 * rate, decay, 3, threshold), unit) > declared


@pytest.mark.parametrize(("relation", "k"), [(Relation.REPLACE_ONE, 1), (Relation.ADD_REMOVE, 2)])
def test_rows_of_a_unit_add_up(relation, k):
    unit, rate = PrivacyUnit(relation, "id" if k > 1 else None, k), 0.7
    mechanism = PrivTree("age", tuple(range(9)), rate, decay_for(rate), 3)
    worst = largest_spread(mechanism, unit)
    assert worst <= 2 * range_of_row(rate, decay_for(rate)) * (1 + 1e-9)
    assert cost_of_range(worst, 1) <= mechanism.cost(unit)
    assert not cost_of_range(worst, 1) <= mechanism.cost(PrivacyUnit())


def test_the_bias_is_what_makes_the_price_independent_of_depth():
    """A long grid walked down to its end: within the price with the declared decay, beyond it with less."""
    rate, cells = 0.5, 1 << 12

    def gain(decay):
        """Log-ratio of the path to the first cell and no other split, with a row added there."""
        total = 0.0
        for level in range(12):
            one, two = (max(rows - level * decay, -decay) for rows in (0, 1))
            total += math.log(chance_to_split(two, 0, rate) / chance_to_split(one, 0, rate))
        return total

    mechanism = PrivTree("age", tuple(range(cells + 1)), rate, decay_for(rate), 12)
    assert gain(mechanism.decay) < range_of_row(rate, mechanism.decay) < gain(0)
    with pytest.raises(SettingError, match="decay"):
        PrivTree("age", (0, 1, 2), rate, 0, 12)


@pytest.mark.parametrize("rate", [1e-9, 1e-4, 0.15, 0.7, 3.0, 30.0])
def test_the_range_is_that_of_the_paper_or_less(rate):
    decay = decay_for(rate)
    gains = [
        math.log(chance_to_split(x + 1, 0, rate) / chance_to_split(x, 0, rate))
        for x in range(-decay, 40 * decay, decay)
        if rate > 0.1
    ]
    if gains:
        assert range_of_row(rate, decay) == pytest.approx(rate + sum(gains), rel=1e-9)
        assert range_of_row(rate, decay) >= rate + sum(gains) - 1e-12
    if rate < 1e-3:
        assert range_of_row(rate, decay) / rate == pytest.approx(3.606695, rel=1e-3)


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("l1", [1, 6])
def test_the_rate_uses_the_whole_budget(epsilon, l1):
    budget = budget_from(epsilon, 1e-9)
    rate, decay = privtree_within(budget, l1)
    price = cost_of_range(range_of_row(rate, decay) * l1, 1)
    assert price <= budget
    assert float(price.mu_squared) == pytest.approx(float(budget.mu_squared), rel=1e-7)
    assert privtree_within(Cost(10**4), 1) == (40.0, 1)


@pytest.mark.parametrize("excess", [-9, -1, 0, 1, 2, 12])
@pytest.mark.parametrize(("rate_used", "accepted"), [(0.3, True), (0.45, False), (0.2, False)])
def test_a_split_has_the_exact_chance(excess, rate_used, accepted):
    """Two-sided binomial test at false-alarm rate 1e-6; noise of 2/3 or 3/2 the scale is rejected."""
    draws, source = 20_000, InsecureTestEntropy(3)
    hits = sum(passes(excess, rate_used, source) for _ in range(draws))
    p_value = stats.binomtest(hits, draws, chance_to_split(excess, 0, 0.3)).pvalue
    assert bool(p_value > 1e-6) is accepted


@pytest.mark.parametrize(("rate_used", "accepted"), [(0.3, True), (0.45, False), (0.2, False)])
def test_trees_are_drawn_by_their_law(rate_used, accepted):
    """Chi-square over all 26 trees of 8 cells at false-alarm rate 1e-6."""
    counts, draws, source = np.array([6, 0, 1, 0, 0, 0, 9, 1]), 6000, InsecureTestEntropy(4)
    declared = PrivTree("age", tuple(range(0, 90, 10)), 0.3, 2, 3, 1)
    used = PrivTree("age", declared.grid, rate_used, 2, 3, 1)
    drawn = Tally(used.randomise(counts, source)[1:-1] for _ in range(draws))
    expected = {tuple(10 * cut for cut in tree): chance for tree, chance in law(declared, counts).items()}
    assert len(expected) == 26
    assert set(drawn) <= set(expected)
    assert bool(
        stats.chisquare([drawn[t] for t in expected], np.array([*expected.values()]) * draws).pvalue > 1e-6
    ) is (accepted)


def test_a_spike_far_inside_wide_bounds_is_walked_down_to():
    counts = np.zeros(1 << 17, dtype=np.int64)
    counts[77_777] = 5000
    tree = PrivTree("pay", tuple(range((1 << 17) + 1)), 0.02, decay_for(0.02), 17)
    cuts = tree.randomise(counts, InsecureTestEntropy(1))
    assert {77_777, 77_778} <= set(cuts)
    assert len(cuts) < 60


def test_threshold_and_depth_hold_back():
    counts, source = np.full(256, 100), InsecureTestEntropy(1)
    grid = tuple(range(257))
    leaves = [len(PrivTree("age", grid, 1.0, 1, 20, rows).randomise(counts, source)) - 1 for rows in (10, 400, 30_000)]
    assert leaves[0] == 256
    assert 32 <= leaves[1] <= 128
    assert leaves[2] == 1
    assert len(PrivTree("age", grid, 1.0, 1, 3).randomise(counts, source)) == 9
    assert PrivTree("age", (0, 5), 1.0, 1, 9).randomise(np.array([7]), source) == (0, 5)


def test_movement_prices_the_rows_that_differ():
    mechanism = PrivTree("age", tuple(range(5)), 0.2, 3, 2)
    one, other = np.array([4, 0, 2, 9]), np.array([4, 1, 2, 8])
    assert mechanism.movement(one, other) == mechanism.cost(PrivacyUnit(Relation.REPLACE_ONE))
    assert not mechanism.movement(one, other) <= mechanism.cost(PrivacyUnit())


@pytest.mark.parametrize(("rate", "decay", "depth"), [(0.0, 5, 3), (math.nan, 5, 3), (0.001, 1, 3), (1.0, 1, -1)])
def test_parameters_without_a_price_are_refused(rate, decay, depth):
    with pytest.raises(SettingError, match="must be"):
        PrivTree("age", (0, 1, 2), rate, decay, depth)
