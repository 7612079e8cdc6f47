"""Trade-off curves: against their definitions, against each other, and against figures of another library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.statistics.trade_off import Approximate, Gaussian, attack_odds

RATES = np.linspace(0, 1, 2001)
CURVES = [
    Gaussian(0.0),
    Gaussian(0.3),
    Gaussian(2.0),
    Gaussian(0.7, 0.05),
    Gaussian(5.0, 0.3),
    Gaussian(1.0, 1.0),
    Approximate(0.0, 0.0),
    Approximate(1.0, 0.0),
    Approximate(2.0, 0.01),
    Approximate(0.2, 0.4),
    Approximate(3.0, 1.0),
]


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_curves_are_trade_offs(curve):
    """Convex, falling, never above the diagonal of chance, and their own inverse."""
    values = curve.f(RATES)
    assert (values >= 0).all()
    assert (values <= 1 - RATES + 1e-12).all()
    assert (np.diff(values) <= 1e-12).all()
    assert (np.diff(values, 2) >= -1e-9).all()
    inside = (values > 1e-9) & (RATES > 1e-9)
    np.testing.assert_allclose(curve.f(values[inside]), RATES[inside], atol=1e-7)
    np.testing.assert_allclose([curve.ceiling(rate) for rate in RATES[::50]], 1 - values[::50], atol=1e-12)


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_summaries_follow_from_the_curve(curve):
    fine = np.linspace(0, 1, 400_001)
    values = curve.f(fine)
    assert curve.advantage == pytest.approx((1 - fine - values).max(), abs=1e-5)
    assert curve.auc == pytest.approx(1 - np.trapezoid(values, fine), abs=1e-5)
    for epsilon in (0.0, 0.4, 1.0, 2.5):
        definition = max(0.0, (1 - values - math.exp(epsilon) * fine).max())
        assert curve.delta_at(epsilon) == pytest.approx(definition, abs=1e-5)


@pytest.mark.parametrize("curve", CURVES, ids=str)
@pytest.mark.parametrize("delta", [1e-9, 1e-3, 0.06, 0.5])
def test_epsilon_inverts_delta(curve, delta):
    epsilon = curve.epsilon_at(delta)
    if epsilon == math.inf:
        assert curve.delta_at(60) > delta or curve.delta_at(60) == pytest.approx(1)
    elif epsilon == 0:
        assert curve.delta_at(0) <= delta
    else:
        assert curve.delta_at(epsilon) == pytest.approx(delta, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 4), st.sampled_from([0.0, 1e-6, 0.01, 0.2, 0.7]), st.booleans())
def test_two_steps_cover_the_curve_applied_twice(parameter, slack, gaussian):
    """f(1 - f(a)) is what any attacker is left with two tables away; the short form must never promise more."""
    curve = Gaussian(parameter, slack) if gaussian else Approximate(parameter, slack)
    twice = curve.f(1 - curve.f(RATES))
    found = curve.two_steps().f(RATES)
    assert (found <= twice + 1e-9).all()
    if gaussian or slack < 0.01:  # the textbook delta of two steps, (1 + e^epsilon) delta, is not the least if large
        assert found[0] == pytest.approx(twice[0], abs=1e-9)
    if slack == 0 and gaussian:
        np.testing.assert_allclose(found, twice, atol=1e-7)


def test_two_steps_with_a_forgotten_delta_are_caught_by_the_test_above():
    for wrong in (Gaussian(2.0, 0.01), Gaussian(2.0, 0.02)):
        curve = Gaussian(1.0, 0.01)
        assert (wrong.f(RATES) > curve.f(1 - curve.f(RATES)) + 1e-9).any()


def test_a_gaussian_curve_implies_each_of_its_pairs():
    curve = Gaussian(1.2, 0.003)
    for delta in (0.004, 0.05, 0.2):
        implied = Approximate(curve.epsilon_at(delta), delta)
        assert (implied.f(RATES) <= curve.f(RATES) + 1e-9).all()
        assert (implied.f(RATES) > curve.f(RATES) - 5e-3).any()  # they touch


def test_gaussian_of_a_pair():
    assert Gaussian.of(1.0, 1e-5).mu == pytest.approx(0.268051, abs=1e-6)
    assert Gaussian.of(10.0, 1e-5).mu == pytest.approx(2.000446, abs=1e-6)
    for bad in ((-1, 0.1), (1, 0.0), (1, 1.0), (math.inf, 0.1), (math.nan, 0.1)):
        with pytest.raises(ValueError, match="epsilon"):
            Gaussian.of(*bad)


@pytest.mark.parametrize("bad", [(-0.1, 0), (math.nan, 0), (math.inf, 0), (1, -0.1), (1, 1.1), (1, math.nan)])
@pytest.mark.parametrize("curve", [Gaussian, Approximate])
def test_no_curve_of_impossible_parameters(curve, bad):
    with pytest.raises(ValueError):
        curve(*bad)


def test_attack_odds_table():
    one, ten = attack_odds((1.0, 10.0))
    assert (one.advantage, one.auc) == pytest.approx((0.107, 0.575), abs=5e-4)
    assert one.true_positive_rates == pytest.approx({"0.1": 0.155, "0.01": 0.0198, "0.001": 0.0024}, abs=5e-4)
    assert ten.true_positive_rates["0.01"] == pytest.approx(0.372, abs=5e-4)
    assert ten.ceilings == pytest.approx({"0.1": 0.764, "0.5": 0.977}, abs=5e-4)
