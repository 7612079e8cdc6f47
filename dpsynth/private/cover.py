"""Covers: a few larger cliques whose counts give, by summing out, every wanted marginal.

Counting costs one table increment for each row and clique, so fewer and larger cliques are cheaper
as long as their tables stay in the processor's cache. The choice reads the public domain only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, SettingError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cover:
    """Cliques to count, and for each wanted clique the counted one to sum it out of.

    cliques: the counted cliques, each in table order.
    assignment: wanted clique -> the member of `cliques` with the fewest cells that contains it.
    """

    cliques: tuple[Clique, ...]
    assignment: Mapping[Clique, Clique]


def plan_cover(domain: Domain, cliques: Sequence[Clique], max_cells: int = 16_384) -> Cover:
    """Greedily merge the wanted `cliques` into few cliques of at most `max_cells` cells each.

    Starts each merged clique from the largest wanted clique not yet covered and keeps adding the
    columns that complete the most others. A wanted clique with more than `max_cells` cells is
    counted by itself and covers nothing else. The result depends on the arguments alone.

    max_cells: the default of 16,384 cells keeps a table of 16-bit counts within 32 KB.

    Raises SettingError when a clique names an unknown column or names one twice.

    Privacy: reads column names and sizes, never rows.

    >>> domain = Domain.of({"a": 2, "b": 3, "c": 4})
    >>> plan_cover(domain, [("a", "b"), ("c", "b"), ("a",)]).cliques
    (('a', 'b', 'c'),)
    >>> plan_cover(domain, [("a", "b"), ("c", "b"), ("a",)], max_cells=12).assignment
    {('a', 'b'): ('a', 'b'), ('c', 'b'): ('b', 'c'), ('a',): ('a', 'b')}
    """
    if max_cells < 1:
        raise SettingError(f"max_cells ({max_cells}) must be at least 1")
    return _plan(domain, tuple(dict.fromkeys(tuple(clique) for clique in cliques)), int(max_cells))


@dataclass(frozen=True, eq=False)
class Layout:
    """Where a cover's cells are in one flat vector: clique after clique, each with its last column fastest.

    columns, sizes: the columns that are read at all, and their numbers of codes.
    starts: shape (cliques + 1,); clique i has the parts starts[i]:starts[i + 1], one for each column.
    places, strides: of each part, its column's position in `columns` and the cells between neighbouring codes.
    offsets: shape (cliques + 1,); clique i has the cells offsets[i]:offsets[i + 1].
    """

    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    starts: IntArray
    places: IntArray
    strides: IntArray
    offsets: IntArray

    @property
    def cells(self) -> int:
        """Length of the flat vector."""
        return int(self.offsets[-1])


def lay_out(domain: Domain, cover: Cover) -> Layout:
    """The layout of the cover's cliques; PlanTooLargeError when their cells cannot be numbered in 63 bits."""
    cells = [domain.cells(clique) for clique in cover.cliques]
    if sum(cells) > np.iinfo(np.int64).max:
        raise PlanTooLargeError(f"cliques must have fewer than 2^63 cells in all; got {sum(cells)}; try smaller ones")
    used = {column for clique in cover.cliques for column in clique}
    columns = tuple(column for column in domain.columns if column in used)
    position = {column: place for place, column in enumerate(columns)}
    parts = [
        (position[column], domain.cells(clique[place + 1 :]))
        for clique in cover.cliques
        for place, column in enumerate(clique)
    ]
    return Layout(
        columns,
        domain.shape(columns),
        starts=np.cumsum([0, *map(len, cover.cliques)], dtype=np.int64),
        places=np.array([place for place, _ in parts], dtype=np.int64),
        strides=np.array([stride for _, stride in parts], dtype=np.int64),
        offsets=np.cumsum([0, *cells], dtype=np.int64),
    )


