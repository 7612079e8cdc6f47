"""The credible bound: its definition by simulation, and how it compares with bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.statistics.bayesian import credible_epsilon, credible_mu
from attacks.statistics.binomial import epsilon_from_errors
from attacks.statistics.gdp_lower_bound import mu_from_errors
from attacks.statistics.trade_off import Approximate, Gaussian

ERRORS = [(30, 1000, 200, 1000), (0, 200, 100, 200), (5, 50, 4, 80), (100, 300, 100, 300)]


@pytest.mark.parametrize("errors", ERRORS)
@pytest.mark.parametrize("outside", [0.05, 0.2])
def test_posterior_mass_above_the_curve(errors, outside):
    false_positives, negatives, false_negatives, positives = errors
    rng = np.random.default_rng(7)
    a = rng.beta(0.5 + false_positives, 0.5 + negatives - false_positives, 400_000)
    b = rng.beta(0.5 + false_negatives, 0.5 + positives - false_negatives, 400_000)
    for curve in (
        Approximate(credible_epsilon(*errors, outside=outside, delta=1e-3), 1e-3),
        Gaussian(credible_mu(*errors, outside=outside)),
    ):
        assert (b >= curve.f(a)).mean() == pytest.approx(outside, abs=5 * np.sqrt(outside / 400_000) + 1e-3)


@pytest.mark.parametrize("errors", ERRORS)
def test_sharper_than_the_bounds_that_hold(errors):
    assert credible_epsilon(*errors, outside=0.05) > epsilon_from_errors(*errors, false_alarm=0.05)
    assert credible_mu(*errors, outside=0.05) > mu_from_errors(*errors, false_alarm=0.05)


def test_a_useless_attack_shows_nothing():
    assert credible_epsilon(500, 1000, 500, 1000, outside=0.05) == 0.0
    assert credible_mu(900, 1000, 900, 1000, outside=0.05) == 0.0
