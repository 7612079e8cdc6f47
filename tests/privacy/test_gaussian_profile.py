"""The profile against 60-digit arithmetic, and its inverses against itself."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dpsynth.errors import SettingError
from dpsynth.privacy.gaussian_profile import delta_of, epsilon_of, mu_of

epsilons = st.floats(0, 50)
mus = st.floats(-4, 1.3).map(lambda exponent: 10**exponent)
deltas = st.floats(-15, math.log10(0.5)).map(lambda exponent: 10**exponent)


def exact_delta(epsilon: float, mu: float) -> mpmath.mpf:
    """The defining formula; 60 digits outlast the cancellation, which eats at most 15 here."""
    with mpmath.workdps(60):
        e, m = mpmath.mpf(epsilon), mpmath.mpf(mu)
        return _upper_tail(e / m - m / 2) - mpmath.exp(e) * _upper_tail(e / m + m / 2)


def _upper_tail(t: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(t / mpmath.sqrt(2)) / 2


def test_delta_is_right_to_ten_digits_over_a_wide_grid() -> None:
    worst, compared = 0.0, 0
    for mu in np.geomspace(1e-4, 20, 25):
        # epsilons by their place on the bell curve, so that every delta from 1/2 to 1e-300 occurs at every mu
        reach = [mu * (a + mu / 2) for a in np.linspace(-mu / 2, 36, 25)]
        for epsilon in [*reach, *np.linspace(0, 50, 11)]:
            truth = exact_delta(max(epsilon, 0.0), mu)
            if truth < 1e-300:
                assert delta_of(max(epsilon, 0.0), mu) < 1.1e-300
                continue
            worst = max(worst, abs(float(delta_of(max(epsilon, 0.0), mu) / truth - 1)))
            compared += 1
    assert compared > 600
    assert worst < 1e-11


def test_plain_subtraction_would_not_pass() -> None:
    """Why the stable form is needed: the defining formula in floats cancels when mu is small."""
    epsilon, mu = 2e-5, 1e-6
    tail = [math.erfc((epsilon / mu + sign * mu / 2) / math.sqrt(2)) / 2 for sign in (-1, 1)]
    naive = tail[0] - math.exp(epsilon) * tail[1]
    truth = exact_delta(epsilon, mu)
    assert abs(naive / truth - 1) > 1e-10
    assert abs(delta_of(epsilon, mu) / truth - 1) < 1e-12


@pytest.mark.parametrize(
    ("epsilon", "mu"), [(1e4, 137.0), (1e4, 141.5), (700.0, 30.0), (0.0, 80.0), (0.0, 1e-12), (800.0, 1e3)]
)
def test_values_far_outside_daily_use(epsilon: float, mu: float) -> None:
    assert abs(delta_of(epsilon, mu) / exact_delta(epsilon, mu) - 1) < 1e-11


def test_ends_of_the_range() -> None:
    assert delta_of(0.0, 0.0) == delta_of(3.0, 0.0) == delta_of(1e300, 1e-300) == 0.0
    assert delta_of(0.0, 1e308) == 1.0
    assert epsilon_of(1e-6, 0.0) == 0.0
    assert epsilon_of(0.5, 0.1) == 0.0  # total variation at mu 0.1 is 0.04


@given(epsilons, mus, st.floats(1.001, 2))
def test_delta_falls_in_epsilon_and_grows_in_mu(epsilon: float, mu: float, factor: float) -> None:
    here = delta_of(epsilon, mu)
    assume(here > 0)
    rounding = 1 + 1e-12  # each is rounded up on its own
    assert delta_of(epsilon * factor, mu) <= here * rounding
    assert here <= delta_of(epsilon, mu * factor) * rounding


@given(epsilons, deltas)
@settings(max_examples=150)
def test_mu_is_the_largest_safe_one(epsilon: float, delta: float) -> None:
    mu = mu_of(epsilon, delta)
    assert exact_delta(epsilon, mu) <= delta
    assert exact_delta(epsilon, mu * (1 + 1e-9)) > delta
    assert delta_of(epsilon, mu) <= delta < delta_of(epsilon, mu * (1 + 1e-9))


@given(deltas, mus)
@settings(max_examples=150)
def test_epsilon_is_the_smallest_safe_one(delta: float, mu: float) -> None:
    epsilon = epsilon_of(delta, mu)
    assert exact_delta(epsilon, mu) <= delta
    if epsilon > 0:
        assert exact_delta(epsilon * (1 - 1e-9), mu) > delta * (1 - 1e-9)


@given(epsilons.filter(lambda epsilon: epsilon > 1e-3), deltas)
@settings(max_examples=150)
def test_a_budget_never_reports_more_epsilon_than_was_asked_for(epsilon: float, delta: float) -> None:
    reported = epsilon_of(delta, mu_of(epsilon, delta))
    assert reported <= epsilon
    assert delta_of(reported * (1 + 1e-9), mu_of(epsilon, delta)) <= delta


@pytest.mark.parametrize("bad", [-1e-9, math.nan, math.inf, -math.inf, True])
def test_values_outside_the_definition_are_refused(bad: float) -> None:
    for call in (lambda: delta_of(bad, 1.0), lambda: delta_of(1.0, bad), lambda: epsilon_of(1e-6, bad)):
        with pytest.raises(SettingError, match="must be a finite number"):
            call()
    with pytest.raises(SettingError, match="epsilon"):
        mu_of(bad, 1e-6)


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, 2.0, math.nan, math.inf, True])
def test_deltas_outside_the_open_unit_interval_are_refused(bad: float) -> None:
    for call in (lambda: epsilon_of(bad, 1.0), lambda: mu_of(1.0, bad)):
        with pytest.raises(SettingError, match="strictly between 0 and 1"):
            call()
