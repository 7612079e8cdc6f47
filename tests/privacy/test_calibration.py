from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from dpsynth.errors import SettingError
from dpsynth.privacy.calibration import Guarantee, budget_from, budget_from_mu, budget_from_rho, check_delta
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.gaussian_profile import delta_of, epsilon_of, mu_of

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "privacy-currency.md"

epsilons = st.floats(0.05, 20)
deltas = st.floats(-12, -1).map(lambda exponent: 10**exponent)
reserves = st.sampled_from([0.0, 1e-3, 0.1, 0.9])  # as a share of delta
guarantees = st.builds(Guarantee, st.floats(0.01, 6), st.sampled_from([0.0, 1e-9, 1e-4, 0.2]))


def zcdp_rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose best known zCDP conversion still implies (epsilon, delta).

    Canonne, Kamath, Steinke 2020, corollary 13: delta = min over alpha > 1 of
    exp((alpha - 1)(alpha rho - epsilon)) (1 - 1/alpha)^alpha / (alpha - 1).
    """

    def log_delta(rho: float) -> float:
        def at(log_alpha_minus_1: float) -> float:
            alpha = 1 + math.exp(log_alpha_minus_1)
            slack = alpha * math.log1p(-1 / alpha) - log_alpha_minus_1
            return (alpha - 1) * (alpha * rho - epsilon) + slack

        return float(minimize_scalar(at, bounds=(-6, 9), method="bounded", options={"xatol": 1e-10}).fun)

    return float(brentq(lambda rho: log_delta(rho) - math.log(delta), 1e-8, epsilon, xtol=1e-15, rtol=1e-12))


# How much more rho the exact Gaussian profile grants for the same (epsilon, delta), in percent.
GAIN_OVER_ZCDP = {
    1e-5: {0.2: 20.7, 0.5: 18.9, 1: 17.6, 2: 16.2, 5: 14.1, 10: 12.2},
    1e-6: {0.2: 17.2, 0.5: 16.0, 1: 15.0, 2: 14.0, 5: 12.4, 10: 10.9},
    1e-9: {0.2: 11.6, 0.5: 11.0, 1: 10.6, 2: 10.1, 5: 9.3, 10: 8.4},
}


@pytest.mark.parametrize("delta", GAIN_OVER_ZCDP)
def test_the_gain_over_zcdp_is_the_published_table(delta: float) -> None:
    gains = {e: 100 * (mu_of(e, delta) ** 2 / 2 / zcdp_rho_of(e, delta) - 1) for e in GAIN_OVER_ZCDP[delta]}
    assert gains == pytest.approx(GAIN_OVER_ZCDP[delta], abs=0.06)


@given(epsilons, deltas, reserves)
@settings(max_examples=100)
def test_a_fully_spent_budget_keeps_the_promise_and_wastes_nothing(epsilon: float, delta: float, share: float) -> None:
    reserve = delta * share
    budget = budget_from(epsilon, delta, reserve)
    guarantee = Guarantee.of(budget)
    assert budget.delta == Fraction(reserve)
    assert guarantee.delta(epsilon) <= delta
    assert guarantee.epsilon(delta) <= epsilon
    wider = Guarantee(guarantee.mu * (1 + 1e-7), guarantee.delta0)
    assert wider.delta(epsilon) > delta


@given(epsilons, deltas)
@settings(max_examples=30)
def test_a_reserve_costs_mu(epsilon: float, delta: float) -> None:
    whole, half = budget_from(epsilon, delta), budget_from(epsilon, delta, delta / 2)
    assert half.mu_squared < whole.mu_squared
    assert budget_from(epsilon * 2, delta).mu_squared > whole.mu_squared


def test_other_currencies_become_the_same_budget() -> None:
    assert budget_from_mu(0.5) == Cost(Fraction(1, 4))
    assert budget_from_rho(0.125) == Cost(Fraction(1, 4))
    assert budget_from_mu(0.5, 1e-9).delta == budget_from_rho(0.125, 1e-9).delta == Fraction(1e-9)
    assert Guarantee(0.5).rho == 0.125


BAD_NUMBERS = [math.nan, math.inf, -math.inf, -1.0, 0.0, True]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_amounts_that_are_not_positive_are_refused(bad: float) -> None:
    for name, call in {
        "epsilon": lambda: budget_from(bad, 1e-6),
        "mu": lambda: budget_from_mu(bad),
        "rho": lambda: budget_from_rho(bad),
    }.items():
        with pytest.raises(SettingError, match=rf"^{name} \(.*\) must be a finite number above 0; got .*; try "):
            call()


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, 1.0, 1.5])
def test_deltas_that_promise_nothing_are_refused(bad: float) -> None:
    for call in (lambda: budget_from(1.0, bad), lambda: check_delta(bad, 10), lambda: Guarantee(1.0).epsilon(bad)):
        with pytest.raises(SettingError, match=r"^delta \(.*\) must lie strictly between 0 and 1; got .*; try "):
            call()


@pytest.mark.parametrize("reserve", [1e-6, 2e-6, 1.0])
def test_a_reserve_must_leave_some_delta(reserve: float) -> None:
    with pytest.raises(SettingError, match=r"^reserved_delta \(.*\) must be less than delta; got .*; try "):
        budget_from(1.0, 1e-6, reserve)


@pytest.mark.parametrize("reserve", [-1e-9, 1.0, math.nan, True])
def test_impossible_reserves_are_refused(reserve: float) -> None:
    for call in (
        lambda: budget_from(1.0, 1e-6, reserve),
        lambda: budget_from_mu(1.0, reserve),
        lambda: budget_from_rho(1.0, reserve),
        lambda: Guarantee(1.0, reserve),
    ):
        with pytest.raises(SettingError):
            call()


@pytest.mark.parametrize(("delta", "rows"), [(1e-3, 1000), (0.25, 4), (0.5, 10)])
def test_a_delta_that_allows_publishing_a_row_is_refused(delta: float, rows: int) -> None:
    with pytest.raises(SettingError, match=r"must be less than 1 / public_rows; got public_rows \d+; try "):
        check_delta(delta, rows)


def test_a_small_delta_passes_at_the_exact_edge() -> None:
    check_delta(math.nextafter(0.25, 0), 4)
    check_delta(1e-6, 48_842)
    for rows in (0, -5, True):
        with pytest.raises(SettingError, match="public_rows"):
            check_delta(1e-6, rows)


@given(guarantees, st.floats(0, 15))
@settings(max_examples=100)
def test_delta_with_a_reserve_is_the_mixture_profile(guarantee: Guarantee, epsilon: float) -> None:
    expected = guarantee.delta0 + (1 - guarantee.delta0) * delta_of(epsilon, guarantee.mu)
    assert guarantee.delta(epsilon) == pytest.approx(expected, rel=1e-14)


@given(guarantees)
@settings(max_examples=50)
def test_epsilon_ends_where_the_reserve_begins(guarantee: Guarantee) -> None:
    if guarantee.delta0 > 0:
        assert guarantee.epsilon(guarantee.delta0) == math.inf
    just_above = guarantee.delta0 + 1e-3
    assert guarantee.delta(guarantee.epsilon(just_above)) <= just_above


@given(guarantees, st.floats(1e-6, 0.999))
@settings(max_examples=100)
def test_attack_odds_are_the_tightest_line_under_the_profile(guarantee: Guarantee, rate: float) -> None:
    """Duality: (epsilon, delta) for all epsilon allows a true-positive rate of inf e^epsilon rate + delta(epsilon).

    Both signs of epsilon count; at -epsilon the profile of a symmetric trade-off is
    1 - e^-epsilon (1 - delta(epsilon)).
    """
    ((_, odds),) = guarantee.attack_odds((rate,))
    lines = []
    for epsilon in np.linspace(0, 8 * guarantee.mu * (1 + guarantee.mu), 400):
        delta = guarantee.delta(float(epsilon))
        lines.append(math.exp(epsilon) * rate + delta)
        lines.append(math.exp(-epsilon) * rate + 1 - math.exp(-epsilon) * (1 - delta))
    assert odds <= min(lines) + 1e-12
    assert odds == pytest.approx(min(1.0, *lines), rel=0.02)


def test_attack_odds_without_privacy_loss_are_the_false_positive_rates() -> None:
    assert Guarantee(0.0).attack_odds() == tuple((rate, pytest.approx(rate)) for rate in (0.1, 0.01, 0.001))
    assert dict(Guarantee(1.0, 0.1).attack_odds((0.0, 0.95, 1.0))) == {0.0: 0.1, 0.95: 1.0, 1.0: 1.0}
    for rate in (-0.1, 1.1, math.nan, True):
        with pytest.raises(SettingError, match="false-positive rate"):
            Guarantee(1.0).attack_odds((rate,))


def test_a_guarantee_of_a_cost_is_rounded_up() -> None:
    third = Fraction(1, 3)
    guarantee = Guarantee.of(Cost(third, third))
    assert Fraction(guarantee.mu) ** 2 >= third
    assert Fraction(guarantee.delta0) >= third
    for bad in (-1.0, math.inf, math.nan, True):
        with pytest.raises(SettingError, match="mu"):
            Guarantee(bad)


def test_json_holds_the_promise_and_survives_the_strict_encoder() -> None:
    promised = Guarantee(0.7, 1e-7).to_json()
    assert json.loads(json.dumps(promised, allow_nan=False)) == promised
    assert (promised["mu"], promised["delta0"], promised["rho"]) == (0.7, 1e-7, 0.7**2 / 2)
    assert [row["delta"] for row in promised["profile"]] == [1e-5, 1e-6]  # 1e-9 lies below delta0
    assert [row["false_positive_rate"] for row in promised["attack_odds"]] == [0.1, 0.01, 0.001]


def page_table(heading: str) -> list[list[float]]:
    """Numbers of the first table under `heading` of the explanation page."""
    section = PAGE.read_text(encoding="utf-8").split(heading, 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    rows = [[cell.strip(" %") for cell in line.strip("|\n").split("|")] for line in table[0].splitlines(keepends=True)]
    return [[float(cell) for cell in row] for row in rows[2:]]


def test_the_page_tabulates_mu_of_epsilon_as_computed_here() -> None:
    rows = page_table("### mu that epsilon and delta grant")
    assert len(rows) >= 6
    for epsilon, *mus in rows:
        assert [round(mu_of(epsilon, delta), 4) for delta in (1e-5, 1e-6, 1e-9)] == mus


def test_the_page_tabulates_what_mu_means_as_computed_here() -> None:
    rows = page_table("### What a mu means")
    assert len(rows) >= 6
    for mu, *printed in rows:
        guarantee = Guarantee(mu)
        computed = [round(epsilon_of(delta, mu), 2) for delta in (1e-5, 1e-6, 1e-9)]
        computed += [round(100 * odds, 2) for _, odds in guarantee.attack_odds()]
        assert printed == computed


def test_epsilon_of_agrees_with_sixty_digits_at_one_daily_point() -> None:
    with mpmath.workdps(60):
        tail = [mpmath.erfc((epsilon_of(1e-6, 0.5) / mpmath.mpf(0.5) + s) / mpmath.sqrt(2)) / 2 for s in (-0.25, 0.25)]
        assert abs((tail[0] - mpmath.exp(epsilon_of(1e-6, 0.5)) * tail[1]) / mpmath.mpf(1e-6) - 1) < 1e-10