@lru_cache(maxsize=128)
def _plan(domain: Domain, wanted: tuple[Clique, ...], max_cells: int) -> Cover:
    canonical = {clique: domain.canonical(clique) for clique in wanted}
    for clique, columns in canonical.items():
        if len(clique) != len(columns):
            raise SettingError(f"clique {clique} must name each column once")
    distinct = tuple(dict.fromkeys(canonical.values()))
    alone = tuple(clique for clique in distinct if domain.cells(clique) > max_cells)
    mergeable = tuple(clique for clique in distinct if domain.cells(clique) <= max_cells)

    chosen: list[Clique] = []
    home = {clique: clique for clique in alone}
    fewest = np.full(len(mergeable), max_cells + 1, dtype=np.int64)
    best = np.zeros(len(mergeable), dtype=np.int64)
    for clique, inside in _merged(domain, mergeable, max_cells):
        cheaper = inside & (domain.cells(clique) < fewest)
        fewest[cheaper], best[cheaper] = domain.cells(clique), len(chosen)
        chosen.append(clique)
    home |= {clique: chosen[position] for clique, position in zip(mergeable, best, strict=True)}
    return Cover((*chosen, *alone), {clique: home[canonical[clique]] for clique in wanted})


def _merged(
    domain: Domain, wanted: tuple[Clique, ...], max_cells: int
) -> Iterator[tuple[Clique, npt.NDArray[np.bool_]]]:
    """Merged cliques, and for each of them which wanted cliques lie inside it (a mask over `wanted`)."""
    position = {column: place for place, column in enumerate(domain.columns)}
    sizes = np.array([min(size, max_cells + 1) for size in domain.sizes], dtype=np.int64)
    member = np.zeros((len(position), len(wanted)), dtype=np.bool_)  # [column, wanted clique]
    for place, clique in enumerate(wanted):
        member[[position[column] for column in clique], place] = True
    cells = np.array([domain.cells(clique) for clique in wanted], dtype=np.int64)
    length, positions = member.sum(axis=0), np.arange(len(sizes)) @ member
    by_size = np.argsort(-cells, kind="stable")
    covered = np.zeros(len(wanted), dtype=np.bool_)
    for start in by_size:
        if covered[start]:
            continue
        open_cliques = np.flatnonzero(~covered)
        known = length[open_cliques], positions[open_cliques], cells[open_cliques]
        columns = _grow(member, open_cliques, *known, sizes, member[:, start], max_cells)
        inside = member[columns].sum(axis=0) == length
        covered |= inside
        yield tuple(domain.columns[place] for place in np.flatnonzero(columns)), inside


def _grow(
    member: npt.NDArray[np.bool_],
    open_cliques: IntArray,
    outside: IntArray,
    position_sum: IntArray,
    outside_cells: IntArray,
    sizes: IntArray,
    start: npt.NDArray[np.bool_],
    max_cells: int,
) -> npt.NDArray[np.bool_]:
    """Columns (a mask) reached from `start` by adding, while they fit, those that complete the most cliques.

    For each open clique three numbers about its columns outside the growing one are kept up to date, in arrays that
    are ours: how many they are, the sum of their positions (the position itself, when it is one), and their cells.
    """
    columns = np.zeros(len(sizes), dtype=np.bool_)
    grown_cells, added = 1, np.flatnonzero(start)
    while True:
        for column in added:
            columns[column] = True
            grown_cells *= int(sizes[column])
            touched = member[column, open_cliques]
            outside -= touched
            position_sum -= column * touched
            outside_cells[touched] //= sizes[column]
        fits = (outside > 0) & (outside_cells <= max_cells // grown_cells)
        if not fits.any():
            return columns
        single = fits & (outside == 1)
        completed = np.bincount(position_sum[single], minlength=len(sizes))
        gain = np.where(single, completed[np.where(single, position_sum, 0)], 1)
        # Most completed cliques first, then fewest added cells, then the earliest: integers, so every machine agrees.
        rank = np.where(fits, gain * (max_cells + 1) - outside_cells, np.iinfo(np.int64).min)
        added = np.flatnonzero(member[:, open_cliques[int(np.argmax(rank))]] & ~columns)
