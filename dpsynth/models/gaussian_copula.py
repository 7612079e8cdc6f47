"""Gaussian copulas of coded columns: from sums of score products to correlations, and from these to a mixture.

A code is an interval of a hidden normal number, as long as the code is frequent; the hidden numbers of a row are
jointly normal. What is observed is E[s_i s_j] of public scores s of the codes. By Mehler's formula it is a power
series in the hidden correlation r, E[s_i s_j] = sum over k of r^k a_ik a_jk / k! with a_ik = E[s_i He_k], and is
solved for r.

Post-processing of released values: no privacy cost. Sources: Mehler 1866; Olsson, "Maximum likelihood estimation of the
polychoric correlation coefficient", Psychometrika 1979; Higham, "Computing the nearest correlation matrix", 2002.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.domain import Domain
from dpsynth.marginal import FloatArray
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked

# Terms of the series, and the largest correlation that is told from smaller ones.
_TERMS = 60
_LARGEST = 0.97
_HALVINGS = 30
# What is left to each column alone, at least, so that a component is never a single code only by rounding.
_OWN_VARIANCE = 1e-3
_EDGE = 9.0


def normal_cuts(shares: FloatArray) -> FloatArray:
    """Where the intervals of the codes meet on the normal line, shape (codes + 1,), from -infinity to infinity."""
    from scipy.special import ndtri

    inner = ndtri(np.clip(np.cumsum(shares)[:-1], 0.0, 1.0))
    cuts: FloatArray = np.concatenate([[-np.inf], inner, [np.inf]])
    return cuts


def hermite_moments(scores: FloatArray, shares: FloatArray) -> FloatArray:
    """E[s He_k] / sqrt(k!) for k = 0, 1, ... of the scores of a column, s being constant on each code's interval.

    The integral of He_k phi over an interval is He_(k-1) phi at its lower end less that at its upper end.
    """
    cuts = np.clip(normal_cuts(shares), -_EDGE, _EDGE)
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    density[[0, -1]] = 0.0
    moments = np.empty(_TERMS)
    moments[0] = scores @ shares
    # h_k = He_k / sqrt(k!), by h_(k+1) = (x h_k - sqrt(k) h_(k-1)) / sqrt(k + 1).
    before, here = np.zeros_like(cuts), np.ones_like(cuts)
    for k in range(1, _TERMS):
        moments[k] = scores @ -np.diff(here * density) / np.sqrt(k)
        before, here = here, (cuts * here - np.sqrt(k - 1) * before) / np.sqrt(k)
    return moments


def hidden_correlations(products: FloatArray, scores: Sequence[FloatArray], shares: Sequence[FloatArray]) -> FloatArray:
    """The correlation matrix of the hidden numbers, symmetric with ones, not yet positive semi-definite.

    products: the mean of s_i s_j over rows, for pairs in the order of `numpy.triu_indices`. scores: of each column,
    not decreasing in the code, so that the mean grows with the correlation.
    """
    moments = np.stack([hermite_moments(*each) for each in zip(scores, shares, strict=True)])
    first, second = np.triu_indices(len(scores), 1)
    terms = moments[first] * moments[second]
    low, high = np.full(first.size, -_LARGEST), np.full(first.size, _LARGEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = np.zeros_like(middle)
        for k in reversed(range(_TERMS)):
            reached = reached * middle + terms[:, k]
        low, high = np.where(reached < products, middle, low), np.where(reached < products, high, middle)
    matrix = np.eye(len(scores))
    matrix[first, second] = matrix[second, first] = (low + high) / 2
    return matrix


def nearest_correlation(matrix: FloatArray, sweeps: int = 50) -> FloatArray:
    """The nearest positive semi-definite matrix with ones on its diagonal, by alternating projections (Higham)."""
    here, correction = matrix, np.zeros_like(matrix)
    for _ in range(sweeps):
        shifted = here - correction
        values, vectors = np.linalg.eigh(shifted)
        positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
        correction = positive - shifted
        here = positive.copy()
        np.fill_diagonal(here, 1.0)
    values, vectors = np.linalg.eigh(here)
    positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    spread = np.sqrt(np.diag(positive))
    nearest: FloatArray = positive / np.outer(spread, spread)
    return nearest


def copula_mixture(
    domain: Domain,
    correlations: FloatArray,
    shares: Sequence[FloatArray],
    total: float,
    rng: np.random.Generator,
    components: int,
) -> Mixture:
    """The copula as a mixture of products: given what columns share, the rest of each is its own.

    correlations R is cut into a shared part and a diagonal as large as can be taken off along 1 / (R^-1)_ii. The
    shared part is drawn `components` times (quasi-random normal points, moved to mean 0 and covariance 1 exactly);
    given a draw, the chance of a code is that of its interval under the column's own variance. At last one-ways are
    met exactly.
    """
    from scipy.special import ndtr

    own = 1.0 / np.diag(np.linalg.inv(correlations + 1e-9 * np.eye(len(domain))))
    root = np.sqrt(own)
    least = float(np.linalg.eigvalsh(correlations / np.outer(root, root))[0])
    own = np.clip(own * least * (1 - 1e-9), _OWN_VARIANCE, 1.0)
    values, vectors = np.linalg.eigh(correlations - np.diag(own))
    loadings = vectors * np.sqrt(np.maximum(values, 0.0))
    shared = _normal_points(components, len(domain), rng) @ loadings.T
    tables = []
    for place, share in enumerate(shares):
        spread = np.sqrt(max(1.0 - float((loadings[place] ** 2).sum()), _OWN_VARIANCE))
        below = ndtr((normal_cuts(share)[None, :] - shared[:, place, None]) / spread)
        tables.append(np.maximum(np.diff(below, axis=1), 0.0))
    return raked(domain, np.full(components, 1.0 / components), tables, shares, total)


def _normal_points(count: int, dimensions: int, rng: np.random.Generator) -> FloatArray:
    """Points spread like the standard normal law, with its first two moments exactly where there are enough points."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    power = int(np.ceil(np.log2(max(count, 2))))
    uniform = qmc.Sobol(dimensions, rng=rng).random_base2(power)[:count]
    points: FloatArray = ndtri(np.clip(uniform, 1e-9, 1 - 1e-9))
    points = points - points.mean(axis=0)
    if count > 2 * dimensions:
        factor = np.linalg.cholesky(points.T @ points / count)
        points = np.linalg.solve(factor, points.T).T
    return points
