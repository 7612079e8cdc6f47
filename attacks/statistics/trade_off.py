"""Trade-off curves: what a privacy claim leaves to an attacker who tells two neighbouring tables apart.

f(a) is the least rate of false negatives of any attack whose rate of false positives is a. Both curves here are
their own inverse, so f serves in both directions. One curve bounds every attack: whoever succeeds with probability
`a` on a target that was not in the table succeeds with at most 1 - f(a) when it was.

Sources: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022 (curves, conversions, groups); Kulynych et al.,
"Unifying Re-Identification, Attribute Inference, and Data Reconstruction Risks in Differential Privacy", NeurIPS 2025
(one ceiling for every attack).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# exp of more than this overflows; a promise of such an epsilon is none.
_LARGEST_EPSILON = 700.0


@dataclass(frozen=True)
class Gaussian:
    """The curve of delta0-approximate mu-GDP: f(a) = (1 - delta0) Phi(Phi^-1(1 - a / (1 - delta0)) - mu).

    mu: at least 0. delta0: in [0, 1], the probability that everything is revealed. Raises ValueError otherwise.

    >>> round(Gaussian(1.0).ceiling(0.01), 4)
    0.0924
    """

    mu: float
    delta0: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.mu < math.inf or not 0 <= self.delta0 <= 1:
            raise ValueError(f"mu ({self.mu}) must be finite and at least 0, delta0 ({self.delta0}) from 0 to 1")

    @classmethod
    def of(cls, epsilon: float, delta: float) -> Gaussian:
        """The Gaussian mechanism that just satisfies (epsilon, delta)-differential privacy; delta in (0, 1)."""
        if not 0 <= epsilon < math.inf or not 0 < delta < 1:
            raise ValueError(f"epsilon ({epsilon}) must be finite and at least 0, delta ({delta}) between 0 and 1")
        return cls(_largest(lambda mu: cls(mu).delta_at(epsilon) <= delta))

    def f(self, false_positive_rate: npt.ArrayLike) -> FloatArray:
        """The least false-negative rate at each false-positive rate, and the reverse."""
        from scipy.special import ndtr, ndtri

        rate = np.asarray(false_positive_rate, dtype=np.float64)
        if self.delta0 == 1:
            return np.zeros_like(rate)
        within = np.clip(rate / (1 - self.delta0), 0.0, 1.0)
        return np.asarray((1 - self.delta0) * ndtr(-ndtri(within) - self.mu), dtype=np.float64)

    def ceiling(self, control_rate: float) -> float:
        """The largest rate of success on members of an attack with this rate on others: 1 - f(rate)."""
        from scipy.special import ndtr, ndtri

        if self.delta0 == 1:
            return 1.0
        within = min(control_rate / (1 - self.delta0), 1.0)
        return self.delta0 + (1 - self.delta0) * float(ndtr(ndtri(within) + self.mu))

    @property
    def advantage(self) -> float:
        """The largest true-positive rate less false-positive rate: 2 Phi(mu / 2) - 1 where delta0 is 0."""
        from scipy.special import erf

        return self.delta0 + (1 - self.delta0) * float(erf(self.mu / math.sqrt(8)))

    @property
    def auc(self) -> float:
        """The largest area under a ROC curve: Phi(mu / sqrt 2) where delta0 is 0."""
        from scipy.special import ndtr

        kept = 1 - self.delta0
        return 1 - kept * kept * float(ndtr(-self.mu / math.sqrt(2)))

    def delta_at(self, epsilon: float) -> float:
        """The smallest delta with which the curve implies (epsilon, delta)-differential privacy."""
        from scipy.special import log_ndtr

        if self.mu == 0:
            return self.delta0
        first = float(log_ndtr(self.mu / 2 - epsilon / self.mu))
        second = epsilon + float(log_ndtr(-self.mu / 2 - epsilon / self.mu))
        gaussian = math.exp(first) * -math.expm1(min(second - first, 0.0)) if first > -math.inf else 0.0
        return self.delta0 + (1 - self.delta0) * gaussian

    def epsilon_at(self, delta: float) -> float:
        """The smallest epsilon with which the curve implies (epsilon, delta)-differential privacy; inf for none."""
        if delta >= self.delta_at(0.0):
            return 0.0
        if delta <= self.delta0:
            return math.inf
        return _largest(lambda epsilon: self.delta_at(epsilon) > delta)

    def two_steps(self) -> Gaussian:
        """The curve of two tables that are two steps apart: 2 mu, and the delta0 that two steps can add up to.

        The new delta0 is 1 - f(1 - f(0)) = 1 - f(delta0), exact at false-positive rate 0. That the whole
        curve then lies below 1 - f in two steps follows from T(c u) / T(c) <= T(u) for T(u) = Phi(mu + Phi^-1(u))
        and c <= 1: the elasticity of T falls in u, since log(phi / Phi) is concave.
        """
        return Gaussian(2 * self.mu, self.ceiling(self.delta0) if self.delta0 else 0.0)


@dataclass(frozen=True)
class Approximate:
    """The curve of (epsilon, delta)-differential privacy: max(0, 1 - delta - e^eps a, e^-eps (1 - delta - a)).

    epsilon: at least 0. delta: in [0, 1]. Raises ValueError otherwise.

    >>> round(Approximate(1.0, 1e-5).ceiling(0.01), 4)
    0.0272
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < math.inf or not 0 <= self.delta <= 1:
            raise ValueError(
                f"epsilon ({self.epsilon}) must be finite and at least 0, delta ({self.delta}) from 0 to 1"
            )

    @property
    def factor(self) -> float:
        """e^epsilon."""
        return math.exp(min(self.epsilon, _LARGEST_EPSILON))

    def f(self, false_positive_rate: npt.ArrayLike) -> FloatArray:
        """The least false-negative rate at each false-positive rate, and the reverse."""
        rate = np.asarray(false_positive_rate, dtype=np.float64)
        left = 1 - self.delta
        return np.asarray(np.maximum(np.maximum(left - self.factor * rate, (left - rate) / self.factor), 0.0))

    def ceiling(self, control_rate: float) -> float:
        """The largest rate of success on members of an attack with this rate on others: 1 - f(rate)."""
        return 1.0 - float(self.f(control_rate))

    @property
    def advantage(self) -> float:
        """The largest true-positive rate less false-positive rate."""
        return self.delta_at(0.0)

    @property
    def auc(self) -> float:
        """The largest area under a ROC curve."""
        return 1 - (1 - self.delta) ** 2 / (1 + self.factor)

    def delta_at(self, epsilon: float) -> float:
        """The smallest delta with which the curve implies (epsilon, delta)-differential privacy."""
        fewer = min(1.0, (1 + math.exp(min(epsilon, _LARGEST_EPSILON))) / (1 + self.factor))
        return 1 - (1 - self.delta) * fewer

    def epsilon_at(self, delta: float) -> float:
        """The smallest epsilon with which the curve implies (epsilon, delta)-differential privacy; inf for none."""
        if delta < self.delta:
            return math.inf
        if delta >= self.delta_at(0.0):
            return 0.0
        return math.log((1 - delta) / (1 - self.delta) * (1 + self.factor) - 1)

    def two_steps(self) -> Approximate:
        """The curve of two tables that are two steps apart: (2 epsilon, (1 + e^epsilon) delta)."""
        return Approximate(2 * self.epsilon, min(1.0, (1 + self.factor) * self.delta))


