"""Bins of numbers and dates under privacy: the range that holds them, cuts in it, the shape inside.

Declared bounds are often generous: a pay that could be anything up to ten million, and is below fifty
thousand. So the private quartiles on coarse cells of all scales first say where most rows lie, and the range
is taken a few times as wide on either side, within the bounds. Cuts and shape are then found at the resolution
of that range. Quartiles fail gently: with little budget they spread, and the range stays wide.

Cuts are found in one of two ways. "quantiles": private medians of medians are the edges of bins. "privtree":
halves of halves, finer where rows are dense, are the cells of a noisy histogram, and bins are joined from what it
says. The tree walks down to dense places at no price for its depth, so it needs no range, except where a column
has more ticks than one grid has cells.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.codec import Codec, atom_ticks
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.privtree import PrivTree, privtree_within
from dpsynth.mechanisms.quantiles import Quantiles, QuartileCells
from dpsynth.mechanisms.select import rate_within
from dpsynth.plan import PlannedStep
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.schema.columns import Datetime, Numeric
from dpsynth.session import Door

Binned = Numeric | Datetime
Ticks = tuple[int, ...]

MOST_BINS = 64
FEWEST_BINS = 4
FINE_CELLS = 1 << 17
# Fewer ticks than this are all looked at anyway, so their range is not worth its price.
RANGE_TICKS = 256
# The range is sought twice, the second time inside what the first found; margins in widths between the quartiles.
ZOOMS = (("range", 2), ("closer range", 5))
EVEN_CELLS = 32
SHAPES = ("shape", "fine shape")
QUANTILES, PRIVTREE = "quantiles", "privtree"
# Neighbouring bins of a tree's histogram are joined while they hold less than this part of an equal share.
JOINED_SHARE = 1.25
# How many cells of a histogram may pass for occupied by chance.
COARSE_FALSE_ALARMS = 1.0
FINE_FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Binning:
    """How bins are cut, and how a column's part of the budget is divided: for its range, its cuts, and its shape.

    method: "quantiles", private medians of medians, or "privtree", halves of halves where rows are dense.
    """

    range_share: float = 0.20
    cut_share: float = 0.10
    method: str = PRIVTREE

    def __post_init__(self) -> None:
        if self.method not in (QUANTILES, PRIVTREE):
            raise SettingError(f"binning ({self.method!r}) must be {QUANTILES!r} or {PRIVTREE!r}")
        if not (self.range_share > 0 and self.cut_share > 0 and self.range_share + self.cut_share < 1):
            raise SettingError(
                f"range_share ({self.range_share}) and cut_share ({self.cut_share}) must be positive and"
                " leave some of the column's part for its shape; try 0.2 and 0.1"
            )

    def divide(self, column: Binned, budget: Cost) -> tuple[Cost, Cost, Cost]:
        """Parts for range (nothing where it is not sought), cuts and shape."""
        for_range = self.range_share if column.ticks > (FINE_CELLS if self.tree else RANGE_TICKS) else 0.0
        one, two, three = budget.split([for_range, self.cut_share, 1 - for_range - self.cut_share])
        return one, two, three

    @property
    def tree(self) -> bool:
        """Whether cuts are those of a tree."""
        return self.method == PRIVTREE

    def shapes(self, column: Binned) -> tuple[str, ...]:
        """Names of the histograms: all few ticks at once, or coarse cells and fine ones."""
        return SHAPES if self.tree or column.ticks > RANGE_TICKS else SHAPES[:1]


def bins_for(rows: int, pair_mu: float) -> int:
    """Number of bins, a power of two: about sqrt(rows * mu) / 2, so that a pair's cells stand above noise.

    A pair of such columns has bins^2 cells of rows / bins^2 rows on average, against noise of 1 / mu.
    """
    wanted = math.sqrt(rows * pair_mu) / 2
    return min(max(1 << max(round(math.log2(max(wanted, 1.0))), 0), FEWEST_BINS), MOST_BINS)


def depth_of(bins: int) -> int:
    """Levels of halving that make at least `bins` bins."""
    return max(math.ceil(math.log2(bins)), 0)


def planned_steps(column: Binned, budget: Cost, binning: Binning, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
    """What `find_bins` will run and cost, from public facts alone."""
    for_range, for_cuts, for_shape = binning.divide(column, budget)
    shift = unit.squared_l2_count_sensitivity
    fine = min(column.ticks, FINE_CELLS) + 2 * len(atom_ticks(column))
    few = len(zoom_cells(0, column.ticks))

    ranges = for_range.split([1] * len(ZOOMS)) if for_range.mu_squared else ()
    names = binning.shapes(column)
    cells = (fine if binning.tree else 3 * few, fine + 2 * few) if len(names) > 1 else (fine,)
    shapes = zip(names, cells, for_shape.split([1] * len(names)), strict=True)

    def histogram(what: str, cells: int, part: Cost) -> PlannedStep:
        noise = stddev_within(part, shift)
        return PlannedStep(f"{what} of {column.name}", "marginals", part, (noise, noise), cells)

    return (
        *(
            PlannedStep(f"{what} of {column.name}", "quartiles", part, None, few)
            for (what, _), part in zip(ZOOMS, ranges, strict=False)
        ),
        PlannedStep(f"bins of {column.name}", binning.method, for_cuts, None, fine),
        *(histogram(*shape) for shape in shapes),
    )


def find_bins(door: Door, column: Binned, bins: int, budget: Cost, binning: Binning) -> BinnedCodec:
    """Bins of about equal numbers of rows, and how rows lie inside each, for at most `budget` at the door."""
    for_range, for_cuts, for_shape = binning.divide(column, budget)
    low, high = 0, column.ticks
    if for_range.mu_squared:
        for (what, margin), part in zip(ZOOMS, for_range.split([1] * len(ZOOMS)), strict=True):
            # Scores move by 3 a row.
            rate = rate_within(part, 3 * door.unit.l1_count_sensitivity, 2)
            mechanism = QuartileCells(column.name, zoom_cells(low, high), rate, atom_ticks(column))
            low, high = fences(low, high, door.run(mechanism, f"{what} of {column.name}"), margin)
    grid, depth = fine_grid(column, low, high), depth_of(bins)
    cuts = _cuts(door, column, grid, depth, for_cuts, binning)
    names = binning.shapes(column)
    if len(names) > 1:
        cells = (low, *cuts, high) if binning.tree else zoom_cells(low, high)
        # Beyond the range a few cells of all scales are enough to keep what stands out there, such as a top code.
        beyond = {*zoom_cells(0, low), *zoom_cells(high, column.ticks)}
        coarse, fine = (
            _histogram(door, column, tuple(sorted({*edges, *beyond})), part, what)
            for what, edges, part in zip(names, (cells, grid), for_shape.split([1, 1]), strict=True)
        )
    else:
        coarse = fine = _histogram(door, column, grid, for_shape, SHAPES[0])
    edges, counts = combined_shape(coarse, fine, (0, low, *cuts, high, column.ticks), (low, high))
    if binning.tree:
        cuts = joined(edges, counts, 1 << depth)
    # Where nothing was seen, a bin is drawn evenly inside the range, and never outside.
    evenly = [1e-9 * (b - a) if low <= a < high else 0.0 for a, b in itertools.pairwise(edges)]
    return BinnedCodec(
        column, (0, *cuts, column.ticks), atom_ticks(column), edges, tuple(np.maximum(counts, evenly).tolist())
    )


def zoom_cells(low: int, high: int) -> Ticks:
    """Ticks at distance 1, 2, 4, ... from either end, and 32 even steps: cells for any scale, and for the middle.

    >>> zoom_cells(0, 20) == tuple(range(21)), len(zoom_cells(0, 10**9))
    (True, 91)
    """
    width = high - low
    if width == 0:
        return (low,)
    steps = [1 << power for power in range(max(width.bit_length() - 1, 0))]
    even = (width * step // EVEN_CELLS for step in range(EVEN_CELLS + 1))
    return tuple(low + tick for tick in sorted({*even, *steps, *(width - step for step in steps)}))


def fences(low: int, high: int, quartiles: Sequence[tuple[int, int]], margin: int) -> tuple[int, int]:
    """The cells of both quartiles and all between, with `margin` times that width on either side, within low and high.

    With margin 5 few rows lie beyond where a distribution falls off as fast as an exponential (compare the
    fences of Tukey, "Exploratory Data Analysis", 1977).
    """
    first, last = min(cell[0] for cell in quartiles), max(cell[1] for cell in quartiles)
    width = last - first
    return max(low, first - margin * width), min(high, last + margin * width)


def fine_grid(column: Binned, low: int, high: int) -> Ticks:
    """Ticks from `low` to `high` at which a column may be cut: all of them, or about 131,072 evenly spaced ones.

    The atoms' cells are always there, so that their rows can be told from the others.
    """
    width = -(-(high - low) // FINE_CELLS)
    around_atoms = {tick + step for tick in atom_ticks(column) for step in (0, 1) if low <= tick + step <= high}
    return tuple(sorted({*range(low, high, width), *around_atoms, high}))


@dataclass(frozen=True, eq=False)
class NoisyHistogram:
    """Noisy counts between ticks, with the stddev of each."""

    edges: Ticks
    counts: FloatArray
    stddev: float

    def seen(self, false_alarms: float) -> FloatArray:
        """The counts that stand out of the noise (this many cells would by chance alone), and 0 for the others."""
        from scipy.special import ndtri

        limit = self.stddev * float(ndtri(1 - false_alarms / len(self.counts)))
        return np.where(self.counts > limit, self.counts, 0.0)


def combined_shape(
    coarse: NoisyHistogram, fine: NoisyHistogram, cuts: Sequence[int], likely: tuple[int, int]
) -> tuple[Ticks, FloatArray]:
    """One histogram of two: fine cells that stand out keep their counts, coarse cells tell about all between them.

    What a coarse cell holds beside the fine cells kept in it is spread evenly over the rest of its ticks; coarse
    cells that do not stand out hold nothing, and outside the `likely` range one must stand out as clearly as a
    fine cell, since a false alarm far away costs most. Splits at `cuts` too. Post-processing. Returns edges
    and counts.
    """
    kept = fine.seen(FINE_FALSE_ALARMS)
    at = np.flatnonzero(kept)
    ticks = np.asarray(fine.edges)
    edges = np.unique(np.concatenate([coarse.edges, ticks[at], ticks[at + 1], cuts]))
    width = np.diff(edges).astype(np.float64)
    spike = np.isin(edges[:-1], ticks[at])
    spike_counts = np.zeros(len(width))
    spike_counts[spike] = kept[at]
    home = np.searchsorted(coarse.edges, edges[:-1], side="right") - 1
    cells = len(coarse.counts)
    starts = np.asarray(coarse.edges[:-1])
    near = (starts >= likely[0]) & (starts < likely[1])
    seen = np.where(near, coarse.seen(COARSE_FALSE_ALARMS), coarse.seen(FINE_FALSE_ALARMS))
    left = np.maximum(seen - np.bincount(home, spike_counts, cells), 0.0)
    room = np.bincount(home, np.where(spike, 0.0, width), cells)
    counts = np.where(spike, spike_counts, left[home] * width / np.maximum(room[home], 1.0))
    return tuple(int(tick) for tick in edges), counts


def joined(edges: Ticks, counts: FloatArray, most: int) -> Ticks:
    """Inner edges of at most `most` bins: the neighbours with the fewest rows become one, again and again.

    It ends when any two neighbours hold more than 1.25 times an equal share, so that the rows beside a spike make
    few bins. Post-processing of noisy counts.
    """
    ends = np.concatenate([[0.0], np.cumsum(counts)])
    # Thousands of cells far below an equal share are thinned at once, to 64 of a share; edges of a spike stay.
    steps = np.floor(ends * (64 * most / max(ends[-1], 1e-300))).astype(np.int64)
    stays = np.concatenate([[True], (steps[1:-1] > steps[:-2]) | (steps[2:] > steps[1:-1]), [True]])
    kept, ends = [edge for edge, stay in zip(edges, stays, strict=True) if stay][1:-1], ends[stays]
    while kept:
        both = ends[2:] - ends[:-2]
        least = int(np.argmin(both))
        if len(kept) < most and both[least] > JOINED_SHARE * ends[-1] / most:
            break
        del kept[least]
        ends = np.delete(ends, least + 1)
    return tuple(kept)


def _cuts(door: Door, column: Binned, grid: Ticks, depth: int, budget: Cost, binning: Binning) -> Ticks:
    """Private cuts on a grid, without its ends."""
    if not depth or len(grid) < 3:
        return ()
    sensitivity, atoms = door.unit.l1_count_sensitivity, atom_ticks(column)
    mechanism: PrivTree | Quantiles
    if binning.tree:
        rate, decay = privtree_within(budget, sensitivity)
        mechanism = PrivTree(column.name, grid, rate, decay, len(grid).bit_length(), spikes=atoms)
    else:
        mechanism = Quantiles(column.name, grid, depth, rate_within(budget, sensitivity, depth), atoms)
    return door.run(mechanism, f"bins of {column.name}")[1:-1]


def _histogram(door: Door, column: Binned, edges: Ticks, budget: Cost, what: str) -> NoisyHistogram:
    """Noisy counts between `edges`, first to last tick, of the rows at no atom."""
    codec = Codec((BinnedCodec(column, edges, atom_ticks(column)),))
    stddev = stddev_within(budget, door.unit.squared_l2_count_sensitivity)
    (measured,) = door.run(Marginals(codec, ((column.name,),), (stddev,)), f"{what} of {column.name}")
    return NoisyHistogram(edges, measured.values[: len(edges) - 1], stddev)
