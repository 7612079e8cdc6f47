"""From a schema to codes: what is not public about a column's values is found under privacy first.

Closed columns (categorical, boolean, numeric with given edges) cost nothing. An open categorical pays for
partition selection. A numeric or datetime column without edges pays for its range, for quantile bins and for
a fine noisy histogram that says how values lie inside each bin, spikes included (see `binning`).
"""

from __future__ import annotations

from dataclasses import dataclass

from dpsynth.binning import MOST_BINS, Binned, Binning, bins_for, depth_of, find_bins
from dpsynth.binning import planned_steps as planned_bins
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, ColumnCodec, closed_codec
from dpsynth.codec.constraints import cuts_of
from dpsynth.codec.derived import DerivedCodec
from dpsynth.codec.selected import with_cuts
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.count import Count
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.partitions import Partitions
from dpsynth.plan import PlannedStep
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.schema.columns import Identifier, OpenCategorical
from dpsynth.schema.schema import Schema
from dpsynth.session import Door


@dataclass(frozen=True)
class Encoding:
    """How much of the budget finds the domain, and how it is divided.

    column_share: of mu^2, for each open column and each column without edges; encoding_share: for all of
    them together at most.
    encoding_delta_share: of delta, for partition selection, only when there are open columns.
    range_share, cut_share: of a binned column's part, for its range and its cuts; the rest is its shape.
    binning: how bins are cut, "privtree" or "quantiles".
    count_share: of encoding, to learn the number of rows when the numbers of bins depend on it.
    """

    encoding_share: float = 0.20
    column_share: float = 0.10
    encoding_delta_share: float = 0.10
    range_share: float = 0.20
    cut_share: float = 0.10
    count_share: float = 0.02
    binning: str = "privtree"

    def __post_init__(self) -> None:
        for name in ("encoding_share", "column_share", "encoding_delta_share", "count_share"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise SettingError(f"{name} ({share}) must be between 0 and 1")
        _ = self.method

    @property
    def method(self) -> Binning:
        """How bins are found; raises SettingError for an unknown way, and for shares that leave nothing."""
        return Binning(self.range_share, self.cut_share, self.binning)

    def share(self, schema: Schema) -> float:
        """The share of mu^2 that finding the codes of `schema` gets; 0 when the schema has them all."""
        return min(self.encoding_share, self.column_share * len([*open_columns(schema), *binned_columns(schema)]))


def open_columns(schema: Schema) -> list[OpenCategorical]:
    """Columns whose values are not public."""
    return [column for column in schema.modelled if isinstance(column, OpenCategorical)]


def binned_columns(schema: Schema) -> list[Binned]:
    """Columns whose bins are not given."""
    return [column for column in schema.modelled if isinstance(column, Binned) and column.edges is None]


def needs_budget(schema: Schema) -> bool:
    """Whether any column's codes depend on private data."""
    return bool(open_columns(schema) or binned_columns(schema))


def largest_domain(schema: Schema) -> Domain:
    """The domain with the most codes that the schema can come to, whatever the data."""
    sizes: dict[str, int] = {}
    cuts = cuts_of(schema)
    for column in schema.modelled:
        added = len(cuts.get(column.name, ()))
        if isinstance(column, OpenCategorical):
            sizes[column.name] = max(column.max_values, len(column.known)) + 1 + column.nullable
        elif isinstance(column, Binned) and column.edges is None:
            bins = column.bins if column.bins is not None else MOST_BINS
            sizes[column.name] = min((1 << depth_of(bins)) + added, column.ticks) + len(column.atoms) + column.nullable
        else:
            sizes[column.name] = with_cuts(closed_codec(column), cuts.get(column.name, ())).size
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
        steps += planned_bins(binned, parts.columns[binned.name], encoding.method, unit)
    return tuple(steps)


def find_codec(door: Door, schema: Schema, budget: Cost, encoding: Encoding, expected_pair_mu: float) -> Codec:
    """The codec of a schema, spending at most `budget` at the door on what is not public.

    expected_pair_mu: the mu at which one two-way marginal will be measured later; with the noisy number
    of rows it sets the number of bins where the schema leaves it open.
    """
    parts = _divide(schema, budget, encoding) if needs_budget(schema) else _Parts(None, {})
    rows = schema.public_rows
    if parts.count is not None:
        rows = door.run(Count(stddev_within(parts.count, door.unit.max_rows**2)), "number of rows")
    codecs: list[ColumnCodec] = []
    for column in schema.columns:
        if not isinstance(column, Identifier) and column.name in schema.derived:
            codecs.append(DerivedCodec(column, schema.derived[column.name]))
        elif isinstance(column, OpenCategorical):
            codecs.append(_find_values(door, column, parts.columns[column.name]))
        elif isinstance(column, Binned) and column.edges is None:
            bins = column.bins if column.bins is not None else bins_for(max(rows or 0, 1), expected_pair_mu)
            codecs.append(find_bins(door, column, bins, parts.columns[column.name], encoding.method))
        else:
            codecs.append(closed_codec(column))
    cuts = cuts_of(schema)
    return Codec(tuple(with_cuts(each, cuts.get(each.name, ())) for each in codecs), tuple(schema.constraints))


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
