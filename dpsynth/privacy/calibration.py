"""From what a steward asks for (epsilon and delta, mu, or rho) to a budget, and from a cost to a guarantee in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dpsynth.errors import SettingError
from dpsynth.privacy.cost import Cost, exact_fraction
from dpsynth.privacy.gaussian_profile import delta_of, epsilon_of, mu_of

# delta is shown and compared at these levels in profiles and reports.
REPORTED_DELTAS = (1e-5, 1e-6, 1e-9)
REPORTED_FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)


def budget_from(epsilon: float, delta: float, reserved_delta: float = 0.0) -> Cost:
    """The largest budget (mu^2, reserved_delta) that keeps the whole run (epsilon, delta)-differentially private.

    epsilon: > 0. delta: in (0, 1), the total, reserve included. reserved_delta: in [0, delta), for mechanisms
    that fail with some probability, such as partition selection. Raises SettingError on other values.

    Privacy: mu is the largest with reserved_delta + (1 - reserved_delta) delta_mu(epsilon) <= delta, rounded down.

    >>> round(budget_from(1.0, 1e-5).mu, 6)
    0.268051
    """
    _check_positive("epsilon", epsilon)
    _check_delta(delta)
    reserve = exact_fraction("reserved_delta", reserved_delta)
    if not reserve < exact_fraction("delta", delta):
        raise SettingError(
            f"reserved_delta ({reserved_delta}) must be less than delta; got delta {delta}; try {delta / 2:.3g}"
        )
    return Cost.of_mu(mu_of(epsilon, _delta_of_gaussian_part(delta, float(reserved_delta))), reserve)


def budget_from_mu(mu: float, reserved_delta: float = 0.0) -> Cost:
    """The budget of mu-Gaussian differential privacy, with `reserved_delta` in [0, 1) beside it."""
    _check_positive("mu", mu)
    return Cost.of_mu(mu, _checked_reserve(reserved_delta))


def budget_from_rho(rho: float, reserved_delta: float = 0.0) -> Cost:
    """The budget mu^2 = 2 rho, whose spending implies rho-zCDP (approximate zCDP with a reserve).

    Every mu-GDP mechanism is (mu^2 / 2)-zCDP: Dong, Roth, Su 2022, corollary B.6.
    """
    _check_positive("rho", rho)
    return Cost(2 * exact_fraction("rho", rho), exact_fraction("reserved_delta", _checked_reserve(reserved_delta)))


def check_delta(delta: float, public_rows: int) -> None:
    """Raise SettingError when `delta` is as large as one in `public_rows`, a row count that is public knowledge.

    At delta = 1 / n a mechanism may publish one row picked at random and still keep its promise.
    """
    _check_delta(delta)
    if isinstance(public_rows, bool) or not public_rows >= 1:
        raise SettingError(f"public_rows ({public_rows}) must be at least 1; got {public_rows!r}; try None")
    if exact_fraction("delta", delta) * int(public_rows) >= 1:
        raise SettingError(
            f"delta ({delta}) must be less than 1 / public_rows; got public_rows {public_rows}; "
            f"try {0.1 / public_rows:.1g}"
        )


@dataclass(frozen=True)
class Guarantee:
    """What a total cost promises: delta0-approximate mu-Gaussian differential privacy.

    mu: >= 0. delta0: in [0, 1), the probability that the Gaussian promise does not cover.

    >>> Guarantee(mu=1.0).attack_odds((0.01,))[0][1] < 0.093
    True
    """

    mu: float
    delta0: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.mu, bool) or not 0 <= self.mu < math.inf:
            raise SettingError(f"mu ({self.mu}) must be a finite number that is at least 0; got {self.mu!r}; try 0.5")
        _checked_reserve(self.delta0, "delta0")

    @classmethod
    def of(cls, cost: Cost) -> Guarantee:
        """The guarantee of everything that `cost` paid for, both parts rounded up to floats."""
        delta0 = float(cost.delta)
        if delta0 < cost.delta:
            delta0 = math.nextafter(delta0, math.inf)
        return cls(cost.mu, delta0)

    def epsilon(self, delta: float) -> float:
        """The smallest epsilon with (epsilon, delta)-differential privacy, rounded up; inf when delta <= delta0 > 0."""
        _check_delta(delta)
        if delta <= self.delta0:
            return math.inf
        return epsilon_of(_delta_of_gaussian_part(delta, self.delta0), self.mu)

    def delta(self, epsilon: float) -> float:
        """The delta at which this guarantee implies (epsilon, delta)-differential privacy."""
        return self.delta0 + (1 - self.delta0) * delta_of(epsilon, self.mu)

    @property
    def rho(self) -> float:
        """mu^2 / 2: the guarantee implies rho-zCDP when delta0 is 0, delta0-approximate rho-zCDP otherwise."""
        return self.mu**2 / 2

    def profile(self, deltas: Sequence[float] = REPORTED_DELTAS) -> tuple[tuple[float, float], ...]:
        """Pairs (delta, epsilon), one for each of `deltas`."""
        return tuple((delta, self.epsilon(delta)) for delta in deltas)

    def attack_odds(
        self, false_positive_rates: Sequence[float] = REPORTED_FALSE_POSITIVE_RATES
    ) -> tuple[tuple[float, float], ...]:
        """Pairs (false-positive rate, largest true-positive rate) of any attack that tells two neighbours apart.

        The attacker may know every other row and the whole mechanism. At false-positive rate alpha the
        trade-off curve G_mu (x) f_{0,delta0} leaves delta0 + (1 - delta0) Phi(mu + Phi^-1(alpha / (1 - delta0))).
        """
        return tuple((rate, self._largest_true_positive_rate(rate)) for rate in false_positive_rates)

    def _largest_true_positive_rate(self, false_positive_rate: float) -> float:
        from scipy.special import ndtr, ndtri

        if isinstance(false_positive_rate, bool) or not 0 <= false_positive_rate <= 1:
            raise SettingError(
                f"false-positive rate ({false_positive_rate}) must lie in [0, 1]; got {false_positive_rate!r}; try 0.01"
            )
        covered = 1 - self.delta0
        if false_positive_rate >= covered:
            return 1.0
        return self.delta0 + covered * float(ndtr(self.mu + ndtri(false_positive_rate / covered)))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for certificates: the promise itself, then what follows from it."""
        return {
            "definition": "delta0-approximate mu-GDP",
            "mu": self.mu,
            "delta0": self.delta0,
            "rho": self.rho,
            "profile": [
                {"delta": delta, "epsilon": epsilon} for delta, epsilon in self.profile() if math.isfinite(epsilon)
            ],
            "attack_odds": [
                {"false_positive_rate": rate, "largest_true_positive_rate": odds} for rate, odds in self.attack_odds()
            ],
        }


def _delta_of_gaussian_part(delta: float, reserve: float) -> float:
    """The delta left for the Gaussian part: solves reserve + (1 - reserve) x = delta, rounded down."""
    if reserve == 0:
        return float(delta)
    left = (exact_fraction("delta", delta) - exact_fraction("reserve", reserve)) / (1 - exact_fraction("one", reserve))
    rounded = float(left)
    return rounded if rounded <= left else math.nextafter(rounded, 0.0)


def _check_positive(name: str, value: float) -> None:
    if isinstance(value, bool) or not 0 < value < math.inf:
        raise SettingError(f"{name} ({value}) must be a finite number above 0; got {value!r}; try {name}=1.0")


def _check_delta(delta: float) -> None:
    if isinstance(delta, bool) or not 0 < delta < 1:
        raise SettingError(
            f"delta ({delta}) must lie strictly between 0 and 1; got {delta!r}; try a tenth of one over the public "
            "number of rows, such as 1e-6"
        )


def _checked_reserve(reserve: float, name: str = "reserved_delta") -> float:
    if isinstance(reserve, bool) or not 0 <= reserve < 1:
        raise SettingError(f"{name} ({reserve}) must lie in [0, 1); got {reserve!r}; try 0")
    return reserve
