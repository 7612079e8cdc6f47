"""Columns at several resolutions, from coarse to fine, found in their noisy one-way counts at no cost.

A pair of columns with 85 and 99 codes has more cells than its noise can bear at a small epsilon; the same
pair in 8 groups each has few, and most of what the pair says. Every column gets nested groupings of its
codes: neighbouring codes (of numbers, dates and ordered labels) or rare ones (of other labels) are joined
until each group holds a fair share of the rows. The finest grouping joins only codes that carry more noise
than signal, like the compression of MST (McKenna, Miklau, Sheldon 2021, section 4.1), but keeps the order.
Post-processing of released counts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec
from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.codec.constraints import classes_of
from dpsynth.domain import Clique
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.likely_counts import likely_counts
from dpsynth.models.simplex import project_to_simplex
from dpsynth.schema.columns import Categorical, Label

IntArray = npt.NDArray[np.int64]

# A coarser level must have at most this share of the groups of the next finer one.
_COARSER = 0.75

Reading = tuple[str, int]
"""A column read at one of its levels, 0 the coarsest."""


@dataclass(frozen=True)
class Resolutions:
    """A codec whose rare codes are merged, and for each of its columns the levels at which it can be read.

    levels: column -> groupings of the column's codes, coarsest first; the last keeps every code apart.
    """

    codec: Codec
    levels: Mapping[str, tuple[IntArray, ...]]

    @cached_property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Column -> the name of each level in `counted`: the column's own for the finest, "column@groups" else."""
        taken = {column.name for column in self.codec.columns}  # identifiers too, which are not counted
        named: dict[str, tuple[str, ...]] = {}
        for column, levels in self.levels.items():
            coarse = []
            for groups in levels[:-1]:
                name = f"{column}@{int(groups.max()) + 1}"
                while name in taken:
                    name += "'"
                taken.add(name)
                coarse.append(name)
            named[column] = (*coarse, column)
        return named

    @cached_property
    def counted(self) -> Codec:
        """The codec with every level as a column of its own, for mechanisms to count."""
        return self.codec.with_levels(
            {
                column: dict(zip(self.names[column][:-1], levels[:-1], strict=True))
                for column, levels in self.levels.items()
                if len(levels) > 1
            }
        )

    @cached_property
    def readings(self) -> Mapping[str, Reading]:
        """Name of a level -> its column and number."""
        return {name: (column, level) for column, names in self.names.items() for level, name in enumerate(names)}

    def named(self, readings: Sequence[Reading]) -> Clique:
        """The clique of `counted` that reads these columns at these levels."""
        return tuple(self.names[column][level] for column, level in readings)

    def on_codes(self, one: NoisyMarginal) -> NoisyMarginal:
        """The same measurement as one of groups of codes of the columns themselves."""
        readings = [self.readings[name] for name in one.clique]
        groups = tuple(
            None if level == len(self.levels[column]) - 1 else tuple(self.levels[column][level].tolist())
            for column, level in readings
        )
        clique = tuple(column for column, _ in readings)
        return NoisyMarginal(clique, one.values, one.stddev, one.basis, groups if any(groups) else ())


def find_resolutions(
    codec: Codec,
    one_ways: Sequence[NoisyMarginal],
    total: float,
    merge_below: float,
    level_groups: Sequence[int],
    *,
    likely: bool = False,
) -> tuple[Resolutions, tuple[NoisyMarginal, ...]]:
    """Levels of every column of `codec` from its noisy one-ways, and the one-ways on the merged codes.

    merge_below: codes are joined until a group holds this many stddevs of rows; level_groups: a coarser level
    joins until a group holds 1/k of the rows, for each k; so it has about k groups, at most 2 k + 2.
    likely: take the rows of a code from `likely_counts`, for tables where noise rules, in place of the projection.
    """
    merges: dict[str, IntArray] = {}
    weights: dict[str, FloatArray] = {}
    levels: dict[str, tuple[IntArray, ...]] = {}
    merged: list[NoisyMarginal] = []
    for one in one_ways:
        (column,) = one.clique
        rows = likely_counts(one.values, one.stddev, total) if likely else project_to_simplex(one.values, total)
        apart = classes_of(codec.zeros, column, rows.size)
        groups, ordered = _joined(rows, ordered_codes(codec[column]), merge_below * one.stddev, apart)
        sizes = np.bincount(groups)
        if sizes.size < groups.size:
            merges[column], weights[column] = groups, rows
            stddev = one.stddev * math.sqrt(float(sizes.mean()))
            one = NoisyMarginal(one.clique, _summed(one.values, groups), stddev)
        merged.append(one)
        levels[column] = _levels(_summed(rows, groups), ordered, total, level_groups)
    return Resolutions(codec.merged(merges, weights), levels), tuple(merged)


def ordered_codes(column: ColumnCodec) -> int:
    """How many of the first codes of a column are in an order that makes neighbours alike (0: none).

    Bins, the labels of an ordered column, and labels that are ascending numbers; never atoms, `other` or null.

    >>> from dpsynth.codec.codec import closed_codec
    >>> sizes, towns = Categorical("rooms", values=[1, 2, 3], unknown="other"), Categorical("town", values=["X", "Y"])
    >>> ordered_codes(closed_codec(sizes)), ordered_codes(closed_codec(towns))
    (3, 0)
    """
    match column:
        case BinnedCodec():
            return len(column.edges) - 1
        case CategoricalCodec(column=Categorical() as declared):
            return len(declared.values) if declared.ordered or _ascend(declared.values) else 0
    return 0


def _ascend(values: Sequence[Label]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(values) and all(one < other for one, other in itertools.pairwise(numbers))


def _levels(rows: FloatArray, ordered: int, total: float, level_groups: Sequence[int]) -> tuple[IntArray, ...]:
    finest = np.arange(rows.size)
    levels, upper = [finest], rows
    for wanted in sorted(level_groups, reverse=True):
        groups, in_order = _joined(upper, ordered, total / wanted)
        if groups.max() + 1 <= _COARSER * upper.size:
            ordered, upper = in_order, _summed(upper, groups)
            levels.insert(0, groups[levels[0]])
    return tuple(levels)


def _summed(rows: FloatArray, groups: IntArray) -> FloatArray:
    return np.bincount(groups, weights=rows).astype(np.float64)


def _joined(rows: FloatArray, ordered: int, least: float, classes: IntArray | None = None) -> tuple[IntArray, int]:
    """Groups of codes, and how many of the first groups are in order.

    A code with at least `least` rows stays alone. Of the first `ordered` codes, others are joined with their
    neighbours up to `least` rows; the rest of the others become one group, the last. Codes of different `classes` are
    never joined, so each of them has a last group of its own.
    """
    groups = np.zeros(rows.size, dtype=np.int64)
    classes = groups if classes is None else classes
    group, held = -1, math.inf
    for code in range(ordered):
        if code and classes[code] != classes[code - 1]:
            held = math.inf
        if rows[code] >= least:
            group, held = group + 1, math.inf
        elif held + rows[code] > least:
            group, held = group + 1, float(rows[code])
        else:
            held += float(rows[code])
        groups[code] = group
    rest = np.arange(ordered, rows.size)
    alone = rest[rows[rest] >= least]
    groups[alone] = group + 1 + np.arange(alone.size)
    joined = np.setdiff1d(rest, alone)
    groups[joined] = group + 1 + alone.size + np.unique(classes[joined], return_inverse=True)[1]
    return groups, group + 1
