"""The counts behind one noisy marginal, by empirical Bayes: most codes of a long list are rarer than their noise.

The projection on the simplex (`simplex`) takes every table of counts for equally likely beforehand, so that of 200
codes with 10 rows each and noise of 20 it keeps the luckiest third. Here the codes themselves tell how often
small counts are: their distribution is fitted to the noisy values, and each code gets its mean given its own value.
"""

from __future__ import annotations

import numpy as np

from dpsynth.marginal import FloatArray

# Counts below this many stddevs have the fitted prior; larger ones, which no prior would move, a flat one.
_LARGE = 30.0
# Grid of counts, in stddevs.
_STEP = 1 / 3
# The prior is fitted as if there were so many more codes, spread over the grid: few codes tell little of it.
_FLAT_CODES = 4.0
_ITERATIONS, _TILTS = 15, 6


def likely_counts(values: FloatArray, stddev: float, total: float) -> FloatArray:
    """Posterior means of counts that sum to `total`, from `values` with Gaussian noise of `stddev`, any shape.

    The prior of a count is the most likely one of any form (expectation maximisation on a grid, from a flat one,
    stopped early), given that the counts sum to `total`: in each step the posteriors are tilted by one exponential
    factor until their means do. Without a prior to speak of (few codes, large counts) the tilt subtracts a
    constant, and the result is that of `project_to_simplex`. Post-processing of released values: no privacy cost.

    Source: Robbins, "An Empirical Bayes Approach to Statistics", 1956; Kiefer, Wolfowitz, "Consistency of the
    Maximum Likelihood Estimator in the Presence of Infinitely Many Incidental Parameters", 1956.

    >>> likely_counts(np.array([90.0, 9, -6, 5, -9, 1]), 5.0, 90.0).round().tolist()
    [87.0, 2.0, 0.0, 1.0, 0.0, 0.0]
    """
    # Far below zero all is as likely as nothing; unclipped, the exponentials would vanish there.
    noisy, wanted = np.maximum(values.ravel() / stddev, -_LARGE), total / stddev
    small, large = noisy < _LARGE, noisy[noisy >= _LARGE]
    grid = np.arange(0.0, max(0.0, noisy[small].max(initial=0.0)) + 2.0, _STEP)
    likelihood = np.maximum(np.exp(-0.5 * (noisy[small, None] - grid) ** 2), 1e-300)
    prior = flat = np.full(grid.size, 1 / grid.size)
    for _ in range(_ITERATIONS):
        posterior, _tilt = _tilted(likelihood * prior, grid, large, wanted)
        prior = (posterior.sum(axis=0) + _FLAT_CODES * flat) / (len(posterior) + _FLAT_CODES)
    posterior, tilt = _tilted(likelihood * prior, grid, large, wanted)
    means = np.empty(noisy.size)
    means[small], means[~small] = posterior @ grid, np.maximum(large - tilt, 0.0)
    # The tilt is found to a few steps only.
    counts: FloatArray = means * (total / means.sum()) if means.sum() > 0 else np.full(noisy.size, total / noisy.size)
    return counts.reshape(values.shape)


def _tilted(joint: FloatArray, grid: FloatArray, large: FloatArray, wanted: float) -> tuple[FloatArray, float]:
    """Posteriors (codes, grid) proportional to joint * exp(-tilt * grid), and the tilt whose means sum to `wanted`.

    Newton's method: by the tilt, a mean falls with its variance, and a large count, of variance 1, by the tilt itself.
    """
    tilt = 0.0
    for attempt in range(_TILTS + 1):
        posterior = joint * np.exp(-tilt * grid)
        posterior /= posterior.sum(axis=1, keepdims=True)
        means = posterior @ grid
        gap = float(means.sum() + (large - tilt).sum() - wanted)
        if attempt == _TILTS or abs(gap) < 1e-6 * wanted:
            break
        spread = float((posterior @ grid**2 - means**2).sum()) + large.size
        tilt += min(max(gap / (spread + 1e-9), -1.0), 1.0)
    return posterior, tilt
