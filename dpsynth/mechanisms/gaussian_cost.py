"""The price of Gaussian noise: how far integer counts move, against the noise that hides it."""

from __future__ import annotations

from fractions import Fraction

from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import mu_per_unit_shift, stddev_for


def gaussian_cost(squared_l2_shift: int | Fraction, stddev: float) -> Cost:
    """Cost of hiding a shift of integer counts under independent discrete Gaussians of one stddev.

    A cell that moves by the integer s is s-fold group privacy of a unit shift, so it costs at most
    (s mu)^2 with mu = mu_per_unit_shift(stddev); independent cells add up (Dong, Roth, Su 2022,
    composition of Gaussian trade-off functions). delta0 = 0: the domination is exact.
    """
    return Cost(Fraction(mu_per_unit_shift(stddev)) ** 2 * Fraction(squared_l2_shift))


def stddev_within(budget: Cost, squared_l2_shift: int | Fraction) -> float:
    """Smallest stddev (in counts) whose `gaussian_cost` for that shift stays within `budget`."""
    mu_squared = budget.mu_squared / Fraction(squared_l2_shift)
    # A relative 1e-12 below the square root pays for its rounding, so the cost never exceeds the budget.
    return stddev_for(float(mu_squared) ** 0.5 * (1 - 1e-12))
