"""Fit a mixture of products to noisy marginals, with as much detail as the noise lets it keep.

The logits of component k are base + z_k A: a point z_k of a space of a few `factors`, mapped to all columns at once.
Points, map, base and weights minimise the weighted squared error of the measurements plus
penalty / 2 * (mean |z_k|^2 + |A|^2), which acts as a price on the rank of the logits. How much penalty? Every
measurement is split into two independent ones; the first is fitted along a path of falling penalties, and
the second says where on the path the fit is best. Only then is everything fitted.

Sources: Liu, Vietri, Wu, "Iterative Methods for Private Synthetic Data: Unifying Framework and New Methods" (GEM, the
mixture of products as a generator), NeurIPS 2021; Kingma, Ba, "Adam", ICLR 2015; Oliveira, Lei, Tibshirani,
"Unbiased Risk Estimation in the Normal Means Problem via Coupled Bootstrap Techniques", 2021 (the split).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray, NoisyMarginal, refuse_grouped
from dpsynth.models.loss import residual_loss
from dpsynth.models.mixture import Mixture
from dpsynth.models.mixture_loss import Array, Layout, MixtureLoss

Progress = Callable[[float], None]

_PENALTY_STEP = 0.4
_CHECK_EVERY = 10
_BATCH = 16
_START_SPREAD = 0.3
_STALE_STAGES = 2
_WORTHWHILE = 2.0  # in log likelihood: a smaller gain is within its own noise


def fit_mixture(
    domain: Domain,
    measurements: Sequence[NoisyMarginal],
    total: float,
    rng: np.random.Generator,
    *,
    components: int = 400,
    factors: int = 12,
    held_out: float = 0.1,
    stages: int = 20,
    stage_steps: int = 60,
    progress: Progress | None = None,
) -> Mixture:
    """Mixture of products close to all measurements, with the detail that held-out noise supports.

    components, factors: size of the mixture and rank of its logits. held_out: share of the information by
    which the penalty is chosen. stages: penalties tried at most; stage_steps: Adam steps for each at most.
    rng: where the points start and how measurements are split (never noise that protects anybody).
    progress: called after each stage with the fraction done.

    Post-processing of released values: no privacy cost. Raises SettingError for measurements that do not fit
    the domain and for settings out of range.
    """
    if not (math.isfinite(total) and total > 0):
        raise SettingError(f"total ({total}) must be a positive number of rows")
    if components < 1 or factors < 1 or not 0 < held_out < 1:
        raise SettingError("components and factors must be at least 1, and held_out between 0 and 1")
    first, second = split(measurements, held_out, rng)
    fitting, held = (MixtureLoss.of(residual_loss(domain, part, total)) for part in (first, second))
    layout = fitting.layout
    state = _start(layout, fitting, components, factors, rng)
    penalty = first_penalty(state, fitting, rng)
    best, best_error, best_penalty, stale = state, math.inf, penalty, 0
    for stage in range(stages):
        state, error = descend(state, fitting, penalty, stage_steps, rng, held)
        if error < best_error - _WORTHWHILE:
            best, best_error, best_penalty, stale = state, error, penalty, 0
        else:
            stale += 1
        if stale == _STALE_STAGES:
            break
        penalty *= _PENALTY_STEP
        if progress is not None:
            progress((stage + 1) / (stages + 1))
    everything = MixtureLoss.of(residual_loss(domain, measurements, total))
    best, _ = descend(best, everything, best_penalty, stage_steps, rng, None)
    if progress is not None:
        progress(1.0)
    return _mixture(domain, best, layout, total)


def split(
    measurements: Sequence[NoisyMarginal], share: float, rng: np.random.Generator
) -> tuple[list[NoisyMarginal], list[NoisyMarginal]]:
    """Two independent versions of Gaussian measurements, with the shares 1 - share and share of their information.

    y + c e and y - e / c are independent when e has the noise's law and c is any number; here
    c^2 = share / (1 - share). Exact for Gaussian noise, and for discrete Gaussian noise of stddev above 1 very nearly.
    """
    refuse_grouped(measurements)
    c = math.sqrt(share / (1 - share))
    first, second = [], []
    for one in measurements:
        extra = one.stddev * rng.standard_normal(one.values.shape)
        first.append(NoisyMarginal(one.clique, one.values + c * extra, one.stddev * math.hypot(1, c), one.basis))
        second.append(NoisyMarginal(one.clique, one.values - extra / c, one.stddev * math.hypot(1, 1 / c), one.basis))
    return first, second


@dataclass(frozen=True, eq=False)
class Parameters:
    """What is fitted.

    points (components, factors), map (factors, width), base (width,), weight_logits (components,).
    """

    points: Array
    map: Array
    base: Array
    weight_logits: Array

    def all(self) -> tuple[Array, ...]:
        """The arrays in the order of the fields."""
        return self.points, self.map, self.base, self.weight_logits

    def distribution(self, layout: Layout) -> tuple[Array, Array]:
        """Weights (components,) and tables (components, width)."""
        grown = np.exp(self.weight_logits - self.weight_logits.max())
        return grown / grown.sum(), layout.softmax(self.base + self.points @ self.map)


def gradient(state: Parameters, loss: MixtureLoss, penalty: float, larger: Sequence[int]) -> Parameters:
    """Derivatives of loss + penalty / 2 * |map|^2."""
    weights, tables = state.distribution(loss.layout)
    by_weights, by_tables = loss.gradient(weights, tables, larger)
    by_tables *= tables
    by_logits = by_tables - tables * loss.layout.spread(loss.layout.sums(by_tables))
    return Parameters(
        by_logits @ state.map.T,
        state.points.T @ by_logits + penalty * state.map,
        by_logits.sum(axis=0),
        weights * (by_weights - weights @ by_weights),
    )


def _start(layout: Layout, loss: MixtureLoss, components: int, factors: int, rng: np.random.Generator) -> Parameters:
    """Every component at the noisy one-ways, a little apart."""
    uniform = layout.spread(1.0 / layout.sizes)
    floor = 0.3 / np.sqrt(np.maximum(loss.one_precision, 1.0))
    shares = np.maximum(loss.one_target + uniform, np.minimum(floor, uniform))
    spread = _START_SPREAD / math.sqrt(factors)
    arrays = (
        rng.standard_normal((components, factors)),
        spread * rng.standard_normal((factors, layout.width)),
        np.log(shares / layout.spread(layout.sums(shares))),
        np.zeros(components),
    )
    return Parameters(*(array.astype(loss.one_target.dtype) for array in arrays))


def first_penalty(state: Parameters, loss: MixtureLoss, rng: np.random.Generator, rounds: int = 10) -> float:
    """The largest penalty at which the best model is not independence: an eigenvalue, by power iteration.

    Near map = 0 the loss falls by map M map' / 2 for a matrix M, which one factor with the points +1 and -1 shows.
    """
    points = np.array([[1.0], [-1.0]], dtype=state.map.dtype)
    row, size = rng.standard_normal((1, loss.layout.width)).astype(state.map.dtype), 1e-2
    value = 0.0
    for _ in range(rounds):
        row *= size / np.linalg.norm(row)
        alone = Parameters(points, row, state.base, np.zeros(2, dtype=state.map.dtype))
        row = -gradient(alone, loss, 0.0, range(len(loss.larger))).map
        value = float(np.linalg.norm(row)) / size
        if value == 0:
            break
    return value


def descend(
    state: Parameters,
    loss: MixtureLoss,
    penalty: float,
    steps: int,
    rng: np.random.Generator,
    held: MixtureLoss | None,
    rate: float = 0.05,
) -> tuple[Parameters, float]:
    """Adam from `state`; the best point seen by the held-out loss (without one, the last), and its loss."""
    arrays = [array.copy() for array in state.all()]
    rates = (rate, rate, rate / 3, rate / 3)
    means = [np.zeros_like(array) for array in arrays]
    squares = [np.zeros_like(array) for array in arrays]
    best, best_error, worse = state, math.inf, 0
    for step in range(1, steps + 1):
        larger = rng.permutation(len(loss.larger))[:_BATCH].tolist()
        slopes = gradient(Parameters(*arrays), loss, penalty, larger).all()
        for array, slope, mean, square, size in zip(arrays, slopes, means, squares, rates, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.01 * (slope * slope - square)
            array -= (size / (1 - 0.9**step)) * mean / (np.sqrt(square / (1 - 0.99**step)) + 1e-20)
        # Points keep unit mean squares, so that the penalty on the map is one on the logits.
        scale = np.sqrt(np.mean(arrays[0] ** 2, axis=0)) + 1e-12
        arrays[0] /= scale
        arrays[1] *= scale[:, None]
        if held is not None and (step % _CHECK_EVERY == 0 or step == steps):
            reached = Parameters(*(array.copy() for array in arrays))
            error = held.value(*reached.distribution(loss.layout))
            worse = worse + 1 if error >= best_error else 0
            if error < best_error:
                best, best_error = reached, error
            if worse == 2:
                return best, best_error
    return (Parameters(*arrays), math.nan) if held is None else (best, best_error)


def _mixture(domain: Domain, state: Parameters, layout: Layout, total: float) -> Mixture:
    """The frozen model in float64, every distribution summing to one again."""
    weights, tables = state.distribution(layout)
    columns = [tables[:, layout.slice(index)].astype(np.float64) for index in range(len(domain))]
    exact: FloatArray = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    return Mixture(domain, exact, tuple(table / table.sum(axis=1, keepdims=True) for table in columns), total)
