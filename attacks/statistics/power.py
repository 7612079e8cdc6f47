"""What an audit could see: the smallest violation that would be found with probability `power`.

Of trials in one run: by a perfect attacker, for whom every target's membership is hidden by Gaussian noise of its own
alone. Real targets hide in the noise of one another, and real attackers are not perfect: no finding where nothing
could have been found is no proof of safety, and neither is any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.statistics.binomial import at_least, clopper_pearson_upper
from attacks.statistics.guessing import PAIR_RULES, POOL_RULES, guesses_of
from attacks.statistics.one_run import LARGEST_MU, rejects
from attacks.statistics.trade_off import TradeOff

FloatArray = npt.NDArray[np.float64]

_MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class OneRunPower:
    """mu: the smallest, of one coin's two tables, that a perfect attacker shows to break the claim.

    copies: how many of the targets the release must copy as they are, for the claim to be rejected. None for
    what these coins can never show.
    """

    mu: float | None
    copies: int | None


def one_run_power(claim: TradeOff, coins: int, pairs: bool, *, level: float, power: float = 0.9) -> OneRunPower:
    """What a trial of so many coins, judged by the rules of `guessing` at `level` in all, shows about a claim."""
    rules = PAIR_RULES if pairs else POOL_RULES
    mus: list[float] = []
    copies: list[int] = []
    for share in rules.values():
        guesses = guesses_of(coins, share)
        needed = critical(claim, coins, guesses, level / len(rules))
        if needed is None:
            continue
        mus.append(_mu_shown(guesses, needed, share, pairs, power))
        copies.append(_copies(guesses, needed, power))
    mus = [mu for mu in mus if mu < LARGEST_MU]
    return OneRunPower(min(mus, default=None), min(copies, default=None))


def chance_of_rejection(claim: TradeOff, coins: int, pairs: bool, mu: float, *, level: float) -> float:
    """The probability that a perfect attacker, against a true `mu` of one coin's two tables, refutes the claim."""
    rules, best = PAIR_RULES if pairs else POOL_RULES, 0.0
    for share in rules.values():
        guesses = guesses_of(coins, share)
        needed = critical(claim, coins, guesses, level / len(rules))
        if needed is not None:
            best = max(best, float(at_least(_right(mu, share, pairs), guesses, needed)))
    return best


def names_needed(claim: TradeOff, coins: int, *, level: float) -> int | None:
    """How many members an attack must name, and nobody else, to refute the claim; None where no number does."""
    enough = (count for count in range(1, coins + 1) if rejects(claim, coins, count, count, level, fixed=False))
    return next(enough, None)


def critical(claim: TradeOff, coins: int, guesses: int, level: float) -> int | None:
    """The fewest right guesses with which the claim is rejected; None where not even all would do."""
    if not rejects(claim, coins, guesses, guesses, level):
        return None
    low, high = 0, guesses
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejects(claim, coins, guesses, middle, level) else (middle, high)
    return high


def runs_per_world(claimed: float, actual: float, *, false_alarm: float = 0.05, power: float = 0.9) -> int | None:
    """Runs in either world with which the bound on mu proves a violation: `actual` mu where `claimed` is promised.

    For the perfect test of N(0, 1) against N(actual, 1) at its best threshold; None above a million runs. Runs
    that choose the threshold come on top.

    >>> runs_per_world(0.268, 0.536) < 1000
    True
    """
    if actual <= claimed:
        return None
    low, high = 1, 16
    while _power_of_runs(high, claimed, actual, false_alarm) < power:
        low, high = high, 2 * high
        if high > _MOST_RUNS:
            return None
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        enough = _power_of_runs(middle, claimed, actual, false_alarm) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _mu_shown(guesses: int, needed: int, share: float, pairs: bool, power: float) -> float:
    """The mu with which so many guesses of one rule are right often enough."""
    rate = _boundary(lambda rate: at_least(rate, guesses, needed) >= power, 0.5, 1.0)
    return _boundary(lambda mu: _right(mu, share, pairs) >= rate, 0.0, LARGEST_MU)


def _right(mu: float, share: float, pairs: bool) -> float:
    """The share of right guesses among those of one rule, of N(0, 1) against N(mu, 1) for every coin."""
    from scipy.special import ndtr

    if share == 1:
        return float(ndtr(mu / 2))
    inside, outside = (mu / 2, -mu / 2) if pairs else (mu, 0.0)
    taken = share if pairs else 2 * share
    threshold = _boundary(lambda t: ndtr(inside - t) + ndtr(outside - t) <= taken, -40.0, 40.0 + mu)
    return float(ndtr(inside - threshold)) / taken


def _copies(guesses: int, needed: int, power: float) -> int:
    """How many guesses must be certain for `needed` right ones, where the others are fair coins."""
    low, high = -1, needed
    while high - low > 1:
        middle = (low + high) // 2
        enough = at_least(0.5, guesses - middle, needed - middle) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _power_of_runs(runs: int, claimed: float, actual: float, false_alarm: float) -> float:
    """The best chance, over thresholds, that the errors of so many runs in either world prove more than claimed."""
    from scipy.special import betainc, ndtr, ndtri

    best = 0.0
    for threshold in actual / 2 + np.linspace(-1.5, 1.5, 7):
        bounds, chances = [], []
        for rate in (float(ndtr(-threshold)), float(ndtr(threshold - actual))):
            spread = 6 * math.sqrt(runs * rate * (1 - rate)) + 3
            errors = np.arange(max(0, int(runs * rate - spread)), min(runs, int(runs * rate + spread) + 1) + 1.0)
            upto = np.append(
                0.0, np.where(errors < runs, betainc(np.maximum(runs - errors, 1e-9), errors + 1, 1 - rate), 1.0)
            )
            bounds.append(-ndtri(clopper_pearson_upper(errors, runs, false_alarm / 2)))
            chances.append(np.diff(upto))
        # Right when the two bounds add up to more than what is claimed; both fall as errors grow.
        few_enough = np.searchsorted(-bounds[1], bounds[0] - claimed, side="left")
        best = max(best, float(chances[0] @ np.append(0.0, np.cumsum(chances[1]))[few_enough]))
    return best


def _boundary(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition begins to hold between `low` and `high`; `high` where it never does."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
