"""Whether an interval holds, decided from the structure of what was measured, and said in plain words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dpsynth.domain import Clique
from dpsynth.inference.estimate import Reason, Validity
from dpsynth.inference.grid import Axis, Grid
from dpsynth.inference.measured import MeasuredCounts
from dpsynth.inference.regression import outcome_of
from dpsynth.inference.released import Released
from dpsynth.inference.request import Kind, Request
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.random_field import RandomField

# Below this many standard deviations of noise in the rows of a group, ratios are no longer near a normal law.
_ENOUGH = 5.0


def reasons_of(
    released: Released,
    request: Request,
    grid: Grid,
    home: NoisyMarginal | None,
    faint: Sequence[str],
    unmeasured: FloatArray,
    *,
    determined: bool,
    about_population: bool,
) -> tuple[Reason, ...]:
    """What keeps the interval from being simply valid, worst first.

    faint: names of groups that the noise hides. unmeasured: of every row, how far the marginals leave it open; NaN
    where that was not computed.
    """
    found = _structure(released, grid)
    if determined:
        found += _open(released, request, grid, home, unmeasured)
    found += [*_faint(faint), *_values(request, grid)]
    if released.design.rows_of_a_unit > 1 and about_population:
        words = "one unit may have several rows, which are taken as independent"
        found.append(Reason(Validity.APPROXIMATE, words))
    if not determined:
        words = "the noise leaves some numbers undetermined: try fewer columns, or a larger epsilon next time"
        found.append(Reason(Validity.NOT_VALID, words))
    order = list(Validity)
    return tuple(sorted(found, key=lambda reason: -order.index(reason.validity)))


def _structure(released: Released, grid: Grid) -> list[Reason]:
    if len(grid.axes) > 1 and released.design.chosen:
        words = "the private table had a say in which columns were measured together, which the interval ignores"
        return [Reason(Validity.APPROXIMATE, words)]
    return []


def _open(
    released: Released, request: Request, grid: Grid, home: NoisyMarginal | None, unmeasured: FloatArray
) -> list[Reason]:
    """What was not measured, and what the interval makes of it."""
    coarse = [] if home is None else _counted_in_groups(grid, home)
    if home is not None and not coarse:
        return []
    how = f"no measured marginal holds {_listed(grid.clique)} together" if home is None else " and ".join(coarse)
    if not released.measurements:
        return [Reason(Validity.NOT_VALID, "no noisy count was released, so nothing is known but the model's word")]
    if np.isnan(unmeasured).all():
        words = f"{how}, and {grid.cells:,} cells are too many to find what is possible: there is no valid interval"
        return [Reason(Validity.NOT_VALID, f"{words}; {_advice(request, grid)}")]
    if not np.nan_to_num(unmeasured).any():
        return [Reason(Validity.VALID, f"{how}, but what was measured determines the numbers asked for")]
    model = f"; the estimate itself joins them {_joined(released, grid.clique)}" if home is None else ""
    words = f"{how}, so the interval is widened to hold whatever that leaves possible{model}; {_advice(request, grid)}"
    searched = request.kind is Kind.REGRESSION
    found = [Reason(Validity.VALID, words)]
    if searched and home is None:
        found.append(Reason(Validity.APPROXIMATE, "limits of a coefficient were searched for, and may lie further out"))
    return found


def _counted_in_groups(grid: Grid, home: NoisyMarginal) -> list[str]:
    """Columns that are read in every code and were counted with the others in groups of codes only."""
    found = []
    for column, cells in zip(home.clique, home.groups, strict=False):
        if cells is not None and column in grid.clique and not grid[column].grouped:
            others = [other for other in home.clique if other != column]
            beside = f" with {_listed(others)}" if others else ""
            found.append(f"{column} was measured{beside} in {max(cells) + 1} groups only")
    return found


def _advice(request: Request, grid: Grid) -> str:
    """What to have measured next time: least squares without interactions needs pairs of columns only."""
    linear = request.kind is Kind.REGRESSION and outcome_of(grid[request.columns[0]]) is None
    alone = all(len(term) == 1 for term in request.terms) and all(axis.values.present.all() for axis in grid.axes)
    cliques = itertools.combinations(grid.clique, 2) if linear and alone else [grid.clique]
    marginals = ";".join(",".join(clique) for clique in cliques)
    return f"try the synthesizer 'direct' with marginals={marginals!r} for a narrower one"


def _joined(released: Released, clique: Clique) -> str:
    """How a model joins columns that are known together only by assumption."""
    given = _between(released.model, clique) if isinstance(released.model, RandomField) else None
    if given is None:
        return "by assumption"
    if not given:
        return "as if they were independent"
    return f"only through {_listed(given)}, as if they were independent otherwise"


def _between(model: RandomField, clique: Clique) -> Clique | None:
    """What the tree cliques on the way between the columns share; None when one tree clique holds them all."""
    tree = model.tree
    if tree.home(clique) is not None:
        return None
    homes = {place for column in clique for place in [tree.home([column])] if place is not None}
    ways = [_to_root(tree.parents, place) for place in homes]
    shared = set.intersection(*(set(way) for way in ways))
    used = set().union(*(set(way) for way in ways)) - shared
    return tree.domain.canonical({column for place in used for column in tree.separators[place]})


def _to_root(parents: Sequence[int], place: int) -> list[int]:
    way = [place]
    while parents[way[-1]] >= 0:
        way.append(parents[way[-1]])
    return way


def _faint(names: Sequence[str]) -> list[Reason]:
    if not names:
        return []
    listed = _listed(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [Reason(Validity.APPROXIMATE, f"noise is large beside the rows behind {listed}: take the interval as rough")]


def _values(request: Request, grid: Grid) -> list[Reason]:
    """What is assumed about values inside cells."""
    merged = [axis.column for axis in grid.axes if axis.merged or axis.grouped]
    found = []
    if merged:
        words = f"values of {_listed(merged)} were counted in groups, chosen from their noisy counts"
        found.append(Reason(Validity.APPROXIMATE, words))
    numbers = [axis for axis in grid.axes if not axis.values.exact and as_number(request, axis.column)]
    for axis in numbers:
        words = f"values of {axis.column} are known to within bins (about {_spread(axis)} either way)"
        found.append(Reason(Validity.APPROXIMATE, f"{words}, and taken to lie in each as the released histogram says"))
    return found


def _spread(axis: Axis) -> str:
    spread = float(np.sqrt(np.median(axis.values.variances[axis.values.variances > 0])))
    return f"{spread:.3g}" + ("" if axis.origin is None else " days")


def as_number(request: Request, column: str) -> bool:
    """Whether the request looks at the column's values, and not at its cells."""
    if request.kind is Kind.REGRESSION:
        factors = [factor for term in request.terms for factor in term if factor.column == column]
        return column in request.columns or any(not factor.categorical for factor in factors)
    return request.kind is Kind.MEAN and column in request.columns


def faint_groups(request: Request, measured: MeasuredCounts) -> tuple[str, ...]:
    """Groups of a mean or share, or values of a category in a regression, whose rows the noise may hide.

    Their rows stand less than five standard deviations of noise above zero.
    """
    grid = measured.grid
    columns = request.clique if request.kind is Kind.REGRESSION else request.by
    if request.kind is Kind.COUNT:
        columns = ()
    names: list[str] = []
    chosen: list[FloatArray] = []
    for axis in (grid[column] for column in columns if measured.tells_apart(column)):
        if request.kind is not Kind.REGRESSION or not axis.values.numeric or axis.boolean:
            names += [f"{axis.column} = {label}" for label in axis.labels]
            chosen += [grid.along(axis.column, indicator) for indicator in np.eye(axis.size)]
    if not names:
        return ()
    indicators = np.column_stack(chosen)
    enough = _ENOUGH * np.sqrt(measured.noise_variances(indicators))
    return tuple(
        name for name, rows, least in zip(names, measured.counts @ indicators, enough, strict=True) if rows < least
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
