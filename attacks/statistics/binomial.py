"""Rates of successes: exact bounds, intervals of rates and of their differences, and what error rates prove."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from attacks.statistics.split import judge_runs

FloatArray = npt.NDArray[np.float64]


def clopper_pearson_upper(successes: npt.ArrayLike, runs: npt.ArrayLike, false_alarm: float) -> FloatArray:
    """Upper confidence bound on a binomial rate: below it with probability at most `false_alarm`, whatever it is.

    Source: Clopper, Pearson, Biometrika 1934. Raises ValueError for what is no rate.

    >>> round(float(clopper_pearson_upper(0, 100, 0.05)), 4)
    0.0295
    """
    from scipy.special import betainccinv

    hits, trials = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(runs, dtype=float))
    if not 0 < false_alarm < 1 or (hits < 0).any() or (hits > trials).any():
        raise ValueError("successes must be from 0 to runs, and false_alarm between 0 and 1")
    return np.where(hits == trials, 1.0, betainccinv(hits + 1, np.maximum(trials - hits, 1e-300), false_alarm))


def at_least(rate: float, runs: int, successes: int) -> float:
    """P[Binomial(runs, rate) >= successes]."""
    from scipy.special import betainc

    if successes <= 0:
        return 1.0
    return float(betainc(successes, runs - successes + 1, rate)) if successes <= runs else 0.0


def wilson(rate: float, runs: int, confidence: float) -> tuple[float, float]:
    """Score interval of a rate seen in `runs` runs; (0, 1) without any. Source: Wilson, JASA 1927.

    >>> [round(end, 3) for end in wilson(0.0, 10, 0.95)]
    [0.0, 0.278]
    """
    if runs == 0:
        return 0.0, 1.0
    z = normal_quantile(confidence)
    middle, share = rate + z * z / (2 * runs), 1 + z * z / runs
    half = z * math.sqrt(rate * (1 - rate) / runs + (z / (2 * runs)) ** 2)
    return max(0.0, (middle - half) / share), min(1.0, (middle + half) / share)


def newcombe(first: float, runs: int, second: float, other_runs: int, confidence: float) -> tuple[float, float]:
    """Interval of the difference of two independent rates, from their score intervals.

    Source: Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 1998, method 10.

    >>> [round(end, 4) for end in newcombe(56 / 70, 70, 48 / 80, 80, 0.95)]
    [0.0524, 0.3339]
    """
    low, high = wilson(first, runs, confidence)
    other_low, other_high = wilson(second, other_runs, confidence)
    gap = first - second
    return gap - math.hypot(first - low, other_high - second), gap + math.hypot(high - first, second - other_low)


def normal_quantile(confidence: float) -> float:
    """The z with which estimate +- z standard errors holds the truth with this confidence."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def epsilon_from_errors(
    false_positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    false_negatives: npt.ArrayLike,
    positives: npt.ArrayLike,
    *,
    false_alarm: float,
    delta: float = 0.0,
) -> FloatArray:
    """Lower bound on epsilon from the errors of a test that was fixed before these runs; at least 0, elementwise.

    It exceeds the epsilon of an (epsilon, delta)-private mechanism with probability at most `false_alarm`, half
    of it for either kind of error. Source: Jagielski, Ullman, Oprea, NeurIPS 2020.

    >>> round(float(epsilon_from_errors(0, 1000, 0, 1000, false_alarm=0.05)), 1)
    5.6
    """
    a = clopper_pearson_upper(false_positives, negatives, false_alarm / 2)
    b = clopper_pearson_upper(false_negatives, positives, false_alarm / 2)
    gained = np.maximum((1 - delta - b) / a, (1 - delta - a) / b)
    return np.log(np.maximum(gained, 1.0))


def epsilon_lower_bound(
    without: FloatArray, within: FloatArray, *, false_alarm: float, delta: float = 0.0, chosen_on: float = 0.1
) -> float:
    """Lower bound on epsilon from scores of independent runs in two worlds, larger ones speaking for the neighbour.

    The classical bound, which needs many more runs than `gdp_lower_bound` but presumes nothing about the curve.
    Scores and errors as there.
    """
    judged = judge_runs(without, within, partial(epsilon_from_errors, delta=delta), chosen_on)
    return float(epsilon_from_errors(*judged.errors, false_alarm=false_alarm, delta=delta))
