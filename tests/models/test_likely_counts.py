"""The counts behind noisy values: nearer than the simplex where codes are many, the same where they are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.models.likely_counts import likely_counts
from dpsynth.models.simplex import project_to_simplex

VALUES = st.lists(st.floats(-1e5, 1e5, allow_subnormal=False), min_size=1, max_size=40)


@given(VALUES, st.floats(0.5, 1e3), st.floats(1, 1e6))
def test_counts_are_not_negative_and_sum_to_the_total(values: list[float], stddev: float, total: float) -> None:
    counts = likely_counts(np.array(values), stddev, total)
    assert (counts >= 0).all()
    assert counts.sum() == pytest.approx(total)


def test_the_shape_is_kept() -> None:
    assert likely_counts(np.arange(6.0).reshape(2, 3), 1.0, 15.0).shape == (2, 3)


def _errors(counts: np.ndarray, stddev: float) -> tuple[float, float]:
    """Mean L1 errors of the posterior means and of the projection over 40 noisy tables."""
    rng, total = np.random.default_rng(0), float(counts.sum())
    errors = []
    for _ in range(40):
        noisy = counts + rng.normal(0, stddev, counts.size)
        pair = likely_counts(noisy, stddev, total), project_to_simplex(noisy, total)
        errors.append([float(np.abs(found - counts).sum()) for found in pair])
    likely, projected = np.mean(errors, axis=0)
    return float(likely), float(projected)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(np.r_[2_000.0, np.full(200, 10.0)], id="many rare codes below the noise"),
        pytest.param(np.r_[3_000.0, np.full(50, 60.0)], id="equal codes above the noise"),
        pytest.param(2_000.0 / np.arange(1, 151), id="a long tail"),
    ],
)
def test_many_codes_tell_how_large_counts_are(counts: np.ndarray) -> None:
    likely, projected = _errors(counts, 20.0)
    assert likely < 0.9 * projected


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(np.array([4_000.0, 2_000.0]), id="two codes"),
        pytest.param(np.array([30_000.0, 900, 700, 500, 20]), id="few codes"),
        pytest.param(np.r_[36_000.0, 1_000, 800, np.zeros(97)], id="empty codes"),
        pytest.param(np.linspace(1_000, 3_000, 80), id="large counts"),
    ],
)
def test_elsewhere_it_is_about_as_good_as_the_projection(counts: np.ndarray) -> None:
    likely, projected = _errors(counts, 20.0)
    assert likely < 1.1 * projected


def test_a_larger_value_never_gets_a_smaller_count() -> None:
    noisy = np.sort(np.random.default_rng(1).normal(20, 400, 300))
    assert (np.diff(likely_counts(noisy, 10.0, 9_000.0)) >= -1e-6).all()


def test_values_without_noise_are_kept() -> None:
    counts = np.array([900.0, 50, 30, 10, 10, 0])
    np.testing.assert_allclose(likely_counts(counts, 1e-3, 1_000.0), counts, atol=0.01)
