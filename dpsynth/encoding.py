"""From a schema to codes: what is not public about a column's values is found under privacy first.

Closed columns (categorical, boolean, numeric with given edges) cost nothing. An open categorical pays for
partition selection. A numeric or datetime column without edges pays for quantile bins and for a fine
noisy histogram that says how values lie inside each bin, spikes included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, ColumnCodec, atom_ticks, closed_codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.count import Count
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.partitions import Partitions
from dpsynth.mechanisms.quantiles import Quantiles
from dpsynth.mechanisms.select import rate_within
from dpsynth.plan import PlannedStep
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.schema.columns import Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema
from dpsynth.session import Door

Binned = Numeric | Datetime

MOST_BINS = 64
FEWEST_BINS = 4
FINE_CELLS = 1 << 17


@dataclass(frozen=True)
class Encoding:
    """How much of the budget finds the domain, and how it is divided.

    column_share: of mu^2, for each open column and each column without edges; encoding_share: for all of
    them together at most.
    encoding_delta_share: of delta, for partition selection, only when there are open columns.
    quantile_share: of a binned column's part, for its cuts; the rest is its fine histogram.
    count_share: of encoding, to learn the number of rows when the numbers of bins depend on it.
    """

    encoding_share: float = 0.20
    column_share: float = 0.03
    encoding_delta_share: float = 0.10
    quantile_share: float = 0.25
    count_share: float = 0.02

    def __post_init__(self) -> None:
        for name in ("encoding_share", "column_share", "encoding_delta_share", "quantile_share", "count_share"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise SettingError(f"{name} ({share}) must be between 0 and 1")

    def share(self, schema: Schema) -> float:
        """The share of mu^2 that finding the codes of `schema` gets; 0 when the schema has them all."""
        return min(self.encoding_share, self.column_share * len([*open_columns(schema), *binned_columns(schema)]))


def open_columns(schema: Schema) -> list[OpenCategorical]:
    """Columns whose values are not public."""
    return [column for column in schema.columns if isinstance(column, OpenCategorical)]


def binned_columns(schema: Schema) -> list[Binned]:
    """Columns whose bins are not given."""
    return [column for column in schema.columns if isinstance(column, Binned) and column.edges is None]


def needs_budget(schema: Schema) -> bool:
    """Whether any column's codes depend on private data."""
    return bool(open_columns(schema) or binned_columns(schema))


def largest_domain(schema: Schema) -> Domain:
    """The domain with the most codes that the schema can come to, whatever the data."""
    sizes: dict[str, int] = {}
    for column in schema.columns:
        if isinstance(column, Identifier):
            continue
        if isinstance(column, OpenCategorical):
            sizes[column.name] = max(column.max_values, len(column.known)) + 1 + column.nullable
        elif isinstance(column, Binned) and column.edges is None:
            bins = column.bins if column.bins is not None else MOST_BINS
            sizes[column.name] = min(1 << _depth(bins), column.ticks) + len(column.atoms) + column.nullable
        else:
            sizes[column.name] = closed_codec(column).size
    return Domain.of(sizes)


@dataclass(frozen=True)
class _Parts:
    """The encoding budget, divided: for the row count, and for each column in schema order."""

    count: Cost | None
    columns: dict[str, Cost]


def _divide(schema: Schema, budget: Cost, encoding: Encoding) -> _Parts:
    opened, binned = open_columns(schema), binned_columns(schema)
    counts = schema.public_rows is None and any(column.bins is None for column in binned)
    whole = Cost(budget.mu_squared)
    for_count, rest = whole.split([encoding.count_share, 1 - encoding.count_share]) if counts else (None, whole)
    each = rest.split([1] * (len(opened) + len(binned)))
    parts = {column.name: part for column, part in zip([*opened, *binned], each, strict=True)}
    for column in opened:
        parts[column.name] = Cost(parts[column.name].mu_squared, budget.delta / len(opened))
    return _Parts(for_count, parts)


