"""Column by column: distance, missing cells, categories and range that were kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dpsynth.evaluation.arms import Arms, Figure
from dpsynth.evaluation.marginals import total_variation
from dpsynth.evaluation.table import FloatArray, Table


@dataclass(frozen=True)
class ColumnFigures:
    """One column. wasserstein, kolmogorov: of ordered columns, else None; in the column's unit, and from 0 to 1.

    categories: the share of private values (or cells of a number) that occur in the synthetic table at all.
    covered: the share of the private range that the synthetic range covers; None without an order.
    """

    column: str
    kind: str
    unit: str
    distance: Figure
    wasserstein: Figure | None
    kolmogorov: float | None
    missing_private: float
    missing_synthetic: float
    categories: float
    covered: float | None


def present(values: FloatArray) -> FloatArray:
    """The values that are not missing."""
    return values[~np.isnan(values)]


def wasserstein(real: FloatArray, other: FloatArray) -> float:
    """Wasserstein distance of the values that are there, in their unit; NaN where a table has none."""
    from scipy.stats import wasserstein_distance

    one, two = present(real), present(other)
    return float(wasserstein_distance(one, two)) if len(one) and len(two) else math.nan


def kolmogorov(real: FloatArray, other: FloatArray) -> float:
    """Largest difference of the two distribution functions (Kolmogorov-Smirnov), of the values that are there."""
    one, two = np.sort(present(real)), np.sort(present(other))
    if not (len(one) and len(two)):
        return math.nan
    points = np.concatenate([one, two])
    shares = [np.searchsorted(each, points, side="right") / len(each) for each in (one, two)]
    return float(np.abs(shares[0] - shares[1]).max())


def range_covered(real: FloatArray, other: FloatArray) -> float | None:
    """The share of the private range, least to most, that lies within the other; None where it has no length."""
    one, two = present(real), present(other)
    if not (len(one) and len(two)) or one.min() == one.max():
        return None
    width = one.max() - one.min()
    short = max((two.min() - one.min()) / width, 0.0) + max((one.max() - two.max()) / width, 0.0)
    return float(max(1 - short, 0.0))


def missing_share(table: Table, name: str) -> float:
    """The share of rows whose cell is missing."""
    field = table.field(name)
    return float((table.codes[name] == field.size - 1).mean()) if field.missing else 0.0


def categories_kept(real: Table, other: Table, name: str) -> float:
    """The share of the codes held by real rows that other rows hold too; missing cells are no category."""
    field = real.field(name)
    counts = [np.bincount(each.codes[name], minlength=field.size) for each in (real, other)]
    last = field.size - 1 if field.missing else field.size
    held, kept = counts[0][:last] > 0, counts[1][:last] > 0
    return float((held & kept).sum() / max(held.sum(), 1))


def column_figures(arms: Arms) -> tuple[ColumnFigures, ...]:
    """Every column, in table order."""
    return tuple(_figures(arms, field.name) for field in arms.private.fields)


def _figures(arms: Arms, name: str) -> ColumnFigures:
    field, private, released = arms.private.field(name), arms.private, arms.released

    def metric(real: Table, other: Table) -> dict[str, float]:
        found = {"distance": total_variation(real.codes, other.codes, real.sizes, [name])}
        if field.ordered:
            found["wasserstein"] = wasserstein(real.values[name], other.values[name])
        return found

    figures = {figure.name: figure for figure in arms.compare(metric, "lower")}
    values = (private.values[name], released.values[name]) if field.ordered else None
    kind = "date" if field.unit else "number" if field.ordered else "category"
    return ColumnFigures(
        name,
        kind,
        field.unit,
        figures["distance"],
        figures.get("wasserstein"),
        kolmogorov(*values) if values else None,
        missing_share(private, name),
        missing_share(released, name),
        categories_kept(private, released, name),
        range_covered(*values) if values else None,
    )
