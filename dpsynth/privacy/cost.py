"""The currency of privacy: pairs (mu^2, delta0) of exact rationals, which composition adds.

A mechanism with trade-off function f costs (mu^2, delta0) when f >= G_mu (x) f_{0,delta0}: it is mu-Gaussian
differentially private except with probability delta0. Definition, composition, and a proof of the cost of
every mechanism: docs/explanation/privacy-currency.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

from dpsynth.errors import BudgetError, SettingError

Number = int | float | Fraction


def exact_fraction(name: str, number: object) -> Fraction:
    """`number` as the exact rational that it is (an int, float, Fraction or numpy scalar is one).

    Raises SettingError, which calls it `name`, unless it is finite and not negative; a bool is not a number here.

    >>> exact_fraction("share", 0.1) > Fraction(1, 10)
    True
    """
    if isinstance(number, bool) or not isinstance(number, Real):
        raise SettingError(f"{name} must be a number; got {type(number).__name__}")
    if isinstance(number, Fraction):
        value = number
    elif isinstance(number, Integral):
        value = Fraction(int(number))
    else:
        as_float = float(number)
        if not math.isfinite(as_float):
            raise SettingError(f"{name} must be finite; got {as_float}")
        value = Fraction(as_float)
    if value < 0:
        raise SettingError(f"{name} must not be negative; got {float(value):.6g}")
    return value


@dataclass(frozen=True)
class Cost:
    """An amount of privacy, spent or granted: mu^2 of Gaussian differential privacy, and delta0 beside it.

    mu_squared: exact, no unit. delta: exact, the probability delta0 that the Gaussian promise does not cover.
    Both are kept as Fractions, so that no sum is ever rounded in the spender's favour. Raises SettingError
    on NaN, infinite, negative and bool parts.

    >>> Cost(Fraction(1, 4)) + Cost(Fraction(3, 4), Fraction(1, 10**9))
    Cost(mu_squared=Fraction(1, 1), delta=Fraction(1, 1000000000))
    """

    mu_squared: Fraction
    delta: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu_squared", exact_fraction("mu_squared", self.mu_squared))
        object.__setattr__(self, "delta", exact_fraction("delta", self.delta))

    @classmethod
    def of_mu(cls, mu: Number, delta: Number = 0) -> Cost:
        """The cost of a mechanism that is mu-GDP except with probability delta; the square is exact."""
        return cls(exact_fraction("mu", mu) ** 2, exact_fraction("delta", delta))

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.mu_squared + other.mu_squared, self.delta + other.delta)

    def __le__(self, other: Cost) -> bool:
        """Componentwise, hence a partial order: two costs may be incomparable."""
        return self.mu_squared <= other.mu_squared and self.delta <= other.delta

    def fits(self, budget: Cost) -> bool:
        """Whether `budget` covers this cost in both parts."""
        return self <= budget

    def minus(self, other: Cost) -> Cost:
        """What is left after `other` is spent; raises BudgetError when this does not cover it."""
        if not other.fits(self):
            raise BudgetError(
                f"cost ({other}) must fit the budget that is left; got a budget of {self}; try a smaller cost"
            )
        return Cost(self.mu_squared - other.mu_squared, self.delta - other.delta)

    def split(self, shares: Mapping[Any, Number] | Sequence[Number]) -> tuple[Cost, ...]:
        """Parts in proportion to `shares`, in their order; the parts add up to this cost exactly.

        shares: weights >= 0 of which one is positive, a sequence or the values of a mapping.

        >>> [float(part.mu_squared) for part in Cost(Fraction(2)).split([1, 3])]
        [0.5, 1.5]
        """
        values = shares.values() if isinstance(shares, Mapping) else shares
        weights = [exact_fraction("share", share) for share in values]
        whole = sum(weights, Fraction(0))
        if whole == 0:
            raise SettingError("shares must hold a positive weight; got none; try equal shares [1, 1]")
        return tuple(Cost(self.mu_squared * weight / whole, self.delta * weight / whole) for weight in weights)

    @property
    def mu(self) -> float:
        """The smallest float whose exact square is at least mu_squared."""
        return _sqrt_up(self.mu_squared)

    def __str__(self) -> str:
        return f"mu^2 {float(self.mu_squared):.6g}, delta {float(self.delta):.3g}"


def _sqrt_up(value: Fraction) -> float:
    """The smallest float whose exact square is at least `value`."""
    if value == 0:
        return 0.0
    # Scaled by a power of 4 that leaves about 128 bits, so that neither huge nor tiny values lose precision.
    shift = 64 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    root = math.ldexp(math.isqrt(math.floor(value * Fraction(4) ** shift)), -shift)
    while Fraction(root) ** 2 < value:
        root = math.nextafter(root, math.inf)
    while root > 0 and Fraction(math.nextafter(root, 0.0)) ** 2 >= value:
        root = math.nextafter(root, 0.0)
    return root


ZERO = Cost(Fraction(0))