def planned_steps(schema: Schema, budget: Cost, encoding: Encoding, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
    """What finding the domain will run and cost, from public facts alone."""
    if not needs_budget(schema):
        return ()
    parts, steps = _divide(schema, budget, encoding), []
    if parts.count is not None:
        noise = stddev_within(parts.count, unit.max_rows**2)
        steps.append(PlannedStep("number of rows", "count", parts.count, (noise, noise), 1))
    for column in open_columns(schema):
        part = parts.columns[column.name]
        noise = stddev_within(part, unit.squared_l2_count_sensitivity)
        label = f"values of {column.name}"
        steps.append(PlannedStep(label, "partition selection", part, (noise, noise), column.max_values))
    for binned in binned_columns(schema):
        cuts, shape = parts.columns[binned.name].split([encoding.quantile_share, 1 - encoding.quantile_share])
        fine = len(fine_grid(binned)) - 1
        noise = stddev_within(shape, unit.squared_l2_count_sensitivity)
        steps.append(PlannedStep(f"bins of {binned.name}", "quantiles", cuts, None, fine))
        steps.append(PlannedStep(f"shape of {binned.name}", "marginals", shape, (noise, noise), fine))
    return tuple(steps)


def find_codec(door: Door, schema: Schema, budget: Cost, encoding: Encoding, expected_pair_mu: float) -> Codec:
    """The codec of a schema, spending at most `budget` at the door on what is not public.

    expected_pair_mu: the mu at which one two-way marginal will be measured later; with the noisy number
    of rows it sets the number of bins where the schema leaves it open.
    """
    if not needs_budget(schema):
        return Codec(tuple(closed_codec(column) for column in schema.columns))
    parts = _divide(schema, budget, encoding)
    rows = schema.public_rows
    if parts.count is not None:
        rows = door.run(Count(stddev_within(parts.count, door.unit.max_rows**2)), "number of rows")
    codecs: list[ColumnCodec] = []
    for column in schema.columns:
        if isinstance(column, OpenCategorical):
            codecs.append(_find_values(door, column, parts.columns[column.name]))
        elif isinstance(column, Binned) and column.edges is None:
            bins = column.bins if column.bins is not None else bins_for(max(rows or 0, 1), expected_pair_mu)
            codecs.append(_find_bins(door, column, bins, parts.columns[column.name], encoding.quantile_share))
        else:
            codecs.append(closed_codec(column))
    return Codec(tuple(codecs))


def bins_for(rows: int, pair_mu: float) -> int:
    """Number of bins, a power of two: about sqrt(rows * mu) / 2, so that a pair's cells stand above noise.

    A pair of such columns has bins^2 cells of rows / bins^2 rows on average, against noise of 1 / mu.
    """
    wanted = math.sqrt(rows * pair_mu) / 2
    return min(max(1 << max(round(math.log2(max(wanted, 1.0))), 0), FEWEST_BINS), MOST_BINS)


def fine_grid(column: Binned) -> tuple[int, ...]:
    """Public ticks at which a column may be cut: all of them, or about 131,072 evenly spaced ones.

    The atoms' cells are always there, so that their rows can be told from the others.
    """
    width = -(-column.ticks // FINE_CELLS)
    around_atoms = {tick + step for tick in atom_ticks(column) for step in (0, 1)}
    return tuple(sorted({*range(0, column.ticks, width), *around_atoms, column.ticks}))


def _depth(bins: int) -> int:
    return max(math.ceil(math.log2(bins)), 0)


def _find_values(door: Door, column: OpenCategorical, budget: Cost) -> OpenCodec:
    unit = door.unit
    mechanism = Partitions(
        column.name,
        stddev_within(budget, unit.squared_l2_count_sensitivity),
        float(budget.delta) * (1 - 1e-12),
        unit.max_rows,
        tuple(column.known),
        column.max_values,
    )
    found = door.run(mechanism, f"values of {column.name}")
    return OpenCodec(column, tuple(found))


def _find_bins(door: Door, column: Binned, bins: int, budget: Cost, quantile_share: float) -> BinnedCodec:
    cuts_budget, shape_budget = budget.split([quantile_share, 1 - quantile_share])
    grid, depth, unit = fine_grid(column), _depth(bins), door.unit
    cuts: tuple[int, ...] = (0, column.ticks)
    if depth and len(grid) > 2:
        rate = rate_within(cuts_budget, unit.l1_count_sensitivity, depth)
        cuts = door.run(Quantiles(column.name, grid, depth, rate, atom_ticks(column)), f"bins of {column.name}")
    fine = Codec((BinnedCodec(column, grid, atom_ticks(column)),))
    stddev = stddev_within(shape_budget, unit.squared_l2_count_sensitivity)
    (shape,) = door.run(Marginals(fine, ((column.name,),), (stddev,)), f"shape of {column.name}")
    edges, counts = smooth_shape(grid, shape.values[: len(grid) - 1], cuts, stddev)
    return BinnedCodec(column, cuts, atom_ticks(column), edges, counts)


def smooth_shape(
    grid: Sequence[int], noisy: np.ndarray, cuts: Sequence[int], stddev: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Counts on a coarser grid that keeps every cell that stands out of the noise and every cut.

    A cell is kept by itself when its noisy count is above what any of the cells would show by chance
    (one in a hundred over the whole grid); runs of other cells between kept cells and cuts are summed,
    cut at 0. Post-processing of the noisy histogram. Returns ticks of the edges, and counts between them.
    """
    from scipy.special import ndtri

    stands_out = noisy > stddev * float(ndtri(1 - 0.01 / len(noisy)))
    ticks = np.asarray(grid)
    edge = np.isin(ticks, np.asarray(cuts))
    edge[:-1] |= stands_out
    edge[1:] |= stands_out
    starts = np.nonzero(edge[:-1])[0]
    counts = np.maximum(np.add.reduceat(noisy, starts), 0.0)
    return tuple(int(tick) for tick in ticks[edge]), tuple(float(count) for count in counts)
