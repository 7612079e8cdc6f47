"""The bound from all wrong guesses, against exact sums over everything that can happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from attacks.mechanism_audit.total_error import epsilon_from_wrong_guesses, mu_from_wrong_guesses

FALSE_ALARM = 0.05


def chances(a, b, runs):
    """Of 0, 1, 2, ... wrong guesses."""
    one, other = (binom.pmf(np.arange(runs + 1), runs, rate) for rate in (a, b))
    return np.convolve(one, other)


def gaussian(mu, delta0=0.0):
    """Points (a, b) of the curve of delta0-approximate mu-GDP."""
    return [(a, (1 - delta0) * norm.cdf(norm.isf(a / (1 - delta0)) - mu)) for a in np.linspace(0.01, 0.8, 25)]


@pytest.mark.parametrize("runs", [20, 150])
@pytest.mark.parametrize(("mu", "delta0"), [(0.3, 0.0), (1.0, 0.0), (2.5, 0.0), (1.0, 0.1)])
def test_mu_is_overstated_as_rarely_as_said_wherever_the_attacker_stands(runs, mu, delta0):
    proved = np.array(
        [
            mu_from_wrong_guesses(wrong, 2 * runs, false_alarm=FALSE_ALARM, delta0=delta0)
            for wrong in range(2 * runs + 1)
        ]
    )
    alarms = [float(chances(a, b, runs)[proved > mu].sum()) for a, b in gaussian(mu, delta0)]
    assert max(alarms) <= FALSE_ALARM
    assert max(alarms) > FALSE_ALARM / 10  # and hardly more rarely, so that nothing is given away


@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 0.0), (1.0, 0.05), (3.0, 0.0)])
def test_epsilon_is_overstated_as_rarely_as_said(epsilon, delta):
    runs = 100
    proved = np.array(
        [
            epsilon_from_wrong_guesses(wrong, 2 * runs, false_alarm=FALSE_ALARM, delta=delta)
            for wrong in range(2 * runs + 1)
        ]
    )
    odds = math.exp(epsilon)
    points = [(a, max(0.0, 1 - delta - odds * a, (1 - delta - a) / odds)) for a in np.linspace(0.0, 1 - delta, 30)]
    alarms = [float(chances(a, b, runs)[proved > epsilon].sum()) for a, b in points]
    assert FALSE_ALARM / 10 < max(alarms) <= FALSE_ALARM


def test_fewer_errors_prove_more_and_chance_proves_nothing():
    proved = [mu_from_wrong_guesses(wrong, 1000, false_alarm=0.05) for wrong in range(0, 1001, 50)]
    assert proved == sorted(proved, reverse=True)
    assert proved[0] > 4
    assert proved[10] == 0  # half of the guesses are wrong
    assert epsilon_from_wrong_guesses(500, 1000, false_alarm=0.05, delta=0.0) == 0
    assert epsilon_from_wrong_guesses(1000, 1000, false_alarm=0.05, delta=0.0) == 0


@pytest.mark.parametrize(("guesses", "false_alarm"), [(101, 0.05), (100, 0.3), (100, 0.0)])
def test_what_the_bound_does_not_cover_is_refused(guesses, false_alarm):
    with pytest.raises(ValueError, match="must be"):
        mu_from_wrong_guesses(1, guesses, false_alarm=false_alarm)
