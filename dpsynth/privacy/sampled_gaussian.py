"""What T Poisson-sampled Gaussian sums tell: their privacy loss distribution, and the Gaussian that dominates it.

In each of T steps every row is in with probability q, on its own, and the sum of what the rows contribute gets
Gaussian noise. One row that is in moves the sum by at most mu standard deviations of the noise.

**The worst pair.** A unit has k rows. Write w_j for the chance that j of them are in (binomial in k and q). Fix what
the other rows contribute, and call the three laws of one step N (none of the unit's rows in), P and Q. For any test,
let beta be its chance to say yes under N. Given that j of the rows are in, the law is N moved by at most j mu, so the
test says yes with at most Phi(Phi^-1(beta) + j mu) and at least Phi(Phi^-1(beta) - j mu) (Neyman, Pearson). One test
on the line attains all of these bounds at once: x > -Phi^-1(beta), for N(0, 1) moved to j mu and to -j mu. So for
every e^epsilon

- add-remove: (P, Q) is dominated by  sum w_j N(j mu, 1)  against  N(0, 1), and (Q, P) by the same pair turned round;
- replace-one: (P, Q) is dominated by  sum w_j N(j mu, 1)  against  sum w_j N(-j mu, 1).

A unit with fewer rows is one with rows that contribute nothing. The noise need not be normal: only that a move costs at
most j mu in Gaussian differential privacy was used, which holds for the discrete Gaussian. Steps whose pairs are
dominated compose to what the dominating pairs compose to, also adaptively (Zhu, Dong, Wang, "Optimal Accounting of
Differential Privacy via Characteristic Function", AISTATS 2022, theorem 10).

**The arithmetic.** A step's loss ln(dP/dQ) is put on a grid of width h so that each cell's mass under P and under Q
is kept by the cell's two ends (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, "Connect the Dots", PoPETS 2022): the
result dominates the true loss. The T-fold sum is taken by Fourier transform, tilted (Esscher) so that its error is
relative to the tail that is asked for. What is cut off at either end is added to delta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.privacy.unit import Relation

_Floats = npt.NDArray[np.float64]

_LARGEST_SUM = 1 << 24
# Of the loss of one step, cells of the grid in one standard deviation: the grid then adds 1/4 h^2 to its variance, a
# thousandth of it.
_CELLS = 16.0
_CUT = 1e-24  # mass of one step, and of the sum, that is cut off at either end and added to delta
_ROUNDING = 2.0**-50  # of the transform, for each step and each doubling of the grid, relative to the tilted mass
_LARGEST_GRID = 1 << 16  # cells of one step's loss


@dataclass(frozen=True)
class SampledGaussian:
    """T Poisson-sampled Gaussian sums. steps: T. rate: q, in (0, 1]. mu: what one row that is in costs in one step.

    rows: k, of one unit at most. relation: of neighbouring tables. Raises SettingError on other values.

    >>> SampledGaussian(steps=1, rate=Fraction(1), mu=1.0).dominating_mu(1e-9) < 1.01
    True
    """

    steps: int
    rate: Fraction
    mu: float
    rows: int = 1
    relation: Relation = Relation.ADD_REMOVE

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not 1 <= self.steps <= 10_000_000:
            raise SettingError(f"steps ({self.steps}) must be a whole number from 1 to 10 million; try 1000")
        if not 0 < self.rate <= 1:
            raise SettingError(f"rate ({float(self.rate):g}) must be above 0 and at most 1; try 0.05")
        if not 0 < self.mu < math.inf:
            raise SettingError(f"mu ({self.mu}) must be a positive number; try 1.0")

    def epsilon(self, delta: float) -> float:
        """The smallest epsilon at which all steps together are (epsilon, delta)-differentially private, from above."""
        return max(_epsilon(composed, delta) for composed in _composed(self))

    def delta(self, epsilon: float) -> float:
        """The delta at which all steps together are (epsilon, delta)-differentially private, from above."""
        return max(float(composed.deltas(np.array([epsilon]))[0]) for composed in _composed(self))

    def dominating_mu(self, delta0: float) -> float:
        """The smallest mu with which all steps cost (mu^2, delta0): their profile stays below that of the price.

        delta0: in (0, 1). Both directions, every real epsilon: an epsilon below 0 in one is one above 0 in the other.
        """
        return _dominating_mu(self, delta0)


@lru_cache(maxsize=8)
def _composed(events: SampledGaussian) -> tuple[_Composed, ...]:
    """The sum of all steps' losses, for either order of the worst pair; once for replace-one, which is symmetric."""
    orders = (True,) if events.relation is Relation.REPLACE_ONE else (True, False)
    return tuple(_Composed(_losses(events, forward=forward), events.steps) for forward in orders)


