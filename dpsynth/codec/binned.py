"""The codec of numbers and dates: bins on the column's public grid, spikes with a code of their own, and null."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import MISSING, Codes, Ticks
from dpsynth.codec.merged import draw_members, finite_numbers, whole_numbers
from dpsynth.errors import SettingError
from dpsynth.schema.columns import UNITS, Datetime, Numeric

if TYPE_CHECKING:
    import pandas as pd

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Up to here one table holds the code of every tick; it fits the processor's cache and is looked up in a nanosecond.
TABLE_TICKS = 1 << 21
_RULED_OUT = 1e-6


@dataclass(frozen=True)
class BinnedCodec:
    """Codes of a Numeric or Datetime column: bins in order, then atoms in order, then null when nullable.

    edges: increasing ticks from 0 to `column.ticks`; bin i holds the ticks in [edges[i], edges[i+1]) that
    are no atoms. atoms: increasing ticks with a code of their own. fine_edges, fine_counts: an optional
    finer noisy histogram, same ends as `edges`, of the rows at no atom (negative counts are taken as 0).
    spans: the only ticks that are drawn, as (first, last) in order (see `within`); all of them when empty.
    Raises SettingError when these do not fit together.

    A decoded bin is a random tick inside it: fine cells in proportion to their counts, evenly inside a
    cell, evenly in a bin without fine counts. Values stay on the grid and within bounds, and are at an
    atom only if the code is the atom's (or the bin has no other tick).

    Privacy: edges, atoms and fine counts are public or have been paid for; encoding is a map of single rows.

    >>> codec = BinnedCodec(Numeric("age", lower=0, upper=99, integer=True), (0, 18, 100), atoms=(0,))
    >>> codec.encode(np.array([0, 17, 18])).tolist(), codec.code_labels()
    ([2, 0, 1], ('1 to 17', '18 to 99', 'exactly 0'))
    """

    column: Numeric | Datetime
    edges: tuple[int, ...]
    atoms: tuple[int, ...] = ()
    fine_edges: tuple[int, ...] = ()
    fine_counts: tuple[float, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for item in ("edges", "atoms", "fine_edges"):
            ticks = whole_numbers(getattr(self, item), f"{item} of {self.name!r}")
            if any(later <= tick for tick, later in itertools.pairwise(ticks)):
                raise SettingError(f"{item} of {self.name!r} must increase")
            object.__setattr__(self, item, ticks)
        object.__setattr__(self, "fine_counts", finite_numbers(self.fine_counts, f"fine_counts of {self.name!r}"))
        last = self.column.ticks
        for item, ticks in (("edges", self.edges), ("fine_edges", self.fine_edges)):
            if (item == "edges" or ticks) and (len(ticks) < 2 or ticks[0] != 0 or ticks[-1] != last):
                raise SettingError(f"{item} of {self.name!r} must go from 0 to {last}, the number of grid points")
        if self.atoms and not 0 <= self.atoms[0] <= self.atoms[-1] < last:
            raise SettingError(f"atoms of {self.name!r} must be from 0 to {last - 1}")
        if len(self.fine_counts) != max(len(self.fine_edges) - 1, 0):
            raise SettingError(f"fine_counts of {self.name!r} must have one entry for each cell of fine_edges")

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.column.name

    @property
    def bins(self) -> int:
        """Number of bins; their codes come first."""
        return len(self.edges) - 1

    @property
    def source(self) -> str:
        """The column of the schema whose values are read."""
        return self.name

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.bins + len(self.atoms) + self.column.nullable

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Code of each row, shape (rows,), in the narrowest unsigned integers; ticks as made by ingest."""
        return self._search(ticks) if self.column.ticks > TABLE_TICKS else self._table[ticks]

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """A random grid value inside each row's bin, the atom itself, or null."""
        return valued(self.column, *self.draw(codes, rng))

    def draw(self, codes: NDArray[Any], rng: np.random.Generator) -> tuple[IntArray, NDArray[np.bool_]]:
        """A random tick inside each row's bin or the atom's own, and which rows are null (their tick is 0)."""
        codes = np.asarray(codes, dtype=np.int64)
        ticks = np.zeros(len(codes), dtype=np.int64)
        in_bin = codes < self.bins
        at_atom = ~in_bin & (codes < self.bins + len(self.atoms))
        ticks[in_bin] = self._draw(codes[in_bin], rng)
        ticks[at_atom] = np.asarray(self.atoms, dtype=np.int64)[codes[at_atom] - self.bins]
        return ticks, ~(in_bin | at_atom)

    def within(self, spans: tuple[tuple[int, int], ...], null: bool) -> tuple[BinnedCodec, FloatArray]:
        """The codec that draws only ticks of `spans` (and null, if so), and the share of each code that they are.

        A share is above 0 wherever the code has a tick in the spans, however unlikely its fine counts make it.
        """
        found = dataclasses.replace(self, spans=spans or ((-1, -1),))
        pieces = found.segments
        kept, all_of_it = (np.bincount(pieces.owner, each) for each in (pieces.weights, pieces.chance))
        atoms = np.asarray(self.atoms, dtype=np.int64)
        at_atom = np.zeros(len(atoms))
        for first, last in spans:
            at_atom[(atoms >= first) & (atoms <= last)] = 1.0
        return found, np.concatenate([kept / all_of_it, at_atom, [float(null)] * self.column.nullable])

    def extents(self) -> tuple[IntArray, IntArray]:
        """First and last tick that decoding may draw for each code but null; (0, -1) for a code without any."""
        pieces = self.segments
        drawn = np.flatnonzero(pieces.inside & ((pieces.width > 0) | pieces.bare))
        last_place = pieces.start + np.maximum(pieces.width, 1) - 1
        first, last = np.zeros(self.bins, dtype=np.int64), np.full(self.bins, -1, dtype=np.int64)
        for at, place, ends in ((drawn[::-1], pieces.start, first), (drawn, last_place, last)):
            ends[pieces.owner[at]] = np.where(pieces.bare[at], pieces.tick[at], self._tick_at(place[at]))
        atoms = np.asarray(self.atoms, dtype=np.int64)
        return np.concatenate([first, atoms]), np.concatenate([last, atoms])

    def code_labels(self) -> tuple[str, ...]:
        """Plain words for every code: the first and the last value of a bin, an atom's value, or missing."""
        edges, atoms = np.asarray(self.edges), np.asarray(self.atoms, dtype=np.int64)
        first, last = edges[:-1].copy(), edges[1:] - 1
        for atom in atoms:  # an atom at the rim of a bin is not part of it
            first[(first == atom) & (first < last)] += 1
        for atom in atoms[::-1]:
            last[(last == atom) & (first < last)] -= 1
        ends = zip(self._words(first), self._words(last), strict=True)
        bins = [low if low == high else f"{low} to {high}" for low, high in ends]
        null = [MISSING] if self.column.nullable else []
        return (*bins, *(f"exactly {word}" for word in self._words(atoms)), *null)

    def _search(self, ticks: NDArray[Any]) -> Codes:
        codes = np.searchsorted(self.edges, ticks, side="right") - 1
        if self.atoms:
            nearest = np.minimum(np.searchsorted(self.atoms, ticks), len(self.atoms) - 1)
            codes = np.where(np.asarray(self.atoms)[nearest] == ticks, self.bins + nearest, codes)
        # Without a null code no tick is negative; the largest code keeps the cast in range all the same.
        return np.where(ticks < 0, self.size - 1, codes).astype(np.min_scalar_type(self.size - 1))

    @cached_property
    def _table(self) -> Codes:
        """Code of every tick, and of a null at the end, where index -1 finds it."""
        return self._search(np.append(np.arange(self.column.ticks), -1))

    def _draw(self, bins: IntArray, rng: np.random.Generator) -> IntArray:
        """A random tick of each given bin."""
        segments = self.segments
        chosen = draw_members(segments.first, segments.weights, bins, rng)
        width = segments.width[chosen]
        place = segments.start[chosen] + rng.integers(0, np.maximum(width, 1))
        return np.where(width > 0, self._tick_at(place), segments.tick[chosen])

    def _tick_at(self, place: IntArray) -> IntArray:
        """The tick at a place among the ticks that are no atoms."""
        atoms = np.asarray(self.atoms, dtype=np.int64)
        return place + np.searchsorted(atoms - np.arange(len(atoms)), place, side="right")

    @cached_property
    def segments(self) -> Segments:
        """Bins cut at the fine edges and the ends of spans, in order, measured in ticks that are no atoms."""
        edges = np.asarray(self.edges, dtype=np.int64)
        fine = np.asarray(self.fine_edges or self.edges, dtype=np.int64)
        ends = [end for first, last in self.spans for end in (first, last + 1) if 0 < end < self.column.ticks]
        breaks = np.union1d(np.union1d(edges, fine), np.asarray(ends, dtype=np.int64))
        free = breaks - np.searchsorted(self.atoms, breaks)  # ticks below each break that are no atoms
        width = np.diff(free)
        bin_of = np.searchsorted(edges, breaks[:-1], side="right") - 1
        weights = width.astype(np.float64)
        if self.fine_counts:
            cell_of = np.searchsorted(fine, breaks[:-1], side="right") - 1
            cell_width = np.bincount(cell_of, width, minlength=len(fine) - 1)
            counts = np.clip(self.fine_counts, 0.0, None)[cell_of] * width / np.maximum(cell_width[cell_of], 1)
            measured = np.bincount(bin_of, counts, minlength=self.bins)[bin_of] > 0
            weights = np.where(measured, counts, weights)
        bare = np.bincount(bin_of, width, minlength=self.bins)[bin_of] == 0
        inside = np.full(len(width), not self.spans)
        for span_first, span_last in self.spans:
            inside |= (breaks[:-1] >= span_first) & (breaks[:-1] <= span_last)
        if self.spans:
            # What the fine counts rule out stays possible, a million times less likely than the rest.
            weights = np.where(bare, 1.0, weights + _RULED_OUT * width)
        first = np.searchsorted(bin_of, np.arange(self.bins + 1))
        return Segments(first, weights, free[:-1], width, breaks[:-1], bin_of, bare, inside)

    def _words(self, ticks: IntArray) -> list[str]:
        values = self.column.value_of(ticks)
        if isinstance(self.column, Datetime):
            return [str(moment) for moment in values.astype(f"datetime64[{UNITS[self.column.resolution]}]")]
        if self.column.integer:
            return [str(value) for value in values]
        decimals = self.column.decimals
        return [f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}" for value in values]


