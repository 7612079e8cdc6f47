"""A credible bound on privacy parameters, beside the bounds that hold: shorter, and true only under its prior.

Error rates of a fixed test have independent Beta(1/2, 1/2) priors. The bound is the parameter at which the posterior
says, with probability `outside` alone, that the pair of rates lies above the claim's trade-off curve.

Source: Zanella-Beguelin et al., "Bayesian Estimation of Differential Privacy", ICML 2023. Unlike a confidence bound
it may exceed the truth more often than `outside`, for some truths: report it as secondary.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attacks.statistics.one_run import LARGEST_EPSILON, LARGEST_MU
from attacks.statistics.trade_off import Approximate, Gaussian, TradeOff

_NODES = 500  # equally likely values of the false-positive rate


def credible_epsilon(
    false_positives: int, negatives: int, false_negatives: int, positives: int, *, outside: float, delta: float = 0.0
) -> float:
    """The epsilon below which the mechanism's own lies with posterior probability `outside`.

    >>> 5.6 < credible_epsilon(0, 1000, 0, 1000, outside=0.05) < 8
    True
    """
    errors = false_positives, negatives, false_negatives, positives
    return _credible(lambda epsilon: Approximate(epsilon, delta), errors, outside, LARGEST_EPSILON)


def credible_mu(
    false_positives: int, negatives: int, false_negatives: int, positives: int, *, outside: float, delta0: float = 0.0
) -> float:
    """The mu below which the mechanism's own lies with posterior probability `outside`."""
    errors = false_positives, negatives, false_negatives, positives
    return _credible(lambda mu: Gaussian(mu, delta0), errors, outside, LARGEST_MU)


def _credible(
    family: Callable[[float], TradeOff], errors: tuple[int, int, int, int], outside: float, largest: float
) -> float:
    from scipy.special import betainc, betaincinv

    false_positives, negatives, false_negatives, positives = errors
    levels = (np.arange(_NODES) + 0.5) / _NODES
    rates = betaincinv(0.5 + false_positives, 0.5 + negatives - false_positives, levels)
    low, high = 0.0, largest
    while high - low > 1e-4:
        middle = (low + high) / 2
        least = np.clip(family(middle).f(rates), 0.0, 1.0)
        above = 1 - betainc(0.5 + false_negatives, 0.5 + positives - false_negatives, least).mean()
        low, high = (middle, high) if above <= outside else (low, middle)
    return low
