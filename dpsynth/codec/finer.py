"""Coarse readings of columns are sums of finer ones: a set of columns is counted where it is fine, and summed.

A choice among several resolutions asks for every set of columns some seven times, each time at other levels. They are
all sums over one table, read at the finest of these levels, where that has few enough cells: rows are read once for it,
and summing cells does not take longer with more rows. What is counted follows from the public codec alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.codec.level import LevelCodec
from dpsynth.domain import Clique

Tables = Mapping[Clique, NDArray[np.int64]]
Reading = dict[str, str]
"""Column -> the name under which it is read: its own, or that of one of its levels."""

# Cells of a table that others are summed from, at most: up to here the number of a cell has 16 bits.
MOST_CELLS = 65_535


def count_finer(codec: Codec, cliques: Sequence[Clique], count: Callable[[Sequence[Clique]], Tables]) -> Tables:
    """What `count(cliques)` would give; coarse cliques are summed from finer ones, and only those are counted.

    count: cliques in, none of them empty or twice, tables out.

    Privacy: tables of private rows are exact, hence secret. Which cliques are counted does not depend on the rows.
    """
    named = {column.name for column in codec.columns if isinstance(column, LevelCodec)}
    if named.isdisjoint(column for clique in cliques for column in clique):
        return count(cliques)
    levels, homes, steps = _planned(codec, tuple(cliques))
    counted = count(list(dict.fromkeys(homes.values())))
    near = {home: {home: table} for home, table in counted.items()}
    for clique, finer in steps:
        tables = near[homes[clique]]
        tables[clique] = levels.summed(tables[finer], finer, clique)
    return {clique: near[homes[clique]][clique] for clique in cliques}


@lru_cache(maxsize=8)
def _planned(
    codec: Codec, cliques: tuple[Clique, ...]
) -> tuple[Levels, dict[Clique, Clique], tuple[tuple[Clique, Clique], ...]]:
    """Levels, the home of each clique, and what is summed from what, in order; kept, for rounds ask the same again."""
    levels = Levels(codec)
    homes = levels.homes(cliques)
    near = {home: [home] for home in homes.values()}
    steps = []
    for clique in sorted(cliques, key=codec.domain.cells, reverse=True):
        # Of the tables out of this home that hold the clique, the last: the smallest.
        tables = near[homes[clique]]
        finer = next(one for one in reversed(tables) if levels.holds(one, clique))
        steps.append((clique, finer))
        if finer != clique:
            tables.append(clique)
    return levels, homes, tuple(steps)


class Levels:
    """The columns of a codec, each with its levels: which of them are sums of which others."""

    def __init__(self, codec: Codec) -> None:
        self._domain = codec.domain
        # Of each name, the column that it reads and for each code of that column the code under this name.
        self._read: dict[str, tuple[str, NDArray[np.int64]]] = {}
        for name in sorted(codec.domain, key=lambda one: _depth(codec[one])):
            column, groups = name, np.arange(codec.domain[name])
            level = codec[name]
            if isinstance(level, LevelCodec) and level.inner.name in self._read:
                column, inner = self._read[level.inner.name]
                groups = np.array(level.groups)[inner]
            self._read[name] = column, groups
        self._known: dict[tuple[str, str], NDArray[np.int64] | None] = {}

    def homes(self, cliques: Sequence[Clique], most_cells: int = MOST_CELLS) -> dict[Clique, Clique]:
        """For each clique the one that it is summed from: on its columns or more, at its levels or finer ones.

        A clique goes where a home holds it already; else it widens the one on the same columns that becomes least
        large, up to `most_cells` cells; else it is a home of its own. One with more cells is its own home and holds
        no other.

        >>> from dpsynth.codec.codec import closed_codec
        >>> from dpsynth.schema.columns import Categorical
        >>> codec = Codec((closed_codec(Categorical("month", values=range(12))),))
        >>> codec = codec.with_levels({"month": {"half": np.arange(12) // 6, "season": np.arange(12) // 3}})
        >>> Levels(codec).homes([("half",), ("season",)])
        {('half',): ('season',), ('season',): ('season',)}
        """
        domain = self._domain
        homes: list[Reading] = []
        on_column: dict[str, list[int]] = {}
        found: dict[Clique, int] = {}
        # Those on more columns first, which may hold others, and of these the largest.
        for clique in sorted(cliques, key=lambda one: (-len(one), -domain.cells(one))):
            reading = self._reading(clique)
            if len(reading) < len(clique) or domain.cells(clique) > most_cells:
                continue
            near = min((on_column.get(column, []) for column in reading), key=len)
            place = next((each for each in near if self._holds(homes[each], reading)), None)
            if place is None:
                widened = {
                    each: self._joined(homes[each], reading) for each in near if homes[each].keys() == reading.keys()
                }
                cells = {each: domain.cells(tuple(joined.values())) for each, joined in widened.items()}
                place = min(cells, key=cells.__getitem__, default=None)
                if place is None or cells[place] > most_cells:
                    place = len(homes)
                    homes.append(reading)
                    for column in reading:
                        on_column.setdefault(column, []).append(place)
                else:
                    homes[place] = widened[place]
            found[clique] = place
        return {clique: tuple(homes[found[clique]].values()) if clique in found else clique for clique in cliques}

    def holds(self, finer: Clique, clique: Clique) -> bool:
        """Whether the table of `clique` is a sum of the other's."""
        return finer == clique or self._holds(self._reading(finer), self._reading(clique))

    def summed(self, table: NDArray[np.int64], finer: Clique, clique: Clique) -> NDArray[np.int64]:
        """The table of `clique`, out of that of a finer one."""
        if finer == clique:
            return table
        reading, shape = self._reading(clique), self._domain.shape(clique)
        place: NDArray[np.int64] = np.zeros((1,) * table.ndim, dtype=np.int64)
        for axis, (column, name) in enumerate(self._reading(finer).items()):
            groups = self._groups(name, reading[column]) if column in reading else None
            if groups is not None:
                codes = groups * math.prod(shape[list(reading).index(column) + 1 :])
                place = place + codes.reshape([-1 if axis == other else 1 for other in range(table.ndim)])
        places = np.broadcast_to(place, table.shape).ravel()
        # Sums of whole numbers are exact in float64 up to 2^53 rows.
        return np.bincount(places, table.ravel(), math.prod(shape)).astype(np.int64).reshape(shape)

    def _reading(self, clique: Clique) -> Reading:
        return {self._read[name][0]: name for name in clique}

    def _holds(self, home: Reading, reading: Reading) -> bool:
        return all(column in home and self._groups(home[column], name) is not None for column, name in reading.items())

    def _joined(self, home: Reading, reading: Reading) -> Reading:
        """The home, read finely enough to hold the other reading of the same columns too."""
        joined = {}
        for column, name in home.items():
            finer = (name, reading[column], column)
            joined[column] = next(
                each
                for each in finer
                if self._groups(each, name) is not None and self._groups(each, reading[column]) is not None
            )
        return joined

    def _groups(self, fine: str, coarse: str) -> NDArray[np.int64] | None:
        """For each code of `fine` the code of `coarse` that it falls into; None where that is not always the same."""
        if (fine, coarse) not in self._known:
            (_, own), (_, other) = self._read[fine], self._read[coarse]
            groups = np.zeros(self._domain[fine], dtype=np.int64)
            groups[own] = other
            self._known[fine, coarse] = groups if (groups[own] == other).all() else None
        return self._known[fine, coarse]


def _depth(codec: ColumnCodec) -> int:
    return 1 + _depth(codec.inner) if isinstance(codec, LevelCodec) else 0