@dataclass(frozen=True, eq=False)
class Segments:
    """Pieces of bins: `first[b]` is bin b's first piece; the rest has one entry for each piece.

    chance: up to a factor, of the piece within its bin; start: its first place among the ticks
    that are no atoms; width: how many of those it has; tick: its first tick; owner: its bin; bare: whether that bin
    has nothing but atoms; inside: whether the piece lies in the spans, so that it is drawn.
    """

    first: IntArray
    chance: FloatArray
    start: IntArray
    width: IntArray
    tick: IntArray
    owner: IntArray
    bare: NDArray[np.bool_]
    inside: NDArray[np.bool_]

    @property
    def weights(self) -> FloatArray:
        """Chance of the piece where it may be drawn, else 0."""
        return self.chance * self.inside


def valued(column: Numeric | Datetime, ticks: IntArray, null: NDArray[np.bool_]) -> pd.Series[Any]:
    """A pandas Series of grid points, missing where `null`; its dtype depends on the column alone."""
    import pandas as pd

    values = column.value_of(ticks)
    if isinstance(column, Datetime):
        values = np.where(null, np.datetime64("NaT", "s"), values)
    elif not column.integer:
        values = np.where(null, np.nan, values)
    elif column.nullable:
        return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), null), name=column.name)
    return pd.Series(values, name=column.name)
