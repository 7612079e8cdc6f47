"""Power: the promised violations are found as often as promised, in simulation; and known sizes of audits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attacks.statistics.gdp_lower_bound import mu_from_errors
from attacks.statistics.guessing import tallies
from attacks.statistics.one_run import p_value
from attacks.statistics.power import critical, one_run_power, runs_per_world
from attacks.statistics.trade_off import Approximate, Gaussian

CLAIMS = [Approximate(0, 0), Approximate(1, 1e-5), Gaussian(0.3)]


def found(scores, coins, pairs, claim, level, rng):
    tally = tallies(scores, coins, pairs, rng)
    return 3 * min(p_value(claim, len(coins), each.guesses, each.correct) for each in tally) <= level


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("pairs", [False, True])
def test_violations_are_found_as_often_as_promised(claim, pairs):
    rng, level, count, runs = np.random.default_rng(8), 0.01, 1000, 300
    power = one_run_power(claim, count, pairs, level=level)
    hits = {"mu": 0, "less": 0, "copies": 0, "fewer": 0}
    for _ in range(runs):
        coins, noise = rng.random(count) < 0.5, rng.standard_normal(count)
        for name, mu in (("mu", power.mu), ("less", 0.6 * power.mu)):
            scores = noise + mu * (coins - 0.5) if pairs else noise + mu * coins
            hits[name] += found(scores, coins, pairs, claim, level, rng)
        for name, copies in (("copies", power.copies), ("fewer", power.copies // 2)):
            scores = np.zeros(count)
            known = (np.arange(count) if pairs else np.flatnonzero(coins))[:copies]
            scores[known] = np.where(coins[known], 1.0, -1.0)
            hits[name] += found(scores, coins, pairs, claim, level, rng)
    error = 5 * np.sqrt(0.09 / runs)
    assert 0.9 - error < hits["mu"] / runs
    assert 0.9 - error < hits["copies"] / runs
    assert hits["less"] / runs < 0.7
    assert hits["fewer"] / runs < 0.7


def test_few_coins_show_nothing():
    power = one_run_power(Approximate(3, 1e-3), 10, False, level=0.001)
    assert power.mu is None
    assert power.copies is None
    assert critical(Approximate(0, 0), 10, 10, 0.05) == 9
    assert critical(Approximate(0, 0), 4, 4, 0.05) is None


def test_five_copies_reject_no_learning_but_not_epsilon_one():
    assert p_value(Approximate(0, 0), 1000, 5, 5) < 0.05 < p_value(Approximate(1, 0), 1000, 5, 5)
    assert p_value(Approximate(1, 0), 1000, 10, 10) < 0.05 < p_value(Approximate(1, 0), 1000, 9, 9)


def test_runs_of_twins():
    known = {(0.268, 1.5): 3000, (0.268, 2): 750, (0.268, 3): 200, (0.925, 1.5): 300, (0.925, 2): 90}
    for (claimed, times), runs in known.items():
        assert runs_per_world(claimed, times * claimed) == pytest.approx(runs, rel=0.12)
    assert runs_per_world(1.0, 1.0) is None
    assert runs_per_world(1.0, 1.001) is None


def test_that_many_runs_do_find_it():
    rng = np.random.default_rng(9)
    runs = runs_per_world(1.0, 1.6)
    rates = {}
    for cut in (0.5, 0.8, 1.1):
        errors = rng.binomial(runs, stats.norm.sf(cut), 3000), rng.binomial(runs, stats.norm.cdf(cut - 1.6), 3000)
        rates[cut] = (mu_from_errors(errors[0], runs, errors[1], runs, false_alarm=0.05) > 1.0).mean()
    assert 0.86 < max(rates.values()) < 0.94
