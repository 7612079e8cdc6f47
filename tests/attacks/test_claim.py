"""Claims: which curve they mean for which trial."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attacks.claim import Claim
from attacks.statistics.trade_off import Approximate, Gaussian
from attacks.trial import Trial

POOL = Trial(np.array([True, False, True]))
PAIRS = Trial(np.array([True, False, False, True]), pairs=True)


def test_a_pool_has_the_claims_own_curve():
    assert Claim(1.0, 1e-5).against(POOL) == Approximate(1.0, 1e-5)
    assert Claim(1.0, 1e-5, mu=0.26, delta0=1e-9).against(POOL) == Gaussian(0.26, 1e-9)
    assert Claim().against(POOL) == Approximate(0.0, 0.0)


def test_a_replaced_row_is_two_steps_of_adding_and_removing():
    assert Claim(1.0, 1e-5).against(PAIRS) == Approximate(2.0, (1 + math.e) * 1e-5)
    assert Claim(1.0, 1e-5, mu=0.26).against(PAIRS) == Gaussian(0.52)
    doubled = Claim(1.0, 1e-5, mu=0.26, delta0=1e-6).against(PAIRS)
    assert doubled.mu == 0.52
    assert 2e-6 < doubled.delta0 < 1e-5
    assert Claim().against(PAIRS) == Approximate(0.0, 0.0)


def test_a_replaced_row_is_one_step_of_replacing():
    assert Claim(1.0, 1e-5, relation="replace-one").against(PAIRS) == Approximate(1.0, 1e-5)
    assert Claim(1.0, 1e-5, mu=0.3, relation="replace-one").against(PAIRS) == Gaussian(0.3)


def test_replacing_says_nothing_of_a_row_that_is_added():
    with pytest.raises(ValueError, match="pairs"):
        Claim(1.0, 1e-5, relation="replace-one").against(POOL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": -1.0},
        {"epsilon": math.nan},
        {"epsilon": math.inf},
        {"delta": 1.5},
        {"delta": math.nan},
        {"mu": -0.1},
        {"mu": math.inf},
        {"delta0": -1e-9},
        {"relation": "swap"},
    ],
)
def test_impossible_claims(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Claim(**wrong)
