"""The joint price of adaptive choices: an adversary of any kind stays below it, and some come close."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution as pld
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.special import ndtri

from dpsynth.errors import SettingError
from dpsynth.privacy.calibration import Guarantee
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.exponential import mu_of_range
from dpsynth.privacy.gaussian_profile import delta_of
from dpsynth.privacy.picks import (
    CELLS,
    MOST_TOGETHER,
    cost_of_picks,
    mu_above,
    mu_of_picks,
    range_of_picks,
    worst_profile,
)

ETAS = [0.01, 0.3, 1.5, 5.0]


def interaction(eta, picks, choose, history=()):
    """(p, q) of every history of an adversary who takes t = choose(history) * eta, by plain enumeration."""
    if len(history) == picks:
        return np.ones((1, 2))
    t = choose(history) * eta
    q = (1 - math.exp(t - eta)) / (math.exp(t) - math.exp(t - eta))
    parts = [interaction(eta, picks, choose, (*history, outcome)) for outcome in (0, 1)]
    return np.concatenate([parts[0] * [q * math.exp(t), q], parts[1] * [(1 - q) * math.exp(t - eta), 1 - q]])


def exact_mu(laws):
    """The smallest mu whose Gaussian curve lies below the trade-off function, by its vertices."""
    order = np.argsort(-laws[:, 0] / laws[:, 1], kind="stable")
    power, size = np.cumsum(laws[order], axis=0)[:-1].T
    missed = np.cumsum(laws[order][::-1, 0])[::-1][1:]  # 1 - power, without rounding a small rest to nothing
    return float(np.max(np.where(power > 0.5, -ndtri(missed), ndtri(power)) - ndtri(size)))


def test_the_enumeration_is_right():
    laws = interaction(1.3, 3, lambda history: 0.2 + 0.1 * sum(history))
    assert np.allclose(laws.sum(axis=0), 1)
    assert exact_mu(interaction(1.3, 1, lambda history: 0.5)) == pytest.approx(mu_of_range(1.3), rel=1e-9)


@given(st.sampled_from(ETAS), st.integers(2, 6), st.lists(st.floats(0.02, 0.98), min_size=64, max_size=64))
def test_no_adaptive_adversary_is_above_the_price(eta, picks, shares):
    """Every history has a t of its own."""

    def choose(history):
        return shares[int("1" + "".join(map(str, history)), 2)]

    assert exact_mu(interaction(eta, picks, choose)) <= cost_of_picks(eta, picks).mu


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("picks", [2, 3, 4, 8])
def test_an_adversary_comes_close_to_the_price(eta, picks):
    """Power: a price that forgets one pick, or takes the limit eta / 2 for each, is too low."""
    even = exact_mu(interaction(eta, picks, lambda history: 0.5))
    price = cost_of_picks(eta, picks).mu
    assert 0.93 * price < even <= price
    assert even > cost_of_picks(eta, picks - 1).mu
    if eta < 1:
        assert even > picks**0.5 * eta / 2


def reference_profile(eta, picks, cells):
    """worst_profile again in 40 digits, one number at a time, over all t of the same grid."""
    mp.dps = 40
    step, wide = mpf(math.nextafter(eta / cells, math.inf)), cells + 1
    known = {}

    def worst(k, i):
        if k == 0:
            return max(mpf(0), -mp.expm1(i * step))
        if (k, i) not in known:
            p = [-mp.expm1((j - wide) * step) / -mp.expm1(-wide * step) for j in range(wide + 1)]
            known[k, i] = max(
                p[j] * worst(k - 1, i - j) + (1 - p[j]) * worst(k - 1, i - j + wide) for j in range(wide + 1)
            )
        return known[k, i]

    return [worst(picks, i) for i in range(wide * picks + 1)]


@pytest.mark.parametrize("eta", [1e-6, 0.3, 5.0])
@pytest.mark.parametrize(("picks", "cells"), [(1, 9), (2, 7), (4, 4)])
def test_rounding_is_on_the_safe_side(eta, picks, cells):
    """Relative errors of one part in 10^12 are allowed for, and those of floats are a tenth of that."""
    _, profile = worst_profile(eta, picks, cells)
    exact = reference_profile(eta, picks, cells)
    assert len(profile) == len(exact) == (cells + 1) * picks + 1
    assert profile[-1] == exact[-1] == 0
    for computed, true in zip(profile[:-1], exact[:-1], strict=True):
        assert true * (1 + mpf(9) / 10**13) <= computed <= true * (1 + mpf(11) / 10**13)


@pytest.mark.parametrize("eta", [0.3, 3.0])
def test_a_finer_grid_lowers_the_price_only(eta):
    for picks in (2, 5):
        prices = [mu_above(*worst_profile(eta, picks, cells)) for cells in (16, 32, 64, CELLS)]
        assert prices == sorted(prices, reverse=True)
        assert prices[-1] > prices[-2] * (1 - 1.2 / 64)


@pytest.mark.parametrize("eta", ETAS)
def test_one_pick_on_the_grid_is_the_two_point_law(eta):
    """Where the answer is known: just above mu_of_range, by the grid's share."""
    assert 1 < mu_above(*worst_profile(eta, 1)) / mu_of_range(eta) < 1 + 2.5 / CELLS
    assert mu_of_picks(eta, 1) == mu_of_range(eta)


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("picks", [3, 24])
def test_the_gaussian_profile_lies_above_the_worst_one_everywhere(eta, picks):
    step, profile = worst_profile(eta, picks)
    mu = mu_above(step, profile)
    gaussian = np.array([delta_of(i * step, mu) for i in range(0, len(profile), 7)])
    assert (gaussian * (1 + 1e-9) >= profile[::7]).all()
    lower = np.array([delta_of(i * step, mu * (1 - 1e-4)) for i in range(len(profile))])
    assert (lower < profile).any(), "and a smaller mu is refused"


