"""What guesses about secret coins prove in one single run.

Each of `coins` privacy units was put into the table by a fair coin of its own. Afterwards an attacker guesses
`guesses` of the coins, a number that was fixed before, and `correct` are right. If the claim holds, how likely
are that many or more?

Let X_k be the probability of exactly k right guesses, m the coins and r the guesses. Flipping a coin that was
guessed right makes it a wrong guess. So for every set K of counts, with the average over coins and over tables and
by the concavity of F = 1 - f, f the claim's trade-off curve,

    sum_{k in K} k X_k / m  <=  F( sum_{k in K} (r - k + 1) X_{k-1} / m ).

*Approximate* claims, F(x) <= delta + e^epsilon x: with B ~ Binomial(r, q), q = e^epsilon / (1 + e^epsilon),
b = P[B = v], the largest P[at least v right] under these constraints is

    1 - P[B < v] (1 - (m delta / v) P[B >= v] / b),

reached where all of delta makes v right guesses out of v - 1. At delta = 0 it is the binomial tail of Steinke, Nasr,
Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023; else it is below their theorem 5.2, often by a
factor of 2 to 6.

*Gaussian* claims: with K = {j, j + 1, ...} for j = v, v - 1, ..., the least X_{j-1} that a tail needs follows from
the X_k above it, starting from a tail of exactly v right guesses, which needs least; a tail that needs more than
probability 1 in all cannot be. Mahloujifar, Melis, Chaudhuri, "Auditing f-Differential Privacy in One Run", 2024.

*A number of guesses that depends on the release.* Let X_{r,k} be the probability of r guesses, k of them right, and
reject where k >= v_r. The inequality above holds for every set of pairs (r, k). For an approximate claim it says that
the excesses of delta on all r together are at most m delta. Each r adds its binomial tail P[B >= v] times its own
probability, and for its part d of m delta at most c d, c = P[B < v] P[B >= v] / (v P[B = v]). In all: the largest
tail plus m delta times the largest c. The level is therefore split: tails get 0.8 of it, m delta c the rest. A
Gaussian claim is taken at the one epsilon where m delta is 0.01.

A bound on mu has a low ceiling: all of 1,000 coins guessed right prove mu >= 2.36 with confidence 95 %, since a
mechanism may leak on all coins at once with a small probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attacks.statistics.trade_off import Approximate, Gaussian, TradeOff

# No p-value is said to be smaller. What follows from it would rest on the last digits of floating-point numbers.
LEAST = 1e-12
# Bounds are sought up to here: ten billion coins, all guessed, prove no more than an epsilon of 22.
LARGEST_EPSILON, LARGEST_MU = 40.0, 40.0
# Relative and absolute error of p-values and bounds, which are rounded to the safe side by as much.
_TOLERANCE = 1e-6


def p_value(claim: TradeOff, coins: int, guesses: int, correct: int) -> float:
    """The largest probability, under the claim, of at least `correct` right guesses; rounded up.

    claim: the trade-off curve of one coin. Raises ValueError unless 0 <= correct <= guesses <= coins.

    >>> round(p_value(Approximate(0.0, 0.0), 100, 10, 10) * 2**10, 6)
    1.0
    """
    _check(coins, guesses, correct)
    if correct == 0:
        return 1.0
    if isinstance(claim, Approximate):
        return max(LEAST, _approximate(claim, coins, guesses, correct))
    return _gaussian(claim, coins, guesses, correct)


# What a Gaussian claim is taken at, as delta over all coins, where the number of guesses depends on the release; and
# how the level is split there.
_SPENT, _TAILS = 1e-2, 0.8


def p_value_of_any_number(claim: TradeOff, coins: int, guesses: int, correct: int) -> float:
    """As `p_value`, where the attacker chose how many to guess after seeing the release (but no coin).

    >>> round(p_value_of_any_number(Approximate(0.0, 0.0), 100, 10, 10) * 2**10, 6)
    1.25
    """
    _check(coins, guesses, correct)
    if correct == 0:
        return 1.0
    if isinstance(claim, Gaussian):
        delta = max(_SPENT / coins, 2 * claim.delta0)
        if delta >= 1:
            return 1.0
        claim = Approximate(max(0.0, claim.epsilon_at(delta)), delta)
    at_least, spoilt = _tail_and_spoilt(claim, coins, guesses, correct)
    return max(LEAST, min(1.0, max(at_least / _TAILS, spoilt / (1 - _TAILS))))


def rejects(claim: TradeOff, coins: int, guesses: int, correct: int, level: float, *, fixed: bool = True) -> bool:
    """Whether the p-value is at most `level`; faster than the p-value itself. fixed: the number of guesses was."""
    _check(coins, guesses, correct)
    if not fixed:
        return p_value_of_any_number(claim, coins, guesses, correct) <= level
    if isinstance(claim, Approximate):
        return p_value(claim, coins, guesses, correct) <= level
    return correct > 0 and level >= LEAST and _mass_needed(claim, coins, guesses, correct, level) > 1


def lower_bound(
    family: Callable[[float], TradeOff],
    coins: int,
    guesses: int,
    correct: int,
    *,
    level: float,
    largest: float,
    fixed: bool = True,
) -> float:
    """The largest parameter, up to `largest`, whose claim is rejected at `level`; rounded down, 0 for none.

    family: from a parameter to a claim, weaker for larger ones. The true parameter is exceeded with probability
    at most `level`.
    """
    if not rejects(family(0.0), coins, guesses, correct, level, fixed=fixed):
        return 0.0
    low, high = 0.0, largest
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        refuted = rejects(family(middle), coins, guesses, correct, level, fixed=fixed)
        low, high = (middle, high) if refuted else (low, middle)
    return low


def epsilon_lower(coins: int, guesses: int, correct: int, *, level: float, delta: float = 0.0) -> float:
    """Lower bound on the epsilon of an (epsilon, delta)-private mechanism, wrong with probability at most `level`.

    >>> round(epsilon_lower(1000, 100, 90, level=0.05), 2)
    1.63
    """
    return lower_bound(
        lambda epsilon: Approximate(epsilon, delta), coins, guesses, correct, level=level, largest=LARGEST_EPSILON
    )


def mu_lower(coins: int, guesses: int, correct: int, *, level: float, delta0: float = 0.0) -> float:
    """Lower bound on the mu of a delta0-approximately mu-GDP mechanism, wrong with probability at most `level`.

    It says nothing about a mechanism that is not Gaussian-private with any mu.
    """
    return lower_bound(lambda mu: Gaussian(mu, delta0), coins, guesses, correct, level=level, largest=LARGEST_MU)


def _approximate(claim: Approximate, coins: int, guesses: int, correct: int) -> float:
    at_least, spoilt = _tail_and_spoilt(claim, coins, guesses, correct)
    return min(1.0, at_least + spoilt)


def _tail_and_spoilt(claim: Approximate, coins: int, guesses: int, correct: int) -> tuple[float, float]:
    """P[B >= v], and what m delta adds to it: P[B < v] (m delta / v) P[B >= v] / P[B = v]."""
    from scipy.special import betainc, betaincc, betaln

    miss = 1 / (1 + claim.factor)
    few, many = guesses - correct + 1.0, float(correct)
    at_least, fewer = float(betaincc(few, many, miss)), float(betainc(few, many, miss))
    if claim.delta == 0:
        return at_least, 0.0
    # b = P[B = v] = C(r, v) (1 - miss)^v miss^(r - v), and C(r, v) = 1 / ((r + 1) Beta(v + 1, r - v + 1)).
    log_exactly = many * math.log1p(-miss) + (guesses - correct) * math.log(miss)
    log_exactly -= float(betaln(many + 1, few)) + math.log(guesses + 1)
    if log_exactly > -600:
        ratio = at_least / math.exp(log_exactly)
    else:  # too small for a quotient: the terms of the tail fall at least as fast as a geometric series
        fall = (guesses - correct) / (correct + 1) * claim.factor
        ratio = 1 / (1 - fall) if fall < 1 else math.inf
    spoilt = claim.delta * coins / correct * ratio
    return at_least, 1.0 if spoilt >= 1 else fewer * spoilt


def _gaussian(claim: Gaussian, coins: int, guesses: int, correct: int) -> float:
    from scipy.optimize import brentq

    def surplus(log_tail: float) -> float:
        mass = _mass_needed(claim, coins, guesses, correct, math.exp(log_tail))
        return math.log(mass) if mass < math.inf else 1.0

    low, high = math.log(LEAST), 0.0
    if surplus(high) <= 0:
        return 1.0
    if surplus(low) >= 0:
        return LEAST
    return min(1.0, math.exp(float(brentq(surplus, low, high, xtol=_TOLERANCE)) + 2 * _TOLERANCE))


def _mass_needed(claim: Gaussian, coins: int, guesses: int, correct: int, tail: float) -> float:
    """The probability of all counts that a tail requires: above 1, the tail cannot be."""
    from scipy.special import ndtri

    from attacks.statistics.one_run_kernels import mass_needed

    if claim.delta0 == 1:
        return tail
    share = (tail * correct / coins - claim.delta0) / (1 - claim.delta0)
    start = float(ndtri(share)) - 1e-9 if 0 < share < 1 else -9.0
    return float(mass_needed(start, tail, coins, guesses, correct, claim.mu, claim.delta0))


def _check(coins: int, guesses: int, correct: int) -> None:
    if not 0 <= correct <= guesses <= coins:
        raise ValueError(f"must be 0 <= correct ({correct}) <= guesses ({guesses}) <= coins ({coins})")
