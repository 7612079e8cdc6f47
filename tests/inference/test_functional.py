"""Counts, shares and means: values beside pandas, gradients beside finite differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.inference.functional import evaluate
from dpsynth.inference.grid import Grid, grid_of
from dpsynth.inference.request import parse
from dpsynth.marginal import FloatArray, NoisyMarginal
from tests.inference.worlds import ALL, CODEC, sample

REQUESTS = (
    "count(smoker, income)",
    "share(age)",
    "share(income, smoker) by age",
    "mean(age)",
    "mean(age) by income, smoker",
    "mean(smoker) by age",
    "income ~ age + smoker",
    "income ~ C(age) * smoker",
    "age ~ income:smoker + smoker",
)


def a_grid(text: str, groups: tuple[int, ...] | None = None) -> Grid:
    clique = parse(text, ALL).clique
    home = None
    if groups is not None:
        home = NoisyMarginal(("age",), np.zeros(max(groups) + 1), 1.0, groups=(groups,))
    weights = {"age": np.array([4.0, 3.0, 2.0, 1.0, 1.0])}
    return grid_of(CODEC, clique, home, [weights.get(column, np.ones(2)) for column in clique])


def counted(grid: Grid, seed: int) -> FloatArray:
    table = sample(4000, np.random.default_rng(seed))
    axes = [ALL.index(column) for column in grid.clique]
    return grid.gathered(np.einsum(table, [0, 1, 2], axes))


def as_frame(seed: int) -> pd.DataFrame:
    table = sample(4000, np.random.default_rng(seed)).astype(int)
    places = np.argwhere(table > 0).repeat(table[table > 0], axis=0)
    ages = pd.Series(places[:, 2]).map(dict(enumerate([20, 30, 40, 50, np.nan])))
    return pd.DataFrame({"income": places[:, 0], "smoker": places[:, 1], "age": ages})


def test_they_are_what_pandas_finds() -> None:
    frame = as_frame(1)

    def found(text: str) -> FloatArray:
        grid = a_grid(text)
        return evaluate(parse(text, ALL), grid, counted(grid, 1)).values

    np.testing.assert_allclose(found("mean(age)"), frame["age"].mean())
    np.testing.assert_allclose(found("mean(age) by smoker"), frame.groupby("smoker")["age"].mean())
    np.testing.assert_allclose(found("count(smoker, income)"), frame.groupby(["smoker", "income"]).size())
    np.testing.assert_allclose(found("share(age)"), frame["age"].value_counts(normalize=True, dropna=False, sort=False))
    by_age = frame.groupby("age", dropna=False)["smoker"].mean()
    np.testing.assert_allclose(found("share(smoker) by age").reshape(-1, 2)[:, 1], by_age)


@pytest.mark.parametrize(("text", "groups"), [("mean(age)", (0, 0, 1, 2, 2)), *((text, None) for text in REQUESTS)])
def test_the_gradient_is_the_slope(text: str, groups: tuple[int, ...] | None) -> None:
    request, grid = parse(text, ALL), a_grid(text, groups)
    counts = counted(grid, 2)
    at = evaluate(request, grid, counts)
    for cell in range(grid.cells):
        step = np.zeros(grid.cells)
        step[cell] = 1e-3
        up, down = (evaluate(request, grid, counts + sign * step).values for sign in (1, -1))
        np.testing.assert_allclose((up - down) / 2e-3, at.gradient[cell], rtol=1e-4, atol=1e-8)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_the_standard_error_of_a_mean_is_the_usual_one(seed: int) -> None:
    grid = a_grid("mean(age)")
    counts = counted(grid, seed)
    found = evaluate(parse("mean(age)", ALL), grid, counts)
    frame = as_frame(seed)["age"].dropna()
    np.testing.assert_allclose(found.sampling_variances(counts), frame.var(ddof=0) / len(frame), rtol=1e-9)


def test_values_inside_a_cell_add_to_the_spread() -> None:
    """Grouped codes whose law is that of the rows give the mean and the error of the rows themselves."""
    frame = as_frame(3)
    law = frame["age"].value_counts(dropna=False, sort=False).to_numpy().astype(float)
    groups = (0, 0, 1, 1, 1)
    home = NoisyMarginal(("age",), np.zeros(2), 1.0, groups=(groups,))
    grid = grid_of(CODEC, ("age",), home, [law])
    counts = np.bincount(groups, law).astype(float)
    found = evaluate(parse("mean(age)", ALL), grid, counts)
    ages = frame["age"].dropna()
    np.testing.assert_allclose(found.values, ages.mean())
    np.testing.assert_allclose(found.sampling_variances(counts), ages.var(ddof=0) / len(ages))


def test_a_group_without_rows_is_not_known() -> None:
    grid = a_grid("mean(age) by smoker")
    counts = counted(grid, 4).reshape(grid.shape).copy()
    counts[:, 1] = -1.0
    found = evaluate(parse("mean(age) by smoker", ALL), grid, counts.reshape(-1))
    assert np.isfinite(found.values[0])
    assert np.isnan(found.values[1])
