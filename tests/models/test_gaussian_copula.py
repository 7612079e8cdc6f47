from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from dpsynth.domain import Domain
from dpsynth.models.gaussian_copula import (
    copula_mixture,
    hermite_moments,
    hidden_correlations,
    nearest_correlation,
    normal_cuts,
)

SHARES = [np.array([0.1, 0.5, 0.4]), np.array([0.25, 0.25, 0.25, 0.25]), np.array([0.9, 0.1])]
SCORES = [np.array([-1.5, -0.2, 1.1]), np.array([-1.2, -0.3, 0.3, 1.2]), np.array([-0.1, 1.6])]


def cells(correlation: float, first, second) -> np.ndarray:
    """Chances of the cells of two columns whose hidden numbers have that correlation, by the normal law of scipy."""
    law = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
    cuts = [np.clip(normal_cuts(share), -9, 9) for share in (first, second)]
    below = np.array([[law.cdf([x, y]) for y in cuts[1]] for x in cuts[0]])
    return np.diff(np.diff(below, axis=0), axis=1)


def test_moments_are_integrals():
    moments = hermite_moments(SCORES[0], SHARES[0])
    cuts = np.clip(normal_cuts(SHARES[0]), -9, 9)
    polynomials = [lambda x: 1, lambda x: x, lambda x: (x**2 - 1) / 2**0.5, lambda x: (x**3 - 3 * x) / 6**0.5]
    for k, polynomial in enumerate(polynomials):
        expected = sum(
            score * integrate.quad(lambda x, p=polynomial: p(x) * stats.norm.pdf(x), low, high)[0]
            for score, low, high in zip(SCORES[0], cuts[:-1], cuts[1:], strict=True)
        )
        assert moments[k] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("correlation", [-0.9, -0.4, 0.0, 0.3, 0.8])
def test_hidden_correlations_come_back_from_mean_products(correlation):
    pairs = ((0, 1), (0, 2), (1, 2))
    products = np.array([SCORES[a] @ cells(correlation, SHARES[a], SHARES[b]) @ SCORES[b] for a, b in pairs])
    matrix = hidden_correlations(products, SCORES, SHARES)
    assert np.allclose(matrix[np.triu_indices(3, 1)], correlation, atol=2e-3)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1.0)


def test_products_out_of_range_are_taken_as_the_strongest():
    matrix = hidden_correlations(np.array([9.0, -9.0, 0.0]), SCORES, SHARES)
    assert matrix[0, 1] > 0.96
    assert matrix[0, 2] < -0.96


def test_the_nearest_correlation_is_one_and_a_correlation_stays():
    broken = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    mended = nearest_correlation(broken)
    assert np.linalg.eigvalsh(mended)[0] > 0
    assert np.allclose(np.diag(mended), 1.0)
    assert np.abs(mended - broken).max() < 0.6
    whole = np.array([[1.0, 0.5], [0.5, 1.0]])
    assert np.allclose(nearest_correlation(whole), whole, atol=1e-6)


def test_the_mixture_has_the_cells_of_the_copula():
    correlations = np.array([[1.0, 0.6, -0.4], [0.6, 1.0, -0.5], [-0.4, -0.5, 1.0]])
    domain = Domain.of({"a": 3, "b": 4, "c": 2})
    mixture = copula_mixture(domain, correlations, SHARES, 10.0, np.random.default_rng(0), 4096)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        found = mixture.project((domain.columns[a], domain.columns[b])) / 10.0
        assert np.abs(found - cells(correlations[a, b], SHARES[a], SHARES[b])).sum() / 2 < 5e-3


def test_equal_columns_and_codes_without_rows_are_no_trouble():
    shares = [np.array([0.5, 0.0, 0.5]), np.array([0.0, 0.5, 0.5])]
    matrix = nearest_correlation(np.ones((2, 2)))
    mixture = copula_mixture(Domain.of({"a": 3, "b": 3}), matrix, shares, 1.0, np.random.default_rng(0), 512)
    assert np.abs(mixture.project(("a", "b")) - np.array([[0, 0.5, 0], [0, 0, 0], [0, 0, 0.5]])).sum() / 2 < 0.03
