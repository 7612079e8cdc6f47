"""What is estimated, as a function of the counts on a grid: its value, its gradient, and its spread inside cells.

By the delta method an estimate g(x) errs by about G' (x - truth), G the gradient; so its variance is G' V G, for V
the covariance of the counts, whether the error comes from noise or from sampling (van der Vaart 1998, chapter 3).
Regressions solve sum over cells of x_c score_c = 0, which is linear in the counts: noise of mean zero leaves them
consistent, and no attenuation arises, since the covariates of a cell are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpsynth.inference.grid import Grid, IntArray
from dpsynth.inference.regression import fit_regression
from dpsynth.inference.request import Kind, Request
from dpsynth.marginal import FloatArray

EVERYBODY = "all rows"
"""The name of the one row of an estimate without groups."""


@dataclass(frozen=True, eq=False)
class Functional:
    """The value of a request at some counts.

    names: of its rows. values: shape (rows,). gradient: with respect to the counts, shape (cells, rows). within: the
    variance that a row of each cell adds because its value inside the cell is not known, shape (cells, rows).
    """

    names: tuple[str, ...]
    values: FloatArray
    gradient: FloatArray
    within: FloatArray

    def sampling_variances(self, counts: FloatArray) -> FloatArray:
        """Variance of the values over tables drawn from a population in which cells have these shares; counts >= 0."""
        centre = counts @ self.gradient / max(float(counts.sum()), 1.0)
        return np.asarray(counts @ (self.gradient - centre) ** 2 + self.inside_variances(counts))

    def inside_variances(self, counts: FloatArray) -> FloatArray:
        """The part of it that is there for one table too: what its rows have inside their cells is not known."""
        return np.asarray(counts @ self.within)


def evaluate(request: Request, grid: Grid, counts: FloatArray) -> Functional:
    """The request's functional at `counts`, flat, in rows; some may be negative."""
    if request.kind is Kind.REGRESSION:
        fitted = fit_regression(request, grid, counts)
        return Functional(fitted.names, fitted.values, fitted.gradient, fitted.within)
    groups, names = _grouped(grid, request.by)
    if request.kind is Kind.MEAN:
        return _means(request, grid, counts, groups, names)
    cells, cell_names = _grouped(grid, grouped_by(request))
    chosen = np.eye(len(cell_names))[cells]
    if request.kind is Kind.COUNT:
        return Functional(cell_names, counts @ chosen, chosen, np.zeros_like(chosen))
    totals = _summed(groups, counts, len(names))
    of_cell = np.repeat(np.arange(len(names)), len(cell_names) // len(names))
    shares = _over(counts @ chosen, totals[of_cell])
    inside = np.eye(len(names))[groups][:, of_cell]
    gradient = _over(chosen - shares * inside, totals[of_cell])
    return Functional(cell_names, shares, gradient, np.zeros_like(gradient))


def grouped_by(request: Request) -> tuple[str, ...]:
    """The columns whose values name the rows of an estimate; none for coefficients."""
    if request.kind is Kind.REGRESSION:
        return ()
    return request.by if request.kind is Kind.MEAN else (*request.by, *request.columns)


def _means(request: Request, grid: Grid, counts: FloatArray, groups: IntArray, names: tuple[str, ...]) -> Functional:
    """Means of the values that are there, group by group."""
    (column,) = request.columns
    values = grid[column].values
    present = grid.along(column, values.present)
    means = grid.along(column, values.means)
    spread = grid.along(column, values.variances)
    totals = _summed(groups, counts * present, len(names))
    found = _over(_summed(groups, counts * present * means, len(names)), totals)
    weights = _over(np.eye(len(names))[groups] * present[:, None], totals)
    gradient = weights * (means[:, None] - found)
    # A cell whose values are partly missing: rows differ in whether they count at all.
    partly = (
        weights**2 * ((1 / np.maximum(present, 1e-300) - 1) * (present > 0))[:, None] * (means[:, None] - found) ** 2
    )
    within = weights**2 * (spread / np.maximum(present, 1e-300) * (present > 0))[:, None] + partly
    return Functional(names, found, gradient, within)


def _summed(groups: IntArray, weights: FloatArray, size: int) -> FloatArray:
    return np.bincount(groups, weights, minlength=size).astype(np.float64)


def _over(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Ratios; NaN where the denominator is not positive: there is nobody to speak of."""
    return numerator / np.where(denominator > 0, denominator, np.nan)


def _grouped(grid: Grid, columns: tuple[str, ...]) -> tuple[IntArray, tuple[str, ...]]:
    """For each cell of the grid its group by the cells of `columns`, and the name of each group."""
    places, names = np.zeros(grid.cells, dtype=np.int64), [""]
    for column in columns:
        axis = grid[column]
        places = places * axis.size + grid.along(column, np.arange(axis.size)).astype(np.int64)
        names = [f"{name}, {column} = {label}".removeprefix(", ") for name in names for label in axis.labels]
    return places, tuple(names) if columns else (EVERYBODY,)
