"""The privacy profile of the Gaussian mechanism: which (epsilon, delta) a mu-GDP promise implies, and back.

delta_mu(epsilon) = Phi(-epsilon / mu + mu / 2) - e^epsilon Phi(-epsilon / mu - mu / 2).
Source: Balle, Wang, "Improving the Gaussian Mechanism for Differential Privacy", ICML 2018, theorem 8;
Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, corollary 2.13.

The two terms nearly cancel when mu is small. With a = epsilon / mu - mu / 2, b = a + mu and Mills' ratio
R(t) = Phi(-t) / phi(t), the identity e^epsilon phi(b) = phi(a) gives delta = phi(a) (R(a) - R(b)), and for
small mu the difference is the integral over [a, b] of -R'(t) = 1 - t R(t), which is positive: nothing cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_HALF = math.sqrt(0.5)

# Below this mu the difference of Mills' ratios is integrated instead of subtracted.
_SMALL_MU = 1.0
# From here on 1 - t R(t) is taken from its asymptotic series, whose first omitted term is below 1e-13 of it.
_ASYMPTOTIC_FROM = 50.0
# delta_of is exact to better than this, relatively; inverses aim below the target by twice as much.
_RELATIVE_ERROR = 1e-11


def delta_of(epsilon: float, mu: float) -> float:
    """The smallest delta at which mu-GDP implies (epsilon, delta)-differential privacy.

    epsilon: >= 0. mu: >= 0. Relative error below 1e-11 (where the answer is above 1e-300), checked against
    60-digit arithmetic. Raises SettingError on other values.

    >>> round(delta_of(1.0, 1.0), 12)
    0.126936737507
    """
    _check("epsilon", epsilon)
    _check("mu", mu)
    return math.exp(_log_delta(float(epsilon), float(mu)))


def epsilon_of(delta: float, mu: float) -> float:
    """The smallest epsilon >= 0 at which mu-GDP implies (epsilon, delta)-differential privacy, rounded up.

    delta: in (0, 1). mu: >= 0. The answer satisfies delta_of(epsilon, mu) <= delta; it exceeds the exact
    one by about 1e-11. Raises SettingError on other values.
    """
    _check_delta(delta)
    _check("mu", mu)
    log_target = math.log(delta) - _RELATIVE_ERROR
    if mu == 0 or _log_delta(0.0, mu) <= log_target:
        return 0.0
    # delta_mu(epsilon) <= Phi(-a) <= exp(-a^2 / 2), a = epsilon / mu - mu / 2.
    ample = mu * (mu / 2 + math.sqrt(-2 * log_target)) * (1 + 1e-9)
    return _boundary(lambda epsilon: _log_delta(epsilon, mu) <= log_target, good=ample, bad=0.0)


def mu_of(epsilon: float, delta: float) -> float:
    """The largest mu for which mu-GDP implies (epsilon, delta)-differential privacy, rounded down.

    epsilon: >= 0. delta: in (0, 1). Errs on the safe side: delta_of(epsilon, mu) <= delta, and already
    mu * (1 + 1e-9) breaks it for delta <= 1/2. Raises SettingError on other values.

    >>> round(mu_of(1.0, 1e-5), 6)
    0.268051
    """
    _check("epsilon", epsilon)
    _check_delta(delta)
    log_target = math.log(delta) - 2 * _RELATIVE_ERROR  # a wider margin than epsilon_of, so that it inverts this
    good = bad = max(1.0, math.sqrt(epsilon))
    while _log_delta(epsilon, good) > log_target:
        good /= 2
    while _log_delta(epsilon, bad) <= log_target:
        bad *= 2
    return _boundary(lambda mu: _log_delta(epsilon, mu) <= log_target, good=good, bad=bad)


def _log_delta(epsilon: float, mu: float) -> float:
    """Natural logarithm of delta_mu(epsilon), -inf where the float range of epsilon / mu ends."""
    from scipy.special import erfcx, ndtr

    if mu == 0 or epsilon / mu > 1e150:
        return -math.inf
    a = epsilon / mu - mu / 2
    b = epsilon / mu + mu / 2
    log_phi_a = -0.5 * a * a - _LOG_SQRT_2PI
    mills_b = _mills(erfcx, b)
    if mu < _SMALL_MU:
        nodes, weights = _quadrature()
        difference = mu * float(weights @ _mills_slope(erfcx, a + mu * nodes))
    elif a >= 0:
        difference = _mills(erfcx, a) - mills_b
    else:  # R(a) overflows for a << 0, Phi(-a) does not
        return math.log(float(ndtr(-a)) - math.exp(log_phi_a) * mills_b)
    return log_phi_a + math.log(difference)


def _mills(erfcx: Callable[..., float], t: float) -> float:
    """R(t) = Phi(-t) / phi(t)."""
    return math.sqrt(math.pi / 2) * float(erfcx(t * _SQRT_HALF))


def _mills_slope(erfcx: Callable[..., npt.NDArray[np.float64]], t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """-R'(t) = 1 - t R(t), shape of `t`; from 1/t^2 - 3/t^4 + 15/t^6 - ... where the subtraction loses digits."""
    far = t > _ASYMPTOTIC_FROM
    inverse_square = 1 / np.where(far, t, 1.0) ** 2
    series = np.zeros_like(t)
    for odd in (11, 9, 7, 5, 3, 1):
        series = odd * inverse_square * (1 - series)
    near = np.where(far, 0.0, t)
    return np.where(far, series, 1 - near * math.sqrt(math.pi / 2) * erfcx(near * _SQRT_HALF))


@cache
def _quadrature() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    return (nodes + 1) / 2, weights / 2


def _boundary(holds: Callable[[float], bool], good: float, bad: float) -> float:
    """The last float on the way from `good`, where the condition holds, to `bad`, where it does not."""
    while True:
        middle = (good + bad) / 2
        if middle in (good, bad):
            return good
        if holds(middle):
            good = middle
        else:
            bad = middle


def _check(name: str, value: float) -> None:
    if isinstance(value, bool) or not 0 <= value < math.inf:
        raise SettingError(f"{name} ({value}) must be a finite number of at least 0; got {value!r}; try {name}=1.0")


def _check_delta(delta: float) -> None:
    if isinstance(delta, bool) or not 0 < delta < 1:
        raise SettingError(f"delta ({delta}) must lie strictly between 0 and 1; got {delta!r}; try 1e-6")
