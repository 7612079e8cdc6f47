"""The lower bound on mu: exact where the law is known, never too large too often, and sharp."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attacks.statistics.binomial import clopper_pearson_upper
from attacks.statistics.gdp_lower_bound import gdp_lower_bound, mu_from_errors


@pytest.mark.parametrize("runs", [1, 7, 60])
@pytest.mark.parametrize("false_alarm", [0.3, 0.05, 1e-6])
def test_clopper_pearson_covers_every_rate_exactly(runs, false_alarm):
    """The chance that the bound falls below the rate, summed over all outcomes: at most, and just about, nominal."""
    bounds = clopper_pearson_upper(np.arange(runs + 1), runs, false_alarm)
    assert (np.diff(bounds) > 0).all()
    assert bounds[-1] == 1.0
    for rate in np.linspace(0.001, 0.999, 333):
        missed = stats.binom.pmf(np.arange(runs + 1), runs, rate)[bounds < rate].sum()
        assert missed <= false_alarm * (1 + 1e-9)
    for hits in range(runs):  # at the bound itself, exactly `false_alarm` of the outcomes are as small
        assert stats.binom.cdf(hits, runs, bounds[hits]) == pytest.approx(false_alarm, rel=1e-6)


@pytest.mark.parametrize("bad", [(-1, 5, 0.1), (6, 5, 0.1), (1, 5, 0.0), (1, 5, 1.0)])
def test_clopper_pearson_refuses_what_is_no_rate(bad):
    with pytest.raises(ValueError):
        clopper_pearson_upper(*bad)


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("threshold", [-0.5, 0.75, 2.5])
def test_exact_chance_of_a_wrong_bound_in_gaussian_worlds(mu, threshold):
    """N(0, 1) against N(mu, 1) at a fixed threshold: the exact chance that the bound exceeds mu, over all outcomes."""
    runs, false_alarm = 60, 0.05
    counts = np.arange(runs + 1)
    weights = np.outer(
        stats.binom.pmf(counts, runs, stats.norm.sf(threshold)),
        stats.binom.pmf(counts, runs, stats.norm.cdf(threshold - mu)),
    )
    bounds = mu_from_errors(counts[:, None], runs, counts[None, :], runs, false_alarm=false_alarm)
    assert weights[bounds > mu].sum() <= false_alarm


def test_delta0_is_taken_off():
    """A mechanism that tells all with probability delta0, and is perfectly private otherwise, proves no mu."""
    exact = {delta0: mu_from_errors(0, 10**6, 900_000, 10**6, false_alarm=1e-6, delta0=delta0) for delta0 in (0, 0.11)}
    assert exact[0] > 2.5
    assert exact[0.11] == 0.0
    assert mu_from_errors(0, 10**6, 500_000, 10**6, false_alarm=1e-6, delta0=0.11) > 2.0


def false_alarms(bound, mu, repeats, runs, rng):
    wrong = 0
    for _ in range(repeats):
        noise = rng.standard_normal((2, runs, 6))
        noise[1, :, 0] += mu
        noise[1, :, 1:] += mu * noise[1, :, 1:].clip(-0.1, 0.1)  # five worse scores
        wrong += bound(noise[0], noise[1]) > mu
    return wrong


def test_false_alarms_stay_below_the_rate_although_score_and_threshold_are_chosen(rng):
    """And a bound that takes the best threshold of the judged runs themselves does not: the test has power."""
    repeats, rate = 400, 0.05

    def sound(without, within):
        return gdp_lower_bound(without, within, false_alarm=rate).mu

    def best_of_all(without, within):
        cuts = np.linspace(-2, 4, 61)
        return max(
            mu_from_errors(
                (without[:, k, None] > cuts).sum(0),
                len(without),
                (within[:, k, None] <= cuts).sum(0),
                len(within),
                false_alarm=rate,
            ).max()
            for k in range(without.shape[1])
        )

    allowed = stats.binom.isf(1e-6, repeats, rate)
    for mu in (0.0, 1.5):
        assert false_alarms(sound, mu, repeats, 200, rng) <= allowed
    assert false_alarms(best_of_all, 0.0, repeats, 200, rng) > allowed


@pytest.mark.parametrize(("mu", "share"), [(1.0, 0.6), (2.0, 0.75), (3.0, 0.79)])
def test_a_thousand_runs_prove_most_of_mu(mu, share, rng):
    proved = [gdp_lower_bound(rng.normal(0, 1, 1000), rng.normal(mu, 1, 1000), false_alarm=1e-6).mu for _ in range(20)]
    assert share * mu - 0.15 < np.median(proved) < mu
    assert max(proved) < mu


def test_the_best_score_is_found_and_reported(rng):
    without, within = rng.standard_normal((2, 2000, 3))
    within[:, 1] += 2.0
    found = gdp_lower_bound(without, within, false_alarm=1e-6)
    assert found.score == 1
    assert found.negatives == found.positives == 1800
    assert 0.0 < found.threshold < 2.0
    assert found.false_positives == (without[200:, 1] > found.threshold).sum()
    assert found.mu < found.ceiling


def test_infinite_scores_and_ties_are_fine():
    tell_all = gdp_lower_bound(np.zeros(400), np.full(400, np.inf), false_alarm=1e-6)
    assert tell_all.mu == tell_all.ceiling > 3.3
    assert gdp_lower_bound(np.zeros(400), np.zeros(400), false_alarm=1e-6).mu == 0.0
    assert gdp_lower_bound(np.full(400, -np.inf), np.full(400, np.inf), false_alarm=1e-6).mu == tell_all.ceiling
    half = np.where(np.arange(400) % 2, 0.0, np.inf)
    assert 0.5 < gdp_lower_bound(np.zeros(400), half, false_alarm=1e-6).mu < tell_all.ceiling


def test_no_bound_from_failed_or_missing_runs():
    good = np.zeros(10)
    for bad in (np.array([0.0, np.nan] * 5), np.zeros((10, 2)), np.zeros(3), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError):
            gdp_lower_bound(good, bad, false_alarm=0.1)
        with pytest.raises(ValueError):
            gdp_lower_bound(bad, good, false_alarm=0.1)
