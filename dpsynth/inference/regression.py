"""Regressions on the cells of a grid: linear for a number, logistic for a column of two values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.inference.grid import Axis, Grid
from dpsynth.inference.request import Factor, Request, Term
from dpsynth.marginal import FloatArray

INTERCEPT = "intercept"
_STEPS, _SMALL = 100, 1e-9
# Precision of a normal prior of stddev 10 on each coefficient of a logistic model, on the scale of its column's largest
# value: it is lost beside a few rows, and where a value has no row with one of the outcomes it keeps the rest in place.
_PRIOR = 0.01


@dataclass(frozen=True, eq=False)
class Regression:
    """Coefficients as a function of the counts (see `Functional`); all NaN where the counts do not determine them."""

    names: tuple[str, ...]
    values: FloatArray
    gradient: FloatArray
    within: FloatArray


def outcome_of(axis: Axis) -> str | None:
    """The label whose log-odds are modelled, for a target of two values; None for a number.

    Raises SettingError for a column of more values that are no numbers.
    """
    present = [label for label, share in zip(axis.labels, axis.values.present, strict=True) if share > 0]
    if len(present) == 2 and axis.values.exact:
        return present[1]
    if not axis.values.numeric:
        raise SettingError(f"target ({axis.column}) must be a number or have two values; got {len(present)} values")
    return None


def fit_regression(request: Request, grid: Grid, counts: FloatArray) -> Regression:
    """Least squares or logistic maximum likelihood with the counts as weights, by Newton's method.

    Rows with a missing value in any column are left out. A category has a coefficient for each value but the first.
    """
    names, design = design_of(request.terms, grid)
    target = grid[request.columns[0]]
    label = outcome_of(target)
    entries = target.values.means if label is None else np.array([float(one == label) for one in target.labels])
    y = grid.along(target.column, entries)
    there: FloatArray = np.prod([grid.along(axis.column, axis.values.present) for axis in grid.axes], axis=0)
    # Columns of about the same size keep the system well conditioned; coefficients are scaled back.
    scale = np.maximum(np.abs(design[there > 0]).max(axis=0, initial=0.0), 1e-300)
    solved = _newton(design / scale, y, counts * there, logistic=label is not None)
    if solved is None:
        nothing = np.full((grid.cells, len(names)), np.nan)
        return Regression(names, nothing[0], nothing, nothing)
    beta, inverse = solved
    fitted = _mean(design / scale @ beta, label is not None)
    leverage = design / scale @ inverse / scale
    gradient = leverage * ((y - fitted) * there)[:, None]
    spread = _spread_inside(request, grid, beta / scale, label is not None)
    return Regression(names, beta / scale, gradient, leverage**2 * (spread * there)[:, None])


def design_of(terms: tuple[Term, ...], grid: Grid) -> tuple[tuple[str, ...], FloatArray]:
    """Names and columns of the design matrix, shape (cells, coefficients), the intercept first."""
    names, columns = [INTERCEPT], [np.ones(grid.cells)]
    for term in terms:
        parts = [_columns_of(factor, grid) for factor in term]
        for chosen in itertools.product(*parts):
            names.append(":".join(name for name, _ in chosen))
            columns.append(np.prod([column for _, column in chosen], axis=0))
    return tuple(names), np.column_stack(columns)


def _columns_of(factor: Factor, grid: Grid) -> list[tuple[str, FloatArray]]:
    """A number as itself; a category as one indicator for each value but the first."""
    axis = grid[factor.column]
    if axis.values.numeric and not axis.boolean and not factor.categorical:
        return [(axis.column, grid.along(axis.column, axis.values.means))]
    levels = [cell for cell in range(axis.size) if axis.values.present[cell] > 0]
    indicators = np.eye(axis.size)
    return [(f"{axis.column}[{axis.labels[cell]}]", grid.along(axis.column, indicators[cell])) for cell in levels[1:]]


def _mean(linear: FloatArray, logistic: bool) -> FloatArray:
    return 0.5 * (1 + np.tanh(linear / 2)) if logistic else linear


def _newton(
    design: FloatArray, y: FloatArray, weights: FloatArray, *, logistic: bool
) -> tuple[FloatArray, FloatArray] | None:
    """Coefficients and the inverse of the information; None when the noise leaves no definite information."""
    beta: FloatArray = np.zeros(design.shape[1])
    prior = np.eye(beta.size) * (_PRIOR if logistic else 0.0)
    for _ in range(_STEPS):
        fitted = _mean(design @ beta, logistic)
        slopes = fitted * (1 - fitted) if logistic else np.ones_like(fitted)
        information = design.T @ (design * (weights * slopes)[:, None]) + prior
        try:
            np.linalg.cholesky(information)
            step = np.linalg.solve(information, design.T @ (weights * (y - fitted)) - prior @ beta)
        except np.linalg.LinAlgError:
            return None
        # Not more than two units of log-odds at once: a full step from far away would overshoot.
        beta = beta + step * (min(1.0, 2.0 / max(float(np.abs(design @ step).max()), 1e-300)) if logistic else 1.0)
        if float(np.abs(step).max()) < _SMALL * (1 + float(np.abs(beta).max())):
            break
    else:
        return None
    inverse: FloatArray = np.linalg.inv(information).astype(np.float64)
    return beta, inverse


def _spread_inside(request: Request, grid: Grid, beta: FloatArray, logistic: bool) -> FloatArray:
    """Variance of the outcome about its fitted value that comes from values inside cells, for each cell.

    The target's own, and for a linear model that of main effects of numbers, which act like an error of their mean
    (Berkson 1950) and leave the coefficients unbiased.
    """
    spread = np.zeros(grid.cells)
    target = grid[request.columns[0]]
    if not logistic:
        spread += grid.along(target.column, target.values.variances)
    if logistic:
        return spread
    place = 1
    for term in request.terms:
        width = int(np.prod([len(_columns_of(factor, grid)) for factor in term]))
        variances = grid[term[0].column].values.variances
        if len(term) == 1 and width == 1:
            spread += beta[place] ** 2 * grid.along(term[0].column, variances)
        place += width
    return spread
