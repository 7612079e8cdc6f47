"""How far two tables lie apart: total variation distances of their one-, two- and three-way marginals.

Numbers and dates are cut where a twentieth of the first table's rows lies between two cuts, so that a distance says
as much of a column of money as of one of labels.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dpsynth.private.ticked import Ticked
from dpsynth.schema.columns import Datetime, Numeric

IntArray = npt.NDArray[np.int64]

PARTS, FEW = 20, 32
"""Parts into which a column of more than FEW different numbers is cut."""

MOST_SETS = 300
"""Pairs, and triples, of columns that are compared; a fixed random choice where there are more."""

DENSE_CELLS = 2_000_000


@dataclass(frozen=True)
class Distances:
    """Mean total variation distances (0 to 1) of all one-way marginals, and of two- and three-way ones.

    counts: mean absolute error of a count, in rows, over the cells in which either table has rows, for each of these.
    """

    one_way: float
    two_way: float
    three_way: float
    counts: tuple[float, float, float]

    @property
    def total(self) -> float:
        """The mean of the three."""
        return (self.one_way + self.two_way + self.three_way) / 3


@dataclass(frozen=True, eq=False)
class Measured:
    """A table against which others are measured; it decides where numbers are cut."""

    table: Ticked

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns in table order."""
        return tuple(self.table.ticks)

    @cached_property
    def _cuts(self) -> dict[str, IntArray]:
        """For each column the first tick of every cell but the lowest."""
        cuts = {}
        for name, ticks in self.table.ticks.items():
            seen = np.unique(ticks[ticks >= 0])
            if isinstance(self.table.schema[name], Numeric | Datetime) and len(seen) > FEW:
                present = np.sort(ticks[ticks >= 0])
                seen = np.unique(present[np.arange(1, PARTS) * len(present) // PARTS])
            cuts[name] = seen
        return cuts

    def _codes(self, name: str, other: Ticked) -> tuple[IntArray, int]:
        """The cell of every row, and the number of cells; missing values have the first one."""
        ticks = np.asarray(other.ticks[name], dtype=np.int64)
        if name in self.table.labels:
            place = {label: tick for tick, label in enumerate(self.table.labels[name])}
            found = np.array([*(place.get(label, len(place)) for label in other.labels[name]), -1], dtype=np.int64)
            ticks = found[ticks]
        # Labels that the first table lacks fall in with their neighbours unless they have cells of their own.
        if isinstance(self.table.schema[name], Numeric | Datetime):
            codes = np.where(ticks < 0, 0, 1 + np.searchsorted(self._cuts[name], ticks, side="right"))
            return codes, len(self._cuts[name]) + 2
        return np.where(ticks < 0, 0, 1 + ticks), self._sizes[name]

    @cached_property
    def _sizes(self) -> dict[str, int]:
        sizes = {}
        for name in self.names:
            labels = self.table.labels.get(name)
            sizes[name] = 2 + (len(labels) if labels is not None else self.table.schema[name].ticks)  # type: ignore[union-attr]
        return sizes

    @cached_property
    def _own(self) -> dict[str, tuple[IntArray, int]]:
        return {name: self._codes(name, self.table) for name in self.names}

    def distances(self, other: Ticked) -> Distances:
        """How far another table of the same schema lies from this one, shares against shares."""
        theirs = {name: self._codes(name, other)[0] for name in self.names}
        means, counts = [], []
        for ways in (1, 2, 3):
            found = [self._apart(columns, theirs, other.rows) for columns in _sets(self.names, ways)]
            means.append(float(np.mean([each for each, _ in found])) if found else 0.0)
            counts.append(float(np.mean([each for _, each in found])) if found else 0.0)
        return Distances(means[0], means[1], means[2], counts=(counts[0], counts[1], counts[2]))

    def _apart(self, columns: tuple[str, ...], theirs: dict[str, IntArray], rows: int) -> tuple[float, float]:
        """Distance of one marginal, and mean error of its occupied cells in rows of this table."""
        shape = [self._own[name][1] for name in columns]
        one = np.ravel_multi_index([self._own[name][0] for name in columns], shape)
        two = np.ravel_multi_index([theirs[name] for name in columns], shape)
        # Occupied cells alone are numbered where all of them would be many more than the rows.
        if (cells := math.prod(shape)) > DENSE_CELLS:
            found, places = np.unique(np.concatenate([one, two]), return_inverse=True)
            one, two, cells = places[: len(one)], places[len(one) :], len(found)
        shares = np.bincount(one, minlength=cells) / self.table.rows, np.bincount(two, minlength=cells) / max(rows, 1)
        gap = float(np.abs(shares[0] - shares[1]).sum())
        occupied = int(((shares[0] > 0) | (shares[1] > 0)).sum())
        return gap / 2, gap * self.table.rows / max(occupied, 1)


def _sets(names: tuple[str, ...], ways: int) -> list[tuple[str, ...]]:
    sets = list(itertools.combinations(names, ways))
    if len(sets) <= MOST_SETS:
        return sets
    return [sets[place] for place in np.random.default_rng(0).choice(len(sets), MOST_SETS, replace=False)]