TradeOff: TypeAlias = Gaussian | Approximate


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest number above 0 for which a condition holds that fails from some number on, to 1e-13 of it."""
    low, high = 0.0, 1.0
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@dataclass(frozen=True)
class Odds:
    """One line of "what epsilon means": the most that any attacker can reach, rates from 0 to 1.

    ceilings: the largest success of an attack that succeeds at these control rates on rows that were not in.
    """

    epsilon: float
    delta: float
    mu: float
    advantage: float
    auc: float
    true_positive_rates: dict[str, float]
    ceilings: dict[str, float]


def attack_odds(
    epsilons: Sequence[float] = (0.1, 0.5, 1.0, 2.0, 4.0, 10.0),
    delta: float = 1e-5,
    false_positive_rates: Sequence[float] = (0.1, 0.01, 0.001),
    control_rates: Sequence[float] = (0.1, 0.5),
) -> tuple[Odds, ...]:
    """What Gaussian mechanisms with these epsilons leave to the best attacker, who knows all other rows.

    >>> [round(line.mu, 3) for line in attack_odds((1.0, 10.0))]
    [0.268, 2.0]
    """
    lines = []
    for epsilon in epsilons:
        curve = Gaussian.of(epsilon, delta)
        lines.append(
            Odds(
                epsilon,
                delta,
                curve.mu,
                curve.advantage,
                curve.auc,
                {f"{rate:g}": curve.ceiling(rate) for rate in false_positive_rates},
                {f"{rate:g}": curve.ceiling(rate) for rate in control_rates},
            )
        )
    return tuple(lines)
