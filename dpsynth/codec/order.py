"""Draw the values of ordered columns inside their bins so that every row keeps the order.

The codes of a row say in which bins its values lie. Where bins overlap, values are drawn from the bins and drawn again
in rows that break the order, so they follow the law of the bins given the order. Rows that are still out of order after
a few times (bins that touch in a corner) get evenly spread values, from the first column of the order to the last, each
between what comes before it and the least that comes after. A missing value breaks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec
from dpsynth.schema.grid import first_tick_from, last_tick_to, numbers_of

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Pairs = Mapping[tuple[str, str], bool]

_REDRAWS = 8


@dataclass(frozen=True, eq=False)
class Drawn:
    """Ticks of one column, and which rows are null."""

    ticks: IntArray
    null: NDArray[np.bool_]


def draw_in_order(
    columns: Mapping[str, BinnedCodec],
    pairs: Pairs,
    codes: Mapping[str, IntArray],
    known: Mapping[str, IntArray],
    rng: np.random.Generator,
) -> dict[str, Drawn]:
    """Ticks of every column of `pairs`, each pair in order in every row.

    pairs: (earlier, later) -> whether strictly; without a circle. codes: of every row, shape (rows,). known: ticks of
    columns that are not drawn, -1 for missing; where known values are out of order among themselves, so are the rows.
    """
    drawn: dict[str, Drawn] = {}
    for group in _groups(pairs):
        inside = {pair: strict for pair, strict in pairs.items() if pair[0] in group}
        drawn |= _draw_group(
            {name: _Source(columns[name], codes[name], known.get(name)) for name in group}, inside, rng
        )
    return drawn


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the ticks of one column come from: drawn in the bins of its codes, or known."""

    codec: BinnedCodec
    codes: IntArray
    known: IntArray | None

    def at(self, rows: NDArray[np.intp]) -> _Source:
        return _Source(self.codec, self.codes[rows], None if self.known is None else self.known[rows])

    def draw(self, rng: np.random.Generator) -> Drawn:
        if self.known is not None:
            return Drawn(np.maximum(self.known, 0), self.known < 0)
        return Drawn(*self.codec.draw(self.codes, rng))

    def numbers(self, ticks: IntArray) -> FloatArray:
        return numbers_of(self.codec.column, ticks)

    @cached_property
    def ends(self) -> tuple[IntArray, IntArray]:
        """First and last tick of each row's bin; the known tick twice; 0 for a null."""
        if self.known is not None:
            return np.maximum(self.known, 0), np.maximum(self.known, 0)
        first, last = self.codec.extents()
        at = np.minimum(self.codes, len(first)).astype(np.int64)
        return np.append(first, 0)[at], np.append(last, 0)[at]


def _draw_group(sources: Mapping[str, _Source], pairs: Pairs, rng: np.random.Generator) -> dict[str, Drawn]:
    drawn = {name: source.draw(rng) for name, source in sources.items()}
    wrong = np.flatnonzero(_out_of_order(sources, drawn, pairs))
    for _ in range(_REDRAWS):
        if not wrong.size:
            return drawn
        again = {name: source.at(wrong).draw(rng) for name, source in sources.items()}
        for name, one in again.items():
            drawn[name].ticks[wrong] = one.ticks
        wrong = wrong[_out_of_order(sources, again, pairs)]
    if wrong.size:
        placed = _place({name: source.at(wrong) for name, source in sources.items()}, pairs, rng)
        for name, one in placed.items():
            drawn[name].ticks[wrong] = one.ticks
    return drawn


def _out_of_order(sources: Mapping[str, _Source], drawn: Mapping[str, Drawn], pairs: Pairs) -> NDArray[np.bool_]:
    numbers = {name: source.numbers(drawn[name].ticks) for name, source in sources.items()}
    wrong = np.zeros(len(next(iter(numbers.values()))), dtype=bool)
    for (earlier, later), strict in pairs.items():
        one, two = numbers[earlier], numbers[later]
        wrong |= ((one >= two) if strict else (one > two)) & ~drawn[earlier].null & ~drawn[later].null
    return wrong


def _place(sources: Mapping[str, _Source], pairs: Pairs, rng: np.random.Generator) -> dict[str, Drawn]:
    """Ticks from the first column to the last, inside their bins where the bins allow it, and always in order."""
    order = _sorted(pairs)
    null = {name: source.draw(rng).null for name, source in sources.items()}
    wanted, possible = _latest(sources, pairs, null, order)
    placed: dict[str, Drawn] = {}
    for name in order:
        source = sources[name]
        least = np.zeros(len(null[name]), dtype=np.int64)
        for (earlier, later), strict in pairs.items():
            if later == name:
                numbers = sources[earlier].numbers(placed[earlier].ticks)
                after = first_tick_from(source.codec.column, numbers, strict=strict)
                least = np.where(null[earlier], least, np.maximum(least, after))
        low = np.minimum(np.maximum(source.ends[0], least), possible[name])
        high = np.maximum(np.minimum(wanted[name], possible[name]), low)
        ticks = low + np.floor(rng.random(len(low)) * (high - low + 1)).astype(np.int64)
        ticks = np.where(null[name], 0, np.minimum(ticks, high))
        placed[name] = Drawn(source.ends[0] if source.known is not None else ticks, null[name])
    return placed


def _latest(
    sources: Mapping[str, _Source], pairs: Pairs, null: Mapping[str, NDArray[np.bool_]], order: list[str]
) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
    """The last tick of each column after which the later columns still fit their bins, and their whole grids."""
    wanted: dict[str, IntArray] = {}
    possible: dict[str, IntArray] = {}
    for name in reversed(order):
        column, ends = sources[name].codec.column, sources[name].ends
        wanted[name] = ends[1]
        possible[name] = ends[1] if sources[name].known is not None else np.full_like(ends[1], column.ticks - 1)
        for (earlier, later), strict in pairs.items():
            if earlier == name:
                for limits in (wanted, possible):
                    numbers = sources[later].numbers(np.maximum(limits[later], 0))
                    before = last_tick_to(column, numbers, strict=strict)
                    limits[name] = np.where(null[later], limits[name], np.minimum(limits[name], before))
    return wanted, possible


def _sorted(pairs: Pairs) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for earlier, later in pairs:
        sorter.add(later, earlier)
    return list(sorter.static_order())


def _groups(pairs: Pairs) -> list[set[str]]:
    """Columns that hang together by pairs."""
    groups: list[set[str]] = []
    for pair in pairs:
        joined = {*pair}.union(*(group for group in groups if group & {*pair}))
        groups = [group for group in groups if not group & joined] + [joined]
    return groups
