"""The compiled loop of `one_run`; importing this module imports numba, so it is imported where it is needed."""

from __future__ import annotations

import math
from typing import Any

import numba

_SQRT_HALF = math.sqrt(0.5)
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@numba.njit(cache=True)
def mass_needed(start: Any, tail: Any, coins: Any, guesses: Any, correct: Any, mu: Any, delta0: Any) -> float:
    """The probability that all counts of right guesses must have, if `correct` or more have `tail`; inf above 1.

    start: anything below Phi^-1 of the first argument, where Newton's method begins.
    """
    right = tail * correct / coins
    wrong = tail * (guesses - correct) / coins
    kept = 1 - delta0
    z = start
    for count in range(correct - 1, -1, -1):
        share = (right - delta0) / kept
        if share >= 1:
            return math.inf
        if share <= 0:
            break  # delta0 alone explains it
        z = _quantile(math.log(share), z)
        least = kept * 0.5 * math.erfc((mu - z) * _SQRT_HALF)
        if least <= wrong:
            break  # nothing is needed here, and so nothing further down
        right += count / (guesses - count) * (least - wrong)
        wrong = least
        if (right + wrong) * coins > guesses:
            return math.inf
    return float((right + wrong) * coins / guesses)


@numba.njit(cache=True, inline="always")
def _quantile(log_share: Any, z: Any) -> float:
    """The z with log Phi(z) = log_share, by Newton's method from below: log Phi is concave, so it never overshoots."""
    for _ in range(100):
        tail = 0.5 * math.erfc(-z * _SQRT_HALF)
        step = (log_share - math.log(tail)) * tail * math.exp(0.5 * z * z + _LOG_SQRT_2PI)
        z += step
        if step < 1e-11:
            break
    return float(z)
