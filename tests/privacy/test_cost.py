from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import BudgetError, SettingError
from dpsynth.privacy.cost import ZERO, Cost

amounts = st.fractions(min_value=0, max_value=100, max_denominator=10**6)
costs = st.builds(Cost, amounts, amounts)
floats = st.floats(min_value=0, max_value=1e6, allow_nan=False)


@given(st.lists(floats, max_size=30))
def test_a_sum_of_floats_is_never_below_the_exact_sum(mus: list[float]) -> None:
    total = sum((Cost.of_mu(mu) for mu in mus), ZERO)
    assert total.mu_squared == sum(Fraction(mu) ** 2 for mu in mus)


def test_ten_tenths_do_not_fit_where_float_addition_would_let_them() -> None:
    tenth = Cost(0.1)  # type: ignore[arg-type]
    float_sum, exact_sum = 0.0, ZERO
    for _ in range(10):  # one by one: sum() of floats is compensated from Python 3.12 on
        float_sum, exact_sum = float_sum + 0.1, exact_sum + tenth
    assert float_sum < 1  # the trap: a float ledger has room left after ten spends of 0.1
    assert not exact_sum.fits(Cost(Fraction(1)))


@given(costs, costs, costs)
def test_addition_is_commutative_associative_and_monotone(a: Cost, b: Cost, c: Cost) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + ZERO == a
    assert a <= a + b
    assert (a + b).minus(b) == a


@given(costs, costs)
def test_order_is_componentwise(a: Cost, b: Cost) -> None:
    assert (a <= b) == (a.mu_squared <= b.mu_squared and a.delta <= b.delta) == a.fits(b)


def test_a_budget_of_one_kind_does_not_pay_for_the_other() -> None:
    assert not Cost(Fraction(0), Fraction(1, 10**9)).fits(Cost(Fraction(100)))
    assert not Cost(Fraction(1)).fits(Cost(Fraction(0), Fraction(1)))


@given(costs, st.lists(floats, min_size=1, max_size=8).filter(any))
def test_parts_of_a_split_add_up_exactly_and_follow_the_shares(whole: Cost, shares: list[float]) -> None:
    parts = whole.split(shares)
    assert sum(parts, ZERO) == whole
    total = sum(map(Fraction, shares))
    assert [part.mu_squared * total for part in parts] == [whole.mu_squared * Fraction(share) for share in shares]
    assert whole.split(dict(enumerate(shares))) == parts


@pytest.mark.parametrize("shares", [[], [0.0, 0], [-1, 2], [math.nan], [math.inf, 1], [True], ["1"], {"a": None}])
def test_shares_that_mean_nothing_are_refused(shares: object) -> None:
    with pytest.raises(SettingError):
        Cost(Fraction(1)).split(shares)  # type: ignore[arg-type]


@given(costs, costs)
def test_what_is_left_is_never_negative(budget: Cost, spent: Cost) -> None:
    if spent.fits(budget):
        assert budget.minus(spent) + spent == budget
    else:
        with pytest.raises(BudgetError, match="must fit the budget that is left"):
            budget.minus(spent)


@given(st.fractions(min_value=0, max_value=10**12) | st.floats(0, 1e300).map(Fraction))
def test_mu_is_the_smallest_float_whose_square_covers(mu_squared: Fraction) -> None:
    mu = Cost(mu_squared).mu
    assert Fraction(mu) ** 2 >= mu_squared
    assert mu == 0 or Fraction(math.nextafter(mu, 0)) ** 2 < mu_squared


@given(floats)
def test_mu_returns_the_float_that_was_squared(mu: float) -> None:
    assert Cost.of_mu(mu).mu == mu


@pytest.mark.parametrize("exponent", [-700, -320, 0, 300])
def test_mu_survives_magnitudes_beyond_floats(exponent: int) -> None:
    mu = Cost(Fraction(10) ** exponent).mu
    assert mu == pytest.approx(10.0 ** (exponent / 2), rel=1e-15, abs=5e-324)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -1, -1e-300, True, False, "1", None, 1j])
def test_impossible_amounts_are_refused_everywhere(amount: object) -> None:
    for build in (
        lambda: Cost(amount),  # type: ignore[arg-type]
        lambda: Cost(Fraction(1), amount),  # type: ignore[arg-type]
        lambda: Cost.of_mu(amount),  # type: ignore[arg-type]
        lambda: Cost.of_mu(1, amount),  # type: ignore[arg-type]
    ):
        with pytest.raises(SettingError):
            build()


def test_numpy_scalars_are_taken_exactly() -> None:
    assert Cost(np.int64(3), np.float64(0.1)) == Cost(Fraction(3), Fraction(0.1))  # type: ignore[arg-type]
    big = Cost(np.int64(2**62)) + Cost(np.int64(2**62))  # type: ignore[arg-type]
    assert big.mu_squared == 2**63
