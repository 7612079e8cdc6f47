"""How near the synthetic table is to what was measured, from released numbers alone.

Each column's counts were measured with noise of a known size. The same counts of the synthetic table are set beside
them, and the difference is read in standard deviations of that noise.

Privacy: free. Both sides were released.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.categorical import spelled
from dpsynth.marginal import Basis, NoisyMarginal, grouped_cells
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Numeric

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.release.release import Release

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NEAR = 2.0
"""Differences up to this many standard deviations count as within the noise."""


@dataclass(frozen=True, eq=False)
class ColumnFidelity:
    """One column: counts as measured with noise, and the synthetic table's, scaled to the same total.

    labels: a word for each cell. measured, synthetic: in rows. stddev: of the noise of one measured cell, in rows.
    """

    column: str
    labels: tuple[str, ...]
    measured: FloatArray
    synthetic: FloatArray
    stddev: float

    @property
    def distances(self) -> FloatArray:
        """Synthetic less measured, in standard deviations of the noise, one for each cell."""
        return (self.synthetic - self.measured) / self.stddev

    @property
    def typical(self) -> float:
        """Root mean square of the distances."""
        return float(np.sqrt(np.mean(self.distances**2)))

    @property
    def near(self) -> int:
        """How many cells are within `NEAR` standard deviations."""
        return int((np.abs(self.distances) <= NEAR).sum())


@dataclass(frozen=True)
class Fidelity:
    """Every column that was measured, in table order, and the names of those that were not."""

    columns: tuple[ColumnFidelity, ...]
    unmeasured: tuple[str, ...]

    @property
    def near(self) -> int:
        """Columns whose typical distance is within `NEAR` standard deviations."""
        return sum(each.typical <= NEAR for each in self.columns)

    @property
    def cells(self) -> int:
        """Measured cells of all columns."""
        return sum(len(each.labels) for each in self.columns)

    @property
    def cells_near(self) -> int:
        """Cells within `NEAR` standard deviations, of all columns."""
        return sum(each.near for each in self.columns)


def fidelity(release: Release) -> Fidelity:
    """Compare every measured column of a release with its synthetic table."""
    table = release.table
    found, unmeasured = [], []
    for name in release.codec.domain.columns:
        best = one_way(name, release.measurements)
        if best is None:
            unmeasured.append(name)
            continue
        codec = release.codec[name]
        codes = codec.encode(*_ticks(release.schema[codec.source], table[name]))
        counts: FloatArray = np.bincount(codes, minlength=codec.size).astype(np.float64)
        labels = codec.code_labels()
        cells = best.groups[0] if best.groups else None
        if cells is not None:
            counts = np.bincount(cells, counts, minlength=len(best.values)).astype(np.float64)
            labels = _joined(labels, cells)
        scale = release.model.total / max(len(table), 1)
        found.append(ColumnFidelity(name, labels, best.values, counts * scale, best.stddev))
    return Fidelity(tuple(found), tuple(unmeasured))


def one_way(column: str, measurements: Sequence[NoisyMarginal]) -> NoisyMarginal | None:
    """The best noisy counts of one column: whole rather than grouped, then the least noise; None without any.

    Counts of a larger clique are added up, which adds the noise of its cells: the standard deviation grows with the
    root of their number.
    """
    summed = [_summed(column, each) for each in measurements if column in each.clique and each.basis is Basis.IDENTITY]
    return min(summed, key=lambda each: (bool(each.groups), each.stddev), default=None)


def _summed(column: str, one: NoisyMarginal) -> NoisyMarginal:
    axis = one.clique.index(column)
    others = tuple(place for place in range(one.values.ndim) if place != axis)
    added = math.prod(one.values.shape[place] for place in others)
    values = np.asarray(one.values.sum(axis=others), dtype=np.float64)
    groups = (one.groups[axis],) if one.groups else ()
    return NoisyMarginal((column,), values, one.stddev * math.sqrt(added), Basis.IDENTITY, groups)


def _ticks(column: Column, values: pd.Series[Any]) -> tuple[IntArray, list[str] | None]:
    """The values on the schema's grid, null -1; for an open column, places in a list of its texts, and the list."""
    import pandas as pd

    if isinstance(column, Numeric):
        return column.tick_of(values.to_numpy(dtype=np.float64, na_value=np.nan)), None
    if isinstance(column, Datetime):
        return column.tick_of(values.to_numpy(dtype="datetime64[s]")), None
    texts = values.astype(object).map(spelled, na_action="ignore")
    if isinstance(column, Categorical | Boolean):
        place = {spelled(label): tick for tick, label in enumerate(column.labels)}
        found: IntArray = np.asarray(texts.map(place).fillna(-1), dtype=np.int64)
        return found, None
    places, names = pd.factorize(texts)
    return places.astype(np.int64), [str(name) for name in names]


def _joined(labels: Sequence[str], cells: Sequence[int]) -> tuple[str, ...]:
    """A word for each group: its first label, and how many more there are."""
    groups: list[list[str]] = [[] for _ in range(grouped_cells(tuple(cells), "column"))]
    for label, cell in zip(labels, cells, strict=True):
        groups[cell].append(label)
    return tuple(group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more" for group in groups)