def test_a_profile_that_no_gaussian_covers_has_no_mu():
    assert mu_above(0.1, np.array([1.0, 1.0, 0.0])) == math.inf
    assert mu_above(0.1, np.array([0.2, 0.2, 0.0])) == math.inf
    assert mu_above(0.1, np.array([0.03, 0.01, 0.0])) < math.inf


@pytest.mark.parametrize(("eta", "picks"), [(0.1, 14), (0.5, 8), (1.0, 24), (0.2, 50)])
def test_an_independent_judge_agrees(eta, picks):
    """Privacy loss distributions of adversaries with one t: never above ours, and near it where curves touch.

    At small delta ours is larger: the loss of a few picks has an end, and a Gaussian has none.
    """
    mu = cost_of_picks(eta, picks).mu
    charged, understated = Guarantee.of(Cost.of_mu(mu)), Guarantee.of(Cost.of_mu(mu * 0.9))
    for share in (0.5, 0.3):
        t = share * eta
        q = (math.exp(-t) - math.exp(-eta)) / -math.expm1(-eta)
        laws = ({"t": math.log(x), "t - eta": math.log1p(-x)} for x in (q, q * math.exp(t)))
        judged = pld.from_two_probability_mass_functions(
            *laws, pessimistic_estimate=False, value_discretization_interval=1e-4
        ).self_compose(picks)
        for delta in (1e-2, 1e-5, 1e-9):
            assert charged.epsilon(delta) >= judged.get_epsilon_for_delta(delta)
        assert charged.delta(0.0) >= judged.get_delta_for_epsilon(0.0)
        if share == 0.5:
            assert understated.delta(0.0) < judged.get_delta_for_epsilon(0.0)


@example(2.0, 24)
@example(2.125, 16)
@example(2.0, 48)
@given(st.floats(-12, 3), st.integers(1, 60))
def test_never_above_the_single_prices_and_never_below_fewer_picks_or_a_smaller_range(log_eta, picks):
    eta = math.exp(log_eta)
    cost = cost_of_picks(eta, picks)
    assert cost.delta == 0
    assert float(cost.mu_squared) <= picks * mu_of_range(eta) ** 2 * (1 + 1e-9)
    assert cost <= cost_of_picks(eta, picks + 1)
    assert float(cost.mu_squared) <= float(cost_of_picks(eta * (1 + 1e-9), picks).mu_squared) * (1 + 1e-6)
    assert float(cost.mu_squared) > 0.7 * picks * (eta / 2) ** 2 or eta > 4


@settings(max_examples=20)
@given(st.floats(-25, 4), st.integers(1, 60))
@example(3.5, 2)  # where the price jumps
def test_the_range_of_a_budget_fits_and_fills_it(log_mu, picks):
    budget = Cost(Fraction(math.exp(log_mu)))
    eta = range_of_picks(budget, picks)
    assert cost_of_picks(eta * (1 + 5e-11), picks).fits(budget)
    assert not cost_of_picks(eta * (1 + 1e-5), picks).fits(budget)


def test_many_picks_are_priced_in_even_parts():
    assert cost_of_picks(0.3, 2 * MOST_TOGETHER).mu_squared == 2 * cost_of_picks(0.3, MOST_TOGETHER).mu_squared
    odd = cost_of_picks(0.3, MOST_TOGETHER + 1)
    half = MOST_TOGETHER // 2
    assert odd == cost_of_picks(0.3, half) + cost_of_picks(0.3, MOST_TOGETHER + 1 - half)


def test_nothing_costs_nothing_and_nonsense_is_refused():
    assert cost_of_picks(0.0, 5) == cost_of_picks(0.5, 0) == ZERO
    for eta, picks in ((-0.1, 1), (math.nan, 1), (math.inf, 1), (0.1, -1)):
        with pytest.raises(SettingError):
            cost_of_picks(eta, picks)
    for picks in (0, MOST_TOGETHER + 1):
        with pytest.raises(SettingError):
            mu_of_picks(0.1, picks)
    for budget, picks in ((ZERO, 1), (Cost(Fraction(1)), 0)):
        with pytest.raises(SettingError):
            range_of_picks(budget, picks)
