"""Rates: exact bounds, intervals against published figures and their coverage, epsilon from errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from attacks.statistics.binomial import at_least, epsilon_from_errors, epsilon_lower_bound, newcombe, wilson


def test_tails_are_exact():
    for runs, rate in ((1, 0.3), (20, 0.5), (500, 0.99)):
        for successes in range(-1, runs + 3):
            exact = stats.binom.sf(successes - 1, runs, rate)
            assert at_least(rate, runs, successes) == pytest.approx(exact, rel=1e-9, abs=1e-300)


def test_published_intervals():
    """Newcombe 1998 (Statistics in Medicine 17, 857 and 873): single rates, and differences by method 10."""
    assert wilson(81 / 263, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0 / 20, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29, 0.95) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert newcombe(56 / 70, 70, 48 / 80, 80, 0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(9 / 10, 10, 3 / 10, 10, 0.95) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe(10 / 10, 10, 0 / 20, 20, 0.95) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert newcombe(0 / 10, 10, 0 / 10, 10, 0.95) == pytest.approx((-0.2775, 0.2775), abs=5e-5)
    assert wilson(0.5, 0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize(("runs", "other"), [(40, 40), (200, 30)])
@pytest.mark.parametrize("gap", [0.0, 0.2])
def test_gap_interval_covers(runs, other, gap):
    """Exactly, over all outcomes; an interval of half the width does not."""
    first = stats.binom.pmf(np.arange(runs + 1), runs, 0.3 + gap)
    second = stats.binom.pmf(np.arange(other + 1), other, 0.3)
    covered = narrow = 0.0
    for hits in np.flatnonzero(first > 1e-7):
        for others in np.flatnonzero(second > 1e-7):
            low, high = newcombe(hits / runs, runs, others / other, other, 0.95)
            seen = hits / runs - others / other
            chance = first[hits] * second[others]
            covered += chance * (low <= gap <= high)
            narrow += chance * ((low + seen) / 2 <= gap <= (high + seen) / 2)
    assert 0.93 < covered < 0.98
    assert narrow < 0.8


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_exact_chance_of_a_wrong_epsilon_under_randomised_response(epsilon):
    runs, rate = 60, 1 / (1 + math.exp(epsilon))
    counts = np.arange(runs + 1)
    weights = np.outer(*2 * [stats.binom.pmf(counts, runs, rate)])
    bounds = epsilon_from_errors(counts[:, None], runs, counts[None, :], runs, false_alarm=0.05)
    assert weights[bounds > epsilon].sum() <= 0.05
    # with bounds on the two rates that each hold half of the time, it would be wrong too often
    careless = epsilon_from_errors(counts[:, None], runs, counts[None, :], runs, false_alarm=0.9)
    assert weights[careless > epsilon].sum() > 0.1


def test_perfect_tests_reach_the_known_ceilings():
    for runs, ceiling in ((100, 3.3), (500, 4.9), (1000, 5.6), (5000, 7.2), (10_000, 7.9)):
        assert epsilon_from_errors(0, runs, 0, runs, false_alarm=0.05) == pytest.approx(ceiling, abs=0.05)
    with_delta = epsilon_from_errors(0, 1000, 300, 1000, false_alarm=0.05, delta=0.1)
    assert with_delta < epsilon_from_errors(0, 1000, 300, 1000, false_alarm=0.05)


def test_bound_from_scores():
    rng = np.random.default_rng(2)
    bits = rng.random((2, 4000)) < 1 / (1 + math.exp(2.0))
    without, within = bits[0].astype(float), 1.0 - bits[1]
    assert 1.7 < epsilon_lower_bound(without, within, false_alarm=0.05) < 2.0
    assert epsilon_lower_bound(without, without, false_alarm=0.05) == 0.0
