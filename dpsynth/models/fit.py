"""Fit a random field to noisy marginals: the closest consistent non-negative marginals, and the flattest model of them.

Let L(p) be the weighted squared error of a distribution p over the whole domain (`loss`). For a temperature
tau > 0 the minimum of L(p) - tau * entropy(p) is a random field with potentials theta, the minimiser of a
smooth convex dual F (`dual`). As tau falls, lambda = tau * theta tends to a maximiser of the dual D of L alone,
and p(theta) to the maximum-entropy minimiser of L. The fit follows this path in tau:

- corrector: L-BFGS on F, preconditioned by the diagonal p + tau K, which is the curvature both of cells
  that stay filled (p large) and of cells that the noise has pushed below zero (p = 0);
- predictor: lambda is extended on a straight line in tau, which is exact for filled cells
  (lambda proportional to tau) and for empty ones (lambda constant);
- the same line, taken down to tau = 0, gives the bound D(lambda) <= min L that ends the fit.

Sources: McKenna, Sheldon & Miklau 2019, "Graphical-model based estimation and inference for differential
privacy" (the problem); Nesterov 2005, "Smooth minimization of non-smooth functions" (the smoothing);
Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.4 (L-BFGS).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.dual import Point, SmoothedDual, smoothed_dual
from dpsynth.models.junction_tree import junction_tree, predicted_cells
from dpsynth.models.loss import residual_loss
from dpsynth.models.random_field import RandomField
from dpsynth.structural_zeros import StructuralZeros

Progress = Callable[[float], None]

_TEMPERATURE_STEP = 4.0
_MEMORY = 10


def fit(
    domain: Domain,
    measurements: Sequence[NoisyMarginal],
    total: float,
    *,
    cliques: Sequence[Clique] = (),
    structural_zeros: Sequence[StructuralZeros] = (),
    gap: float = 1e-4,
    max_iterations: int = 1000,
    max_cells: int = 100_000_000,
    progress: Progress | None = None,
) -> RandomField:
    """Maximum-entropy random field whose marginals minimise the weighted squared error of `measurements`.

    The error is L = sum over measurements of || Q(x) - values ||^2 / (2 stddev^2), with x the model's
    counts, Q the measurement's basis; it is minimised over all non-negative tables with sum `total`.
    Several measurements of one clique, or of overlapping ones, are combined by inverse variance.

    cliques: further column sets that the model's junction tree must hold (room for later queries).
    gap: stop when L is proved to be within gap * N / 2 of its minimum, N the number of noisy values
        (N / 2 is what L is expected to be at the truth); then the root mean square distance of the
        fitted cells from the optimum's is at most sqrt(gap) noise standard deviations.
    max_iterations: L-BFGS steps, and one for each temperature; when they run out, the best model so
        far is returned and its `gap` says how good it is.
    max_cells: largest junction tree allowed, in cells.
    progress: called after each temperature with the fraction done, from 0 to 1 (how far the proved gap has
        come down on a logarithmic scale).

    Post-processing of released values: no privacy cost. Raises SettingError for measurements that do not
    fit the domain or zeros that leave no cell, PlanTooLargeError before anything large is allocated.
    """
    if not (math.isfinite(total) and total > 0):
        raise SettingError(f"total ({total}) must be a positive number of rows")
    if not gap > 0:
        raise SettingError(f"gap ({gap}) must be positive")
    loss = residual_loss(domain, measurements, total)
    wanted = [*loss.cliques, *cliques, *(zeros.clique for zeros in structural_zeros)]
    cells = predicted_cells(domain, wanted)
    if cells > max_cells:
        raise PlanTooLargeError(f"model cells ({cells}) must be at most {max_cells}; try fewer or smaller cliques")
    dual = smoothed_dual(loss, junction_tree(domain, wanted), structural_zeros)
    if not loss.cliques:
        return _field(dual, _Best(dual.at(np.zeros(0), 0.0), loss.constant, loss.constant))
    return _follow_path(dual, gap * loss.noisy_values / 2, max_iterations, progress)


@dataclass(frozen=True, eq=False)
class _Best:
    """The model with the least L so far, and the largest lower bound so far."""

    point: Point
    loss: float
    bound: float = -math.inf

    def against(self, point: Point, loss: float, bound: float) -> _Best:
        bound = max(bound, self.bound)
        return _Best(point, loss, bound) if loss <= self.loss else _Best(self.point, self.loss, bound)

    @property
    def gap(self) -> float:
        return self.loss - self.bound


def _follow_path(dual: SmoothedDual, tolerance: float, max_iterations: int, progress: Progress | None) -> RandomField:
    """Lower the temperature until the gap between the best model and the best bound is within tolerance."""
    largest_entropy = max(1.0, sum(math.log(size) for size in dual.loss.domain.sizes))
    theta = np.zeros(dual.target.size)
    point = dual.at(theta, 0.0)
    best = _Best(point, dual.primal(point.marginals))
    temperature = max(best.loss, tolerance) / largest_entropy / _TEMPERATURE_STEP
    accuracy, iterations, first_gap = 0.2, 0, tolerance
    before: tuple[float, FloatArray] | None = None
    while True:
        point, used = _correct(
            dual, theta, temperature, accuracy * max(tolerance, 0.1 * temperature), max_iterations - iterations
        )
        iterations += used + 1
        now = (temperature, temperature * point.theta)
        limit = _extend(before, now, 0.0) if before else now[1]
        best = best.against(point, dual.primal(point.marginals), dual.lower_bound(limit))
        finished = best.gap <= tolerance or iterations >= max_iterations
        if progress is not None:
            first_gap = max(first_gap, best.gap)
            progress(1.0 if finished else 1 - math.log(best.gap / tolerance) / math.log(first_gap / tolerance))
        if finished:
            return _field(dual, best)
        if temperature * largest_entropy < 0.01 * tolerance:
            # Smoothing no longer matters: what is left of the gap is the corrector's own error.
            accuracy /= 10
            theta = point.theta
            continue
        lower = temperature / _TEMPERATURE_STEP
        theta = _extend(before, now, lower) / lower if before else point.theta
        before, temperature = now, lower


def _extend(before: tuple[float, FloatArray], now: tuple[float, FloatArray], temperature: float) -> FloatArray:
    """Multipliers at another temperature, on the line through two points of the path."""
    (hot, hot_multipliers), (cold, cold_multipliers) = before, now
    return cold_multipliers + (hot_multipliers - cold_multipliers) * ((temperature - cold) / (hot - cold))


def _correct(
    dual: SmoothedDual, theta: FloatArray, temperature: float, enough: float, max_iterations: int
) -> tuple[Point, int]:
    """Minimise F at one temperature by L-BFGS until p is within `enough`, in units of L, of t - tau K theta."""
    stiffness = temperature * dual.stiffness
    point = dual.at(dual.shared_evenly(theta), temperature)
    steps: list[_Step] = []
    for iteration in range(max_iterations):
        if temperature / 2 * float(np.vdot(point.gradient, point.gradient / stiffness)) <= enough:
            return point, iteration
        filled = np.maximum(np.maximum(point.marginals, point.corrected), 0.0)
        scale = 1 / (np.where(dual.possible, filled, 0.0) + stiffness)
        direction = dual.measured(_quasi_newton(point.gradient, scale, steps))
        if float(np.vdot(point.gradient, direction)) >= 0:
            steps.clear()
            direction = dual.measured(-scale * point.gradient)
        following = _line_search(dual, point, direction, temperature)
        if following is None:
            return point, iteration
        step, change = following.theta - point.theta, following.gradient - point.gradient
        curvature = float(np.vdot(step, change))
        if curvature > 1e-14 * math.sqrt(float(np.vdot(step, step)) * float(np.vdot(change, change))):
            steps.append((step, change, 1 / curvature))
            del steps[:-_MEMORY]
        point = following
    return point, max_iterations


_Step = tuple[FloatArray, FloatArray, float]


def _quasi_newton(gradient: FloatArray, scale: FloatArray, steps: Sequence[_Step]) -> FloatArray:
    """The two-loop recursion of L-BFGS around the inverse diagonal `scale`; steps are (s, y, 1 / <s, y>)."""
    direction = -gradient
    shares = []
    for step, change, weight in reversed(steps):
        share = weight * float(np.vdot(step, direction))
        direction -= share * change
        shares.append(share)
    direction *= scale
    for (step, change, weight), share in zip(steps, reversed(shares), strict=True):
        direction += (share - weight * float(np.vdot(change, direction))) * step
    return direction


def _line_search(dual: SmoothedDual, point: Point, direction: FloatArray, temperature: float) -> Point | None:
    """Backtrack by safeguarded quadratic interpolation until F has fallen enough; None when it cannot."""
    slope = float(np.vdot(point.gradient, direction))
    stiff = dual.conjugate(direction)
    length = 1.0
    for _ in range(40):
        tried = dual.at(point.theta + length * direction, temperature, point.stiff + length * stiff)
        if tried.value <= point.value + 1e-4 * length * slope:
            return tried
        # Near the minimum the change in F drowns in rounding; its slope does not (Hager & Zhang 2005, equation 4.1).
        drowned = tried.value <= point.value + 1e-12 * abs(point.value)
        if drowned and float(np.vdot(tried.gradient, direction)) <= -0.9 * slope:
            return tried
        rise = tried.value - point.value - length * slope
        length = min(0.5 * length, max(0.1 * length, -slope * length**2 / (2 * rise)))
    return None


def _field(dual: SmoothedDual, best: _Best) -> RandomField:
    loss = dual.loss
    return RandomField(
        tree=dual.tree,
        beliefs=tuple(belief * loss.total for belief in best.point.calibration.beliefs),
        total=loss.total,
        gap=max(0.0, best.gap) / max(loss.noisy_values / 2, 1.0),
    )
