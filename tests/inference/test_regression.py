"""Regressions on cells, beside the same regressions on rows."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from dpsynth.inference.functional import evaluate
from dpsynth.inference.request import parse
from tests.inference.test_functional import a_grid, as_frame, counted
from tests.inference.worlds import ALL


def test_logistic_coefficients_are_those_of_the_rows() -> None:
    rows = as_frame(5).dropna()
    covariates = np.column_stack([rows["age"], rows["smoker"], rows["age"] * rows["smoker"]])
    scaled = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(covariates / [50, 1, 50], rows["income"])
    grid = a_grid("income ~ age * smoker")
    found = evaluate(parse("income ~ age * smoker", ALL), grid, counted(grid, 5))
    assert found.names == ("intercept", "age", "smoker[True]", "age:smoker[True]")
    expected = [*scaled.intercept_, *(scaled.coef_[0] / [50, 1, 50])]
    stderrs = np.sqrt(found.sampling_variances(counted(grid, 5)))
    assert (np.abs(found.values - expected) < 0.01 * stderrs).all(), "the weak prior is lost beside the rows"


def test_linear_coefficients_and_their_robust_errors_are_those_of_the_rows() -> None:
    """White's heteroscedasticity-consistent covariance (HC0), 1980."""
    rows = as_frame(6).dropna()
    design = np.column_stack([np.ones(len(rows)), rows["income"], rows["smoker"]])
    beta, *_ = np.linalg.lstsq(design, rows["age"], rcond=None)
    inverse = np.linalg.inv(design.T @ design)
    residuals = (rows["age"] - design @ beta).to_numpy()
    sandwich = inverse @ (design.T * residuals**2 @ design) @ inverse
    grid = a_grid("age ~ income + smoker")
    counts = counted(grid, 6)
    found = evaluate(parse("age ~ income + smoker", ALL), grid, counts)
    np.testing.assert_allclose(found.values, beta)
    np.testing.assert_allclose(found.sampling_variances(counts), np.diag(sandwich))


def test_a_value_without_one_outcome_leaves_the_other_coefficients_known() -> None:
    grid = a_grid("income ~ C(age)")
    counts = counted(grid, 7).reshape(grid.shape).copy()
    full = evaluate(parse("income ~ C(age)", ALL), grid, counts.reshape(-1))
    counts[1, 1] = 0.0
    found = evaluate(parse("income ~ C(age)", ALL), grid, counts.reshape(-1))
    np.testing.assert_allclose(found.values[[0, 2, 3]], full.values[[0, 2, 3]], rtol=1e-3)
    stderrs = np.sqrt(found.sampling_variances(counts.reshape(-1)))
    assert found.values[1] < -4
    assert np.isfinite(stderrs).all()


def test_what_the_counts_do_not_determine_is_not_known() -> None:
    grid = a_grid("income ~ smoker")
    counts = np.array([100.0, -3.0, 50.0, 2.0])
    assert np.isnan(evaluate(parse("income ~ smoker", ALL), grid, counts).values).all()
