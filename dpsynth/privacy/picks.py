"""The joint price of several adaptive choices, each of bounded range: less than the sum of their single prices.

One choice of range eta costs mu_of_range(eta)^2, for small eta (pi / 2) (eta / 2)^2: its two-point law touches the
Gaussian curve at one vertex. Choices that are made together have laws with more and smaller steps, and come close
to (eta / 2)^2 each. What an adversary can reach, who picks the worst law after every answer, is computed here.
Proof: docs/explanation/privacy-currency.md, "Several choices together".

Source: Dong, Durfee, Rogers, "Optimal Differential Privacy Composition for Exponential Mechanisms", ICML 2020
(bounded range, and that adaptive laws are worse than fixed ones); the dominating mu, and its proof on a grid, are ours.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.exponential import mu_of_range, range_of_mu

FloatArray = npt.NDArray[np.float64]

MOST_TOGETHER = 24  # more choices are priced in parts, which is 1 % dearer and keeps the numbers small
SMALLEST_RANGE, LARGEST_RANGE = 1e-9, 20.0  # outside, the single prices are charged: floats would not do
LARGEST_TOGETHER = (
    6.0  # mu of the single prices; beyond, tests with a power of nearly 1 decide, and floats would not do
)
CELLS = 256  # of the grid, for one range; the price is too high by about 2 / CELLS of itself

_RANGE_BITS = 36


def cost_of_picks(eta: float, picks: int) -> Cost:
    """Cost of `picks` choices of bounded range `eta`, each of which may depend on the answers before it.

    eta: finite, not negative, rounded up in the 36th bit; 0 costs nothing. picks: at least 0. SettingError otherwise.

    >>> float(cost_of_picks(0.4, 8).mu_squared) / (8 * mu_of_range(0.4) ** 2) < 0.72
    True
    """
    if not 0 <= eta < math.inf or picks < 0:
        raise SettingError(f"eta ({eta}) must be finite and not negative, and picks ({picks}) at least 0")
    if eta == 0 or picks == 0:
        return ZERO
    mantissa, exponent = math.frexp(eta)
    rounded = math.ldexp(math.ceil(math.ldexp(mantissa, _RANGE_BITS)), exponent - _RANGE_BITS)
    parts = -(-picks // _most_together(rounded))
    smaller, larger = picks // parts, picks % parts
    whole = Fraction(0)
    for size, times in ((smaller, parts - larger), (smaller + 1, larger)):
        if times:
            whole += times * Fraction(mu_of_picks(rounded, size)) ** 2
    return Cost(whole)


def range_of_picks(budget: Cost, picks: int) -> float:
    """A range at which `picks` adaptive choices cost at most mu^2 of `budget`: the largest, to about 1e-6 of itself.

    Positive budget, at least one pick; SettingError otherwise. Ranges up to 1e-10 of itself larger still fit.
    """
    if not budget.mu_squared > 0 or picks < 1:
        raise SettingError(f"budget ({budget}) must have a positive mu^2, for at least one pick; got {picks} picks")
    target = float(budget.mu_squared) ** 0.5
    fits = range_of_mu(target / picks**0.5 * (1 - 1e-12))  # by the single prices
    if picks == 1:
        return fits * (1 - 1e-10)
    guess, factor, rounds = fits, math.inf, 0
    while abs(factor - 1) > 1e-8 and rounds < 20:  # mu is nearly proportional to the range: few rounds do
        factor, rounds = target / cost_of_picks(guess, picks).mu, rounds + 1
        guess *= factor
    guess *= 1 - 1e-7
    # Where the price jumps, because large ranges are priced more roughly, the rounds do not settle.
    if abs(factor - 1) <= 1e-8 and guess > fits and cost_of_picks(guess, picks).fits(budget):
        return guess * (1 - 1e-10)
    breaks = 2 * fits
    while breaks - fits > 1e-6 * fits:
        middle = (fits + breaks) / 2
        fits, breaks = (middle, breaks) if cost_of_picks(middle, picks).fits(budget) else (fits, middle)
    return fits * (1 - 1e-10)


def _most_together(eta: float) -> int:
    """How many choices are priced together: so many that the mu of their single prices is at most LARGEST_TOGETHER."""
    if not SMALLEST_RANGE <= eta <= LARGEST_RANGE:
        return MOST_TOGETHER  # at their single prices, together or not
    return max(1, min(MOST_TOGETHER, math.floor((LARGEST_TOGETHER / mu_of_range(eta)) ** 2 * (1 - 1e-12))))


@lru_cache(maxsize=4096)
def mu_of_picks(eta: float, picks: int) -> float:
    """Upper bound on the mu of up to `picks` adaptive choices of range `eta`: 1 to MOST_TOGETHER of them.

    Never above picks^(1/2) mu_of_range(eta), the sum of the single prices, and that where it is above LARGEST_TOGETHER.
    """
    if not 1 <= picks <= MOST_TOGETHER:
        raise SettingError(f"picks ({picks}) must be from 1 to {MOST_TOGETHER}; try cost_of_picks")
    if picks == 1:
        return mu_of_range(eta)
    single: float = math.sqrt(picks) * mu_of_range(eta) * (1 + 1e-15)
    if not SMALLEST_RANGE <= eta <= LARGEST_RANGE or single > LARGEST_TOGETHER:
        return single
    return min(single, mu_above(*worst_profile(eta, picks)))


def worst_profile(eta: float, picks: int, cells: int = CELLS) -> tuple[float, FloatArray]:
    """Grid step h, and upper bounds on the largest delta at epsilon = 0, h, 2 h, ... of any adaptive choices.

    The last delta is 0: there epsilon is at least picks * eta.

    D_k(epsilon) <= max over t of p D_{k-1}(epsilon - t) + (1 - p) D_{k-1}(epsilon - t + eta),
    p = (1 - e^(t - eta)) / (1 - e^-eta), D_0(epsilon) = max(0, 1 - e^epsilon). With the range widened by h, t on the
    grid is enough.
    """
    step = math.nextafter(eta / cells, math.inf)
    wide = cells + 1  # steps in the widened range
    t = np.arange(wide + 1)
    p = np.expm1((t - wide) * step) / math.expm1(-wide * step)
    rest = np.expm1(t * step) / math.expm1(wide * step)  # 1 - p, without cancellation
    # After s of k rounds, on the grid from -(k - s) to s widened ranges: further up D_s is 0, further down not needed.
    worst = -np.expm1(np.arange(-wide * picks, 1) * step)
    padded, mixed, other = np.zeros(len(worst) + 2 * wide), np.empty_like(worst), np.empty_like(worst)
    for _ in range(picks):
        padded[: len(worst)] = worst
        worst[:] = 0.0
        for i in range(wide + 1):
            np.multiply(padded[wide - i : wide - i + len(worst)], p[i], out=mixed)
            np.multiply(padded[2 * wide - i : 2 * wide - i + len(worst)], rest[i], out=other)
            np.maximum(worst, np.add(mixed, other, out=mixed), out=worst)
    # Each round is off by at most 60 units in the last place, relatively, since nothing is subtracted.
    return step, np.maximum.accumulate(worst[::-1])[::-1] * (1 + 1e-12)


def mu_above(step: float, delta: FloatArray) -> float:
    """A mu whose Gaussian profile lies above delta, at all epsilon >= 0: a convex function of e^epsilon.

    delta: upper bounds at epsilon = 0, step, 2 step, ...; the last is 0. Between two of them the profile is below
    the chord power - e^epsilon size, and that is below the Gaussian's if no test of this size has this power there.
    """
    from scipy.special import ndtri

    odds = np.exp(np.arange(len(delta)) * step)
    size = np.clip((delta[:-1] - delta[1:]) / (odds[:-1] * math.expm1(step)), 0.0, 1.0)
    power = np.maximum(delta[:-1] + size * odds[:-1], delta[1:] + size * odds[1:]) * (1 + 1e-12)
    some = power > 0
    if (power[some] >= 1).any() or (size[some] <= 0).any():
        return math.inf
    return float(np.max(ndtri(power[some]) - ndtri(size[some]))) * (1 + 1e-9) + 1e-12