@lru_cache(maxsize=1024)
def _dominating_mu(events: SampledGaussian, delta0: float) -> float:
    if not 0 < delta0 < 1:
        raise SettingError(f"delta0 ({delta0}) must lie strictly between 0 and 1; try a thousandth of delta")
    return max(_dominated(composed, delta0) for composed in _composed(events))


@dataclass(frozen=True, eq=False)
class _Losses:
    """The loss of one step under P: mass[i] at (first + i) h, and a loss of infinity with mass `infinite`."""

    first: int
    h: float
    mass: _Floats
    infinite: float

    @cached_property
    def values(self) -> _Floats:
        return np.asarray((self.first + np.arange(self.mass.size)) * self.h, dtype=np.float64)


class _Pair:
    """P = sum w_j N(j mu, 1) against Q, which is N(0, 1) or P mirrored."""

    def __init__(self, events: SampledGaussian) -> None:
        from scipy.stats import binom

        counts = np.arange(events.rows + 1)
        weights = binom.pmf(counts, events.rows, float(events.rate))
        kept = weights > 0
        self.weights, self.centres = weights[kept], counts[kept] * events.mu
        self.mirrored = events.relation is Relation.REPLACE_ONE

    def loss(self, x: _Floats) -> tuple[_Floats, _Floats]:
        """ln(dP/dQ), which increases in x, and its derivative."""
        value, slope = self._log_ratio(x)
        if not self.mirrored:
            return value, slope
        other, other_slope = self._log_ratio(-x)
        return value - other, slope + other_slope

    def _log_ratio(self, x: _Floats) -> tuple[_Floats, _Floats]:
        """ln of sum w_j e^(c_j x - c_j^2 / 2), and its derivative: the mean of the centres c_j."""
        exponents = np.outer(self.centres, x) + (np.log(self.weights) - self.centres**2 / 2)[:, None]
        top = exponents.max(axis=0)
        parts = np.exp(exponents - top)
        whole = parts.sum(axis=0)
        return top + np.log(whole), (self.centres @ parts) / whole

    def between(self, edges: _Floats) -> tuple[_Floats, _Floats]:
        """The mass of P and of Q between neighbouring edges, each to full relative precision."""
        first = sum(w * _normal_mass(edges - c) for w, c in zip(self.weights, self.centres, strict=True))
        if not self.mirrored:
            return np.asarray(first), _normal_mass(edges)
        second = sum(w * _normal_mass(edges + c) for w, c in zip(self.weights, self.centres, strict=True))
        return np.asarray(first), np.asarray(second)


