from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.compare import worker


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-9), (1.0, 1e-9), (1.0, 1e-5), (10.0, 1e-9)])
def test_the_budget_in_zcdp_is_the_largest_that_fits(epsilon: float, delta: float) -> None:
    rho = worker.zcdp_rho(epsilon, delta)
    # The older, looser conversion epsilon = rho + 2 sqrt(rho log(1/delta)) allows less.
    loose = (math.sqrt(math.log(1 / delta) + epsilon) - math.sqrt(math.log(1 / delta))) ** 2
    assert loose < rho < 2 * loose
    # The delta of the Gaussian mechanism with this rho, computed exactly, is below what zCDP promises of all of them.
    mu = math.sqrt(2 * rho)
    tails = [0.5 * math.erfc((epsilon / mu + sign * mu / 2) / math.sqrt(2)) for sign in (-1, 1)]
    assert tails[0] - math.exp(epsilon) * tails[1] < delta


def test_known_budgets() -> None:
    # As the function `cdp_rho` of dpmm 0.1.9 computes them.
    assert worker.zcdp_rho(1.0, 1e-9) == pytest.approx(0.0149730577, rel=1e-6)
    assert worker.zcdp_rho(10.0, 1e-9) == pytest.approx(1.0907857044, rel=1e-6)


def test_rows_are_moved_into_the_domain_and_counted() -> None:
    made = {"a": ["0", "2", "7"], "b": np.array([np.nan, 0.9999, -1.0])}
    codes, moved = worker.repaired(made, {"a": 3, "b": 2})
    assert codes["a"].tolist() == [0, 2, 2]
    assert codes["b"].tolist() == [0, 1, 0]
    assert moved == 3  # 7, the missing value and -1


def test_a_long_error_fits_in_a_row() -> None:
    assert worker.in_short(ValueError("two\nlines")) == "ValueError: two lines"
    short = worker.in_short(RuntimeError("start " + "x" * 1000 + " the reason"))
    assert len(short) <= 120
    assert short.startswith("RuntimeError: start")
    assert short.endswith("the reason")
