"""The exponential mechanism: an exact sampler over integer scores, and its cost as a bounded-range mechanism."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import WORD_BITS, EntropySource, exp_coin, next_word

_WEIGHT_BITS = 50  # the best candidate weighs about 2**50, so that float64 holds every weight

# Where exp(-y) is above 1e-304, y is below 700 and off by at most 2.1 * 2**-53 of itself, and exp and the product
# by 6 more units: the float weight is off by less than 2**-41 of itself. Smaller ones are covered by the added 1.
_SLACK = 1 + 2.0**-32


def select(scores: NDArray[np.int64], rate: float, source: EntropySource) -> int:
    """One index, drawn with probability exactly proportional to exp(rate * scores[i]).

    `scores` has shape (candidates,), any int64 values; `rate` is taken as the exact rational value of the float,
    finite and not negative (0 draws uniformly). SettingError otherwise; no message shows a score.

    Privacy: if neighbours move every score by at most D, the mechanism has range eta = 2 * D * rate, or D * rate
    if no two scores move in opposite directions; mu_of_range(eta) is its cost. It protects only if
    source.private.

    Source: McSherry & Talwar 2007. Sampler: integer weights that are never too small, then the exact coin.

    >>> import numpy as np
    >>> from dpsynth.privacy.randomness import OsEntropy
    >>> select(np.array([3, 10_000, 5]), 1.0, OsEntropy())
    1
    """
    if not 0 <= rate < math.inf:
        raise SettingError(f"rate ({rate}) must be finite and not negative; try 1.0")
    if scores.ndim != 1 or scores.size == 0 or scores.dtype != np.int64:
        raise SettingError(
            f"scores ({scores.dtype}, shape {scores.shape}) must be int64 of shape (candidates,), at least one; "
            "try scaling and rounding them with public constants"
        )
    # Two's complement: the unsigned difference is right even where the signed one would overflow.
    behind = scores.max().astype(np.uint64) - scores.astype(np.uint64)
    scale = 1 << min(_WEIGHT_BITS, WORD_BITS - 2 - scores.size.bit_length())
    weights = _weights(behind, rate, scale)
    ends = np.cumsum(weights)
    total = int(ends[-1])
    while True:
        point = next_word(source) >> (WORD_BITS - total.bit_length())
        if point >= total:
            continue
        index = int(np.searchsorted(ends, point, side="right"))
        exponent = Fraction(rate) * int(behind[index])
        if exp_coin(Fraction(scale, int(weights[index])), exponent, source):
            return index


def _weights(behind: NDArray[np.uint64], rate: float, scale: int) -> NDArray[np.int64]:
    """Integers that are at least scale * exp(-rate * behind), and hardly more."""
    with np.errstate(over="ignore", under="ignore"):
        return (np.exp(-rate * behind.astype(np.float64)) * (scale * _SLACK)).astype(np.int64) + 1


def mu_of_range(eta: float) -> float:
    """The Gaussian-DP parameter of any mechanism with range eta, 2 Phi^-1(1 / (1 + exp(-eta / 2))), rounded up.

    The log-probabilities of such a mechanism's outputs, between two neighbours, differ by at most eta among
    themselves; its worst case is an (eta / 2)-DP randomised response. The result is at most 4e-12 of itself
    too large. SettingError unless eta is finite and positive.

    Source: bounded range by Dong, Durfee & Rogers 2020 (arXiv 1909.13830).

    >>> round(mu_of_range(1.0), 6)
    0.623893
    """
    from scipy.special import erfinv, ndtri_exp

    _check_positive("eta", eta)
    if eta < 2:
        mu = 2 * math.sqrt(2) * erfinv(math.tanh(eta / 4))
    else:
        mu = -2 * ndtri_exp(-eta / 2 - math.log1p(math.exp(-eta / 2)))
    return float(mu) * (1 + 2e-12)


def range_of_mu(mu: float) -> float:
    """The largest eta with mu_of_range(eta) <= mu, rounded down by at most 2e-11 of itself.

    SettingError unless mu is finite and positive.

    >>> mu_of_range(range_of_mu(0.5)) <= 0.5
    True
    """
    from scipy.special import erf, log_ndtr

    _check_positive("mu", mu)
    if mu < 1:
        eta = 4 * math.atanh(erf(mu / math.sqrt(8)))
    else:
        eta = 2 * (log_ndtr(mu / 2) - log_ndtr(-mu / 2))
    return float(eta) * (1 - 1e-11)


def _check_positive(name: str, number: float) -> None:
    if not 0 < number < math.inf:
        raise SettingError(f"{name} ({number}) must be finite and positive; try 1.0")
