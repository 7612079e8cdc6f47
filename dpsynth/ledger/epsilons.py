"""Costs as the epsilons that people know, at a delta; and the largest epsilon that a budget still buys."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache

from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import Amount
from dpsynth.privacy.calibration import Guarantee, budget_from
from dpsynth.privacy.cost import Cost

# At this delta an epsilon is shown where neither the caller nor the cap names one.
SHOWN_DELTA = 1e-6


def delta_of_cap(book: Book, scope: str) -> float:
    """The delta that the cap of `scope` was stated at, or that of the nearest scope above it."""
    for above in book.capped(scope):
        try:
            return float(str(book.caps[above].details["delta"]))
        except (KeyError, ValueError):
            continue
    return SHOWN_DELTA


@lru_cache(maxsize=4096)
def epsilon_at(cost: Cost, delta: float) -> float:
    """What a cost promises at `delta`; inf when its delta0 is as large."""
    return math.inf if cost.delta >= 1 else Guarantee.of(cost).epsilon(delta)


def largest_epsilon(left: Amount, cost: Cost, delta: float) -> float:
    """The largest epsilon whose budget at `delta`, with the delta0 of `cost` in it and in whole units, is in `left`."""
    reserve = float(cost.delta)
    if left.mu_squared <= 0 or reserve >= delta or Amount.charged(cost).delta > left.delta:
        return 0.0
    epsilon = Guarantee(left.cost.mu, reserve).epsilon(delta)
    if math.isfinite(epsilon) and _fits(float(f"{epsilon:.6g}"), delta, reserve, left):
        return float(f"{epsilon:.6g}")  # what somebody asked a cap to be, not its neighbour
    # Guarantees are rounded up; a little less is what a budget is made of.
    for step in range(12):
        if _fits(epsilon, delta, reserve, left):
            return epsilon
        epsilon *= 1 - 10.0 ** (step - 12)
    return 0.0


def _fits(epsilon: float, delta: float, reserve: float, left: Amount) -> bool:
    return 0 < epsilon < math.inf and Amount.granted(budget_from(epsilon, delta, reserve)).fits(left)


def in_epsilon(epsilon: float, delta: float) -> str:
    """An epsilon at its delta, for people."""
    return f"no epsilon at delta {delta:g}" if math.isinf(epsilon) else f"epsilon {epsilon:.4g} at delta {delta:g}"


def rounded_down(epsilon: float) -> float:
    """Four digits of an epsilon, so that it still fits when somebody types it.

    >>> rounded_down(0.123456)
    0.1234
    """
    if epsilon <= 0:
        return 0.0
    exact = Decimal(repr(epsilon))
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 3), rounding=ROUND_FLOOR))
