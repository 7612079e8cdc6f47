"""From a request in words to an estimate with error bars.

Two sources of error are known: the noise, whose law every measurement states, and that the private table is one sample
of a population, whose law is multinomial. Both go through the delta method on the best linear estimate (`measured`).
What was not measured, because codes were counted in groups or columns never together, is not guessed: the interval
reaches from the least to the greatest value that the measured marginals leave possible (`limits`), and further by noise
and sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dpsynth.codec.values import code_values
from dpsynth.errors import SettingError
from dpsynth.inference.estimate import Estimate
from dpsynth.inference.functional import Functional, evaluate, grouped_by
from dpsynth.inference.grid import Grid, grid_of
from dpsynth.inference.limits import ends_of
from dpsynth.inference.measured import MeasuredCounts, home_of, measured_counts
from dpsynth.inference.regression import outcome_of
from dpsynth.inference.released import Released
from dpsynth.inference.request import Kind, Request, parse
from dpsynth.inference.validity import as_number, faint_groups, reasons_of
from dpsynth.marginal import FloatArray, NoisyMarginal

POPULATION, TABLE = "population", "table"
Progress = Callable[[str, float], None]

# Cells of all columns of a request, and entries of the gradient of all its rows: about a second, and 200 MB.
MOST_CELLS, MOST_ENTRIES = 1_000_000, 20_000_000
# The same where limits are searched for, by two linear programs or more for each row: about a minute.
MOST_OPEN_CELLS, MOST_OPEN_ENTRIES = 20_000, 250_000
# Ends that are closer than this part of a standard error differ by the tolerance of linear programs.
_LEAST_APART = 1e-3


@dataclass(frozen=True, eq=False)
class Bars:
    """Estimates and their intervals; one entry for each row.

    noise, sampling: the two parts of the variance. unmeasured: how far apart the measured marginals leave the ends.
    """

    estimates: FloatArray
    stderrs: FloatArray
    lows: FloatArray
    highs: FloatArray
    noise: FloatArray
    sampling: FloatArray
    unmeasured: FloatArray

    @classmethod
    def of(
        cls, found: Functional, noise: FloatArray, sampling: FloatArray, quantile: float, limits: tuple[float, float]
    ) -> Bars:
        """Wald intervals of `quantile` standard errors either way, cut to the limits between which the truth lies."""
        stderrs = np.where(np.isnan(found.values), np.nan, np.sqrt(noise + sampling))
        lows, highs = found.values - quantile * stderrs, found.values + quantile * stderrs
        cut = [np.clip(each, *limits) for each in (found.values, lows, highs)]
        return cls(cut[0], stderrs, cut[1], cut[2], noise, sampling, np.zeros_like(noise))

    def between(self, lower: Bars, upper: Bars) -> Bars:
        """The same, with an interval that holds those of the lower and the upper end."""
        lows, highs = np.fmin(lower.lows, upper.lows), np.fmax(lower.highs, upper.highs)
        apart = upper.estimates - lower.estimates
        apart = np.where(apart > _LEAST_APART * self.stderrs, apart, np.where(np.isnan(apart), np.nan, 0.0))
        estimates = np.clip(self.estimates, lows, highs)
        return Bars(estimates, self.stderrs, lows, highs, self.noise, self.sampling, apart)

    @classmethod
    def unknown(cls, found: Functional) -> Bars:
        """No interval at all."""
        nothing = np.full(found.values.size, np.nan)
        return cls(found.values, nothing, nothing, nothing, nothing, nothing, nothing)


def estimate(
    released: Released,
    text: str,
    *,
    about: str = POPULATION,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Estimate:
    """The estimate that `text` asks for (see `parse`), with intervals that count privacy noise and sampling.

    about: "population", or "table" for the private table alone, without the error of sampling. level: of the intervals.
    Raises SettingError.

    Privacy: free, post-processing.
    """
    if about not in (POPULATION, TABLE):
        raise SettingError(f"about ({about!r}) must be 'population' or 'table'")
    if not 0 < level < 1:
        raise SettingError(f"level ({level}) must be between 0 and 1; try 0.95")
    request = parse(text, released.codec.domain.columns)
    home, grid = grid_for(released, request)
    modelled = grid.gathered(released.model.project(request.clique))
    whole = is_whole(home, grid)
    measured = measured_counts(released.codec, released.measurements, grid, None if whole else modelled)
    bars = bars_of(request, measured, about, level, progress, whole=whole)
    naive = naive_bars(request, grid, modelled, released.rows, level)
    return Estimate(
        request=request.text,
        scale=scale_of(request, grid),
        about=about,
        level=level,
        grouped=grouped_by(request),
        names=evaluate(request, grid, modelled).names,
        estimates=bars.estimates,
        stderrs=bars.stderrs,
        lows=bars.lows,
        highs=bars.highs,
        naives=naive.estimates,
        naive_lows=naive.lows,
        naive_highs=naive.highs,
        noise_shares=_over(bars.noise, bars.noise + bars.sampling),
        unmeasured=bars.unmeasured,
        origin=grid[request.columns[0]].origin if request.kind is Kind.MEAN else None,
        reasons=reasons_of(
            released,
            request,
            grid,
            home,
            faint_groups(request, measured),
            bars.unmeasured,
            determined=not np.isnan(bars.estimates).any(),
            about_population=about == POPULATION,
        ),
    )


def grid_for(released: Released, request: Request) -> tuple[NoisyMarginal | None, Grid]:
    """The measurement that holds all columns of a request, if there is one, and the cells that are looked at.

    Raises SettingError where the request asks for numbers of a column that has none, or for more than fits here.
    """
    codes, rows = (released.codec.domain.cells(columns) for columns in (request.clique, grouped_by(request)))
    if codes > MOST_CELLS or codes * rows > MOST_ENTRIES:
        raise SettingError(
            f"request ({request.text}) must have at most {MOST_CELLS:,} cells, and {MOST_ENTRIES:,} for all its rows "
            f"together; got {codes:,} for {rows:,} rows; try fewer columns"
        )
    home = home_of(released.measurements, request.clique)
    shares = [released.model.project((column,)) for column in request.clique]
    # A number depends on what lies inside a group of codes, so its column is read in every code.
    numbers = [column for column in request.clique if as_number(request, column)]
    apart = [column for column in numbers if code_values(released.codec[column]).numeric]
    grid = grid_of(released.codec, request.clique, home, shares, apart)
    if request.kind is Kind.MEAN and not grid[request.columns[0]].values.numeric:
        raise SettingError(
            f"mean ({request.columns[0]}) must be of a number, a date or a Boolean; try 'share({request.columns[0]})'"
        )
    if request.kind is Kind.REGRESSION:
        outcome_of(grid[request.columns[0]])
    return home, grid


def is_whole(home: NoisyMarginal | None, grid: Grid) -> bool:
    """Whether one measured marginal tells all cells of the grid apart, so that nothing is left open."""
    if home is None:
        return False
    groups = [home.groups[home.clique.index(axis.column)] if home.groups else None for axis in grid.axes]
    return all(axis.grouped or cells is None for axis, cells in zip(grid.axes, groups, strict=True))


def bars_of(
    request: Request,
    measured: MeasuredCounts,
    about: str,
    level: float,
    progress: Progress | None = None,
    *,
    whole: bool,
) -> Bars:
    """Error bars from the measured counts; whole: see `is_whole`."""
    grid, nearest = measured.grid, measured.nearest
    at = measured.counts
    found = evaluate(request, grid, at)
    if not whole and np.isnan(found.values).any():
        at = nearest
        found = evaluate(request, grid, at)

    def bars(one: Functional, gradient: FloatArray) -> Bars:
        noise = measured.noise_variances(np.nan_to_num(gradient), progress)
        sampling = one.inside_variances(nearest) if about == TABLE else one.sampling_variances(nearest)
        return Bars.of(one, noise, sampling, _normal(level), _limits(request, grid))

    if whole:
        return bars(found, found.gradient)
    if not measured.views or grid.cells > MOST_OPEN_CELLS or grid.cells * found.values.size > MOST_OPEN_ENTRIES:
        return Bars.unknown(found)
    ends = ends_of(request, measured, found, at, progress)
    lower, upper = (bars(end, end.gradient) for end in ends)
    return bars(found, measured.measured_part(np.nan_to_num(found.gradient))).between(lower, upper)


def naive_bars(request: Request, grid: Grid, counts: FloatArray, rows: int, level: float) -> Bars:
    """What somebody finds who takes `rows` synthetic rows with these shares for a sample of real ones."""
    scaled = counts * (rows / max(float(counts.sum()), 1e-300))
    found = evaluate(request, grid, scaled)
    spread = found.sampling_variances(scaled)
    return Bars.of(found, np.zeros_like(spread), spread, _normal(level), _limits(request, grid))


def _limits(request: Request, grid: Grid) -> tuple[float, float]:
    """Between which numbers the truth lies, whatever it is."""
    if request.kind is Kind.MEAN:
        values = grid[request.columns[0]].values
        there = values.means[values.present > 0]
        return float(there.min()), float(there.max())
    lowest = -np.inf if request.kind is Kind.REGRESSION else 0.0
    return lowest, 1.0 if request.kind is Kind.SHARE else np.inf


def scale_of(request: Request, grid: Grid) -> str:
    """What the numbers are, in a few words."""
    if request.kind is not Kind.REGRESSION:
        return {Kind.COUNT: "rows", Kind.SHARE: "share", Kind.MEAN: "mean"}[request.kind]
    label = outcome_of(grid[request.columns[0]])
    if label is None:
        return "coefficient" if grid[request.columns[0]].origin is None else "coefficient, in days"
    return f"log-odds of {request.columns[0]} = {label}"


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    return part / np.where(whole > 0, whole, np.nan)