def _normal_mass(edges: _Floats) -> _Floats:
    """Phi(b) - Phi(a) of neighbouring edges a < b, taken on the side where nothing cancels."""
    from scipy.special import ndtr

    low, high = edges[:-1], edges[1:]
    right = low > 0
    out: _Floats = np.where(right, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    return out


def _losses(events: SampledGaussian, *, forward: bool) -> _Losses:
    """The loss of one step on a grid: of P against Q, or of Q against P."""
    pair = _Pair(events)
    reach = 11.0  # a normal law has 1e-28 beyond
    low, high = -reach - (pair.centres[-1] if pair.mirrored else 0.0), reach + pair.centres[-1]
    coarse: _Floats = np.linspace(low, high, 20_001)
    loss, _ = pair.loss(coarse)
    p, q = pair.between(coarse)
    weight, middle = (p if forward else q), (loss[1:] + loss[:-1]) / 2
    mean = float(weight @ middle / weight.sum())
    spread = math.sqrt(max(float(weight @ (middle - mean) ** 2 / weight.sum()), 1e-300))
    h = spread / _CELLS * min(1.0, math.sqrt(events.steps) / 8)
    h = max(h, float(loss[-1] - loss[0]) / _LARGEST_GRID)
    first, last = math.floor(float(loss[0]) / h), math.ceil(float(loss[-1]) / h)
    grid = np.arange(first, last + 1).astype(np.float64) * h
    edges = _inverse(pair, grid, coarse, loss)
    p, q = pair.between(edges)
    if not forward:
        p, q, grid = q[::-1], p[::-1], -grid[::-1]
        first = -last
    return _on_grid(first, h, grid, p, q)


def _inverse(pair: _Pair, losses: _Floats, known: _Floats, at_known: _Floats) -> _Floats:
    """The x at which each loss is taken, by Newton's method from a table; the two ends stand for everything beyond."""
    x = np.interp(losses, at_known, known)
    for _ in range(8):
        value, slope = pair.loss(x)
        x = np.clip(x - (value - losses) / np.maximum(slope, 1e-300), known[0], known[-1])
    x[0], x[-1] = -np.inf, np.inf
    return np.maximum.accumulate(x)


def _on_grid(first: int, h: float, grid: _Floats, p: _Floats, q: _Floats) -> _Losses:
    """Each cell's masses p and q as two points at its ends that hold the same: a at the lower, b at the upper end."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = q * np.exp(grid[:-1])  # what Q's mass is worth at the lower end
    scaled = np.minimum(np.nan_to_num(scaled, nan=0.0, posinf=np.inf), p)
    upper = np.clip((p - scaled) / -math.expm1(-h), 0.0, p)
    mass = np.zeros(grid.size)
    mass[1:] += upper
    mass[:-1] += p - upper
    kept = np.flatnonzero(mass > _CUT)
    # Below the lowest point kept: moved up to it. Above the highest: a loss of infinity.
    lowest, highest = int(kept[0]), int(kept[-1])
    infinite = float(mass[highest + 1 :].sum()) + 1e-27
    inner = mass[lowest : highest + 1].copy()
    inner[0] += float(mass[:lowest].sum())
    return _Losses(first + lowest, h, inner, infinite)


class _Composed:
    """The T-fold sum of one step's losses, and the privacy profile that it has, never below the true one."""

    def __init__(self, losses: _Losses, steps: int) -> None:
        self.losses, self.steps = losses, steps
        self.infinite = -math.expm1(steps * math.log1p(-min(losses.infinite, 0.5)))
        self._tilted: dict[float, tuple[_Floats, _Floats, float]] = {}

    def deltas(self, epsilons: _Floats, tilt: float | None = None) -> _Floats:
        """delta at each epsilon; `tilt` by default the one that suits the largest of them."""
        chosen = self.tilt_for(float(np.max(epsilons))) if tilt is None else tilt
        out = np.minimum(self._at(epsilons, 0.0), self._at(epsilons, chosen))
        return np.minimum(out + self.infinite, 1.0)

    def tilt_for(self, epsilon: float) -> float:
        """The Esscher tilt under which the sum has its mean near epsilon; at least 0. Any tilt gives a true bound."""
        low, high = 0.0, 1.0
        while self._tilted_mean(high) < epsilon and high < 1e6:
            high *= 2
        for _ in range(12):
            middle = (low + high) / 2
            low, high = (middle, high) if self._tilted_mean(middle) < epsilon else (low, middle)
        return low

    def _tilted_mean(self, tilt: float) -> float:
        exponents = tilt * self.losses.values
        weights = self.losses.mass * np.exp(exponents - exponents.max())
        return self.steps * float(weights @ self.losses.values / weights.sum())

    def _at(self, epsilons: _Floats, tilt: float) -> _Floats:
        """delta(epsilon) = sum over losses above epsilon of mass (1 - e^(epsilon - loss)), untilted again."""
        values, mass, log_scale = self.tilted_sum(tilt)
        # mass e^(-tilt loss) and mass e^(-(tilt + 1) loss), scaled so that nothing overflows, summed from above.
        shift = values - values[0]
        plain = np.cumsum((mass * np.exp(-tilt * shift))[::-1])[::-1]
        decayed = np.cumsum((mass * np.exp(-(tilt + 1) * shift))[::-1])[::-1]
        place = np.searchsorted(values, epsilons, side="right")
        inside = place < values.size
        index = np.minimum(place, values.size - 1)
        gap = np.minimum(epsilons - values[0], 700.0)
        scale = math.exp(min(log_scale - tilt * values[0], 700.0))
        out = np.where(inside, scale * (plain[index] - np.exp(gap) * decayed[index]), 0.0)
        below = epsilons < values[0]
        exact = np.maximum(-np.expm1(np.minimum(epsilons, 0.0)), 0.0)  # delta(-large) = 1 - e^epsilon at least
        noise = self._error(values, mass, tilt, epsilons, log_scale)
        return np.where(below, 1.0, np.maximum(np.maximum(out, 0.0) + noise, exact))

    def _error(self, values: _Floats, mass: _Floats, tilt: float, epsilons: _Floats, log_scale: float) -> _Floats:
        """What rounding in the transform, and what was cut from the sum, may have taken from delta."""
        rounding = _ROUNDING * self.steps * math.log2(mass.size) + 4 * _CUT
        exponent = np.minimum(log_scale - tilt * epsilons, 0.0 if tilt == 0 else 700.0)
        return np.asarray(rounding * np.exp(exponent))

    def tilted_sum(self, tilt: float) -> tuple[_Floats, _Floats, float]:
        """Values, tilted mass (which sums to 1) and the log of what the tilt scaled it by."""
        if tilt not in self._tilted:
            self._tilted[tilt] = self._transform(tilt)
        return self._tilted[tilt]

    def _transform(self, tilt: float) -> tuple[_Floats, _Floats, float]:
        values, h = self.losses.values, self.losses.h
        exponents = tilt * values
        top = float(exponents.max())
        weights = self.losses.mass * np.exp(exponents - top)
        norm = float(weights.sum())
        weights /= norm
        low, high = _range_of_sum(values, weights, self.steps)
        start, stop = math.floor(low / h) - 1, math.ceil(high / h) + 1
        first, last = self.steps * self.losses.first, self.steps * (self.losses.first + weights.size - 1)
        start, stop = max(start, first), min(stop, last)
        size = 1 << max(stop - start + 1, weights.size).bit_length()
        if size > _LARGEST_SUM:
            raise SettingError("steps and noise must be such that the sum of losses fits a grid; try fewer steps")
        spectrum = np.fft.rfft(weights, size)
        powered = np.exp(self.steps * np.log(np.where(spectrum == 0, 1e-300, spectrum)))
        whole = np.fft.irfft(powered, size)
        index = (np.arange(start, stop + 1) - first) % size
        mass = np.maximum(whole[index], 0.0)
        sums = np.arange(start, stop + 1).astype(np.float64) * h
        return sums, mass, self.steps * (top + math.log(norm))


def _range_of_sum(values: _Floats, weights: _Floats, steps: int) -> tuple[float, float]:
    """An interval that the sum of `steps` such losses leaves with probability at most 2 _CUT (Chernoff)."""
    mean = float(weights @ values)
    spread = math.sqrt(max(float(weights @ (values - mean) ** 2), 1e-300))
    kept = weights > 0
    values, log_weights = values[kept], np.log(weights[kept])
    bounds = []
    for sign in (-1.0, 1.0):
        best = math.inf
        for rate in np.geomspace(0.1, 40.0, 20) / (spread * math.sqrt(steps)):
            exponents = sign * rate * values + log_weights
            top = float(exponents.max())
            cumulant = top + math.log(float(np.exp(exponents - top).sum()))
            best = min(best, (steps * cumulant - math.log(_CUT)) / rate)
        bounds.append(sign * best)
    return bounds[0], bounds[1]


def _epsilon(composed: _Composed, delta: float) -> float:
    low, high = 0.0, 1.0
    if composed.deltas(np.array([0.0]))[0] <= delta:
        return 0.0
    while composed.deltas(np.array([high]))[0] > delta:
        low, high = high, 2 * high
        if high > 1e5:
            return math.inf
    tilt = composed.tilt_for(high)
    while high - low > 1e-7 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if composed.deltas(np.array([middle]), tilt)[0] <= delta else (middle, high)
    return high


def _dominated(composed: _Composed, delta0: float) -> float:
    """The smallest mu whose profile, with delta0, lies above the composed one at every epsilon >= 0."""
    last = _last_above(composed, delta0)
    if last <= 0:
        return 0.0
    h = composed.losses.h
    count = min(math.ceil(last / h) + 1, 20_000)
    epsilons = np.linspace(0.0, last, count)
    deltas = np.minimum.reduce([composed.deltas(epsilons, composed.tilt_for(last * part)) for part in (0.3, 0.6, 1.0)])
    # Between two neighbours the composed profile is at most its left value, the Gaussian's at least its right one.
    wanted = (deltas[:-1] - delta0) / (1 - delta0)
    needed = wanted > 0
    if not needed.any():
        return 0.0
    right, wanted = epsilons[1:][needed], wanted[needed]
    low, high = 0.0, 1.0
    while not _covers(high, right, wanted):
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if _covers(middle, right, wanted) else (middle, high)
    return high


def _last_above(composed: _Composed, delta0: float) -> float:
    """An epsilon at which the composed profile is at most delta0, as it is beyond."""
    if composed.infinite >= delta0:
        raise SettingError(f"delta0 ({delta0}) must be above {composed.infinite:.3g}, which the arithmetic cuts off")
    low, high = 0.0, 1.0
    while composed.deltas(np.array([high]))[0] > delta0:
        low, high = high, 2 * high
    for _ in range(8):  # it only says how far to look
        middle = (low + high) / 2
        low, high = (low, middle) if composed.deltas(np.array([middle]))[0] <= delta0 else (middle, high)
    return high


def _covers(mu: float, epsilons: _Floats, wanted: _Floats) -> bool:
    """Whether delta_mu(epsilon) is at least what is wanted, at every epsilon."""
    from scipy.special import erfcx, log_ndtr

    if mu <= 0:
        return False
    a, b = epsilons / mu - mu / 2, epsilons / mu + mu / 2
    # Phi(-a) - e^epsilon Phi(-b) is Phi(-a) (1 - R(b) / R(a)), R Mills' ratio, since e^epsilon phi(b) = phi(a).
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.where(a > -30, erfcx(b / math.sqrt(2)) / erfcx(np.maximum(a, -30.0) / math.sqrt(2)), 0.0)
        found = log_ndtr(-a) + np.log1p(-np.minimum(ratio, 1.0))
    return bool((found >= np.log(wanted)).all())
