"""From a request in words to an estimate with error bars.

Two sources of error are known: the noise, whose law every measurement states, and that the private table is one sample
of a population, whose law is multinomial. Inside one measured marginal both go through the delta method on the best
linear estimate (`measured`). Columns that no measured marginal holds together are joined by the model, by assumption;
there the spread of models that were refitted to redrawn measurements is shown, and the interval is marked not valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.inference.estimate import Estimate
from dpsynth.inference.functional import Functional, evaluate, grouped_by
from dpsynth.inference.grid import Grid, grid_of
from dpsynth.inference.measured import MeasuredCounts, home_of, measured_counts
from dpsynth.inference.posterior import can_redraw, redrawn_models
from dpsynth.inference.regression import outcome_of
from dpsynth.inference.released import Released
from dpsynth.inference.request import Kind, Request, parse
from dpsynth.inference.validity import faint_groups, reasons_of
from dpsynth.marginal import FloatArray, NoisyMarginal

POPULATION, TABLE = "population", "table"
Progress = Callable[[str, float], None]

# Cells of all columns of a request, and entries of the gradient of all its rows: about a second, and 200 MB.
MOST_CELLS, MOST_ENTRIES = 1_000_000, 20_000_000
# A standard error below this part of that of real rows cannot come from data.
_LEAST_SPREAD = 0.5


@dataclass(frozen=True, eq=False)
class Bars:
    """Estimates and their intervals; noise, sampling: the two parts of the variance. One entry for each row."""

    estimates: FloatArray
    stderrs: FloatArray
    lows: FloatArray
    highs: FloatArray
    noise: FloatArray
    sampling: FloatArray

    @classmethod
    def of(
        cls, found: Functional, noise: FloatArray, sampling: FloatArray, quantile: float, limits: tuple[float, float]
    ) -> Bars:
        """Wald intervals of `quantile` standard errors either way, cut to the limits between which the truth lies."""
        stderrs = np.where(np.isnan(found.values), np.nan, np.sqrt(noise + sampling))
        lows, highs = found.values - quantile * stderrs, found.values + quantile * stderrs
        cut = [np.clip(each, *limits) for each in (found.values, lows, highs)]
        return cls(cut[0], stderrs, cut[1], cut[2], noise, sampling)


def estimate(
    released: Released,
    text: str,
    *,
    about: str = POPULATION,
    level: float = 0.95,
    draws: int = 20,
    seed: int | None = 0,
    progress: Progress | None = None,
) -> Estimate:
    """The estimate that `text` asks for (see `parse`), with intervals that count privacy noise and sampling.

    about: "population", or "table" for the private table alone, without the error of sampling. level: of the intervals.
    draws, seed: of the refitted models, for columns that were not measured together, where noise and sampling are not
    told apart and both count; elsewhere nothing is drawn. Raises SettingError.

    Privacy: free, post-processing.
    """
    if about not in (POPULATION, TABLE):
        raise SettingError(f"about ({about!r}) must be 'population' or 'table'")
    if not 0 < level < 1:
        raise SettingError(f"level ({level}) must be between 0 and 1; try 0.95")
    request = parse(text, released.codec.domain.columns)
    home, grid = grid_for(released, request)
    modelled = grid.gathered(released.model.project(request.clique))
    names = evaluate(request, grid, modelled).names
    faint: Sequence[str] = ()
    if home is not None:
        measured = measured_counts(released.codec, released.measurements, grid)
        bars = bars_inside(request, measured, about, level, progress)
        faint = faint_groups(request, measured)
    else:
        bars = _bars_across(released, request, grid, modelled, level, draws, seed, progress)
    naive = naive_bars(request, grid, modelled, released.rows, level)
    return Estimate(
        request=request.text,
        scale=scale_of(request, grid),
        about=about,
        level=level,
        grouped=grouped_by(request),
        names=names,
        estimates=bars.estimates,
        stderrs=bars.stderrs,
        lows=bars.lows,
        highs=bars.highs,
        naives=naive.estimates,
        naive_lows=naive.lows,
        naive_highs=naive.highs,
        noise_shares=_over(bars.noise, bars.noise + bars.sampling) if home is not None else np.full(len(names), np.nan),
        reasons=reasons_of(
            released,
            request,
            grid,
            home,
            faint,
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
    grid = grid_of(released.codec, request.clique, home, shares)
    if request.kind is Kind.MEAN and not grid[request.columns[0]].values.numeric:
        raise SettingError(
            f"mean ({request.columns[0]}) must be of a number or a Boolean; try 'share({request.columns[0]})'"
        )
    if request.kind is Kind.REGRESSION:
        outcome_of(grid[request.columns[0]])
    return home, grid


def bars_inside(
    request: Request, measured: MeasuredCounts, about: str, level: float, progress: Progress | None = None
) -> Bars:
    """Error bars where one measured marginal holds every column."""
    found = evaluate(request, measured.grid, measured.counts)
    noise = measured.noise_variances(np.nan_to_num(found.gradient), progress)
    counts = measured.nearest
    sampling = found.inside_variances(counts) if about == TABLE else found.sampling_variances(counts)
    return Bars.of(found, noise, sampling, _normal(level), _limits(request, measured.grid))


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
    return "coefficient" if label is None else f"log-odds of {request.columns[0]} = {label}"


def _bars_across(
    released: Released,
    request: Request,
    grid: Grid,
    modelled: FloatArray,
    level: float,
    draws: int,
    seed: int | None,
    progress: Progress | None,
) -> Bars:
    """The spread over refitted models, noise and sampling together; not known when none can be refitted."""
    from scipy.stats import t

    found = evaluate(request, grid, modelled)
    if not can_redraw(released):
        unknown = np.full(found.values.size, np.nan)
        return Bars.of(found, unknown, unknown, _normal(level), _limits(request, grid))
    values = [
        evaluate(request, grid, grid.gathered(model.project(request.clique))).values
        for model in redrawn_models(released, draws, seed, progress)
    ]
    spread = np.var(values, axis=0, ddof=1)
    # No table of that many rows could tell so much: such a number follows from the assumption, not from the data.
    least = found.sampling_variances(np.maximum(modelled, 0.0)) * _LEAST_SPREAD**2
    spread = np.where(spread >= least, spread, np.nan)
    quantile = float(t.ppf(0.5 + level / 2, draws - 1))
    return Bars.of(found, spread, np.zeros_like(spread), quantile, _limits(request, grid))


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    return part / np.where(whole > 0, whole, np.nan)
