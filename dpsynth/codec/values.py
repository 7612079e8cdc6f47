"""Codes as numbers: the mean and the variance of what each code of a column decodes to, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec, OpenCodec
from dpsynth.codec.merged import MergedCodec
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Datetime

if TYPE_CHECKING:
    from dpsynth.codec.codec import ColumnCodec

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CodeValues:
    """What each code stands for; each array has one entry for each code.

    present: share of the code's rows that have a value at all (0 for the null code). means, variances: of the values
    of those rows, in the column's unit; zeros for a column whose values are no numbers. numeric: whether they are.
    """

    present: FloatArray
    means: FloatArray
    variances: FloatArray
    numeric: bool = True

    @classmethod
    def labels(cls, present: FloatArray) -> CodeValues:
        """Of a column whose values are no numbers."""
        return cls(present, np.zeros(present.size), np.zeros(present.size), numeric=False)

    @property
    def exact(self) -> bool:
        """Whether every code is one value, so that nothing is assumed about what lies inside a code."""
        return not self.variances.any()

    def grouped(self, groups: Sequence[int] | NDArray[np.int64], weights: FloatArray) -> CodeValues:
        """The values of groups of codes, each code in proportion to its weight (negative ones count as 0).

        groups: for each code its group, 0..k-1; a group without weight is spread evenly.
        """
        places = np.asarray(groups)
        weights = np.clip(weights, 0.0, None)
        sums, sizes = np.bincount(places, weights)[places], np.bincount(places)[places]
        share = np.where(sums > 0, weights / np.where(sums > 0, sums, 1.0), 1 / sizes)
        filled = share * self.present
        present = np.bincount(places, filled).astype(np.float64)
        mass = np.where(present > 0, present, 1.0)
        means = np.bincount(places, filled * self.means) / mass
        spread = self.variances + (self.means - means[places]) ** 2
        return CodeValues(present, means, np.bincount(places, filled * spread) / mass, self.numeric)


def code_values(column: ColumnCodec) -> CodeValues:
    """The values of a column's codes by the law that `decode` draws from; no sampling.

    A number's bin: fine cells in proportion to their counts, evenly inside a cell. A Boolean is 0 and 1. Labels are
    numbers when all of them are. A date or time is the days since its column's `lower`. Text has no means.
    Post-processing: free.
    """
    match column:
        case MergedCodec():
            return code_values(column.inner).grouped(column.groups, np.asarray(column.weights))
        case BinnedCodec():
            return _of_bins(column)
        case OpenCodec():
            return CodeValues.labels(_present(column.size, column.column.nullable))
        case CategoricalCodec():
            present = _present(column.size, column.column.nullable)
            labels = [0, 1] if isinstance(column.column, Boolean) else list(column.column.labels)
            if not all(isinstance(label, int | float) for label in labels):
                return CodeValues.labels(present)
            means = np.zeros(column.size)
            means[: len(labels)] = labels
            return CodeValues(present, means, np.zeros(column.size))
    raise SettingError(f"codec of {column.name!r} must be one of dpsynth's own")


def _present(size: int, nullable: bool) -> FloatArray:
    present = np.ones(size)
    if nullable:
        present[-1] = 0.0
    return present


def _of_bins(codec: BinnedCodec) -> CodeValues:
    """Moments in ticks, piece by piece, then on the column's scale, which is affine in ticks."""
    pieces, atoms = codec.segments, np.asarray(codec.atoms, dtype=np.float64)
    ends = np.append(pieces.tick[1:], codec.edges[-1])
    length = (ends - pieces.tick).astype(np.float64)
    middle = pieces.tick + (length - 1) / 2
    # The moments of an unbroken run of ticks about its middle, less those of the atoms in it.
    inside = (atoms >= pieces.tick[:, None]) & (atoms < ends[:, None])
    off = np.where(inside, atoms - middle[:, None], 0.0)
    width = np.maximum(pieces.width, 1)
    shift = np.where(pieces.width > 0, -off.sum(axis=1) / width, pieces.tick - middle)
    square = np.where(pieces.width > 0, (length * (length**2 - 1) / 12 - (off**2).sum(axis=1)) / width, shift**2)
    each = CodeValues(np.ones(middle.size), middle + shift, np.maximum(square - shift**2, 0.0))
    bins = each.grouped(np.repeat(np.arange(codec.bins), np.diff(pieces.first)), pieces.weights)
    ends = codec.column.value_of(np.array([0, codec.column.ticks - 1]))
    if isinstance(codec.column, Datetime):
        first, last = 0.0, float((ends[1] - ends[0]) / np.timedelta64(1, "D"))
    else:
        first, last = (float(end) for end in ends)
    step = (last - first) / max(codec.column.ticks - 1, 1)
    present = _present(codec.size, codec.column.nullable)
    means, variances = np.zeros(codec.size), np.zeros(codec.size)
    means[: codec.bins], variances[: codec.bins] = bins.means, bins.variances
    means[codec.bins : codec.bins + atoms.size] = atoms
    return CodeValues(present, np.where(present > 0, first + step * means, 0.0), variances * step**2)
