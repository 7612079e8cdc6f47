"""The grid of an estimate: the columns it needs, each read in cells of one or more codes, and what cells stand for."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec
from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.codec.merged import MergedCodec, grouped_labels
from dpsynth.codec.values import CodeValues, code_values
from dpsynth.domain import Clique
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.schema.columns import Boolean, Datetime

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Axis:
    """One column of a grid: for each code its cell; labels and values of the cells.

    origin: of a date or time, the moment from which its values are counted in days.
    """

    column: str
    cells: IntArray
    labels: tuple[str, ...]
    values: CodeValues
    boolean: bool = False
    merged: bool = False
    origin: np.datetime64 | None = None

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.labels)

    @property
    def grouped(self) -> bool:
        """Whether a cell holds several codes."""
        return self.size < self.cells.size


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of several columns together, flattened in row order of the axes."""

    axes: tuple[Axis, ...]

    @property
    def clique(self) -> Clique:
        """Columns, in the order of the axes."""
        return tuple(axis.column for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells of each axis."""
        return tuple(axis.size for axis in self.axes)

    @cached_property
    def cells(self) -> int:
        """Cells of all axes together."""
        return math.prod(self.shape)

    def along(self, column: str, entries: npt.NDArray[Any]) -> FloatArray:
        """One entry for each cell of the grid from one for each cell of a column's axis, flat."""
        place = self.clique.index(column)
        shape = [1] * len(self.axes)
        shape[place] = self.axes[place].size
        return np.broadcast_to(entries.astype(np.float64).reshape(shape), self.shape).reshape(-1)

    def __getitem__(self, column: str) -> Axis:
        return self.axes[self.clique.index(column)]

    def gathered(self, table: FloatArray) -> FloatArray:
        """The cells' counts, flat, from a table of every code of the columns, axes in the grid's order."""
        for place, axis in enumerate(self.axes):
            table = summed_cells(table, place, axis.cells)
        return table.reshape(-1)


def summed_cells(table: FloatArray, place: int, cells: IntArray) -> FloatArray:
    """The table with the entries of one axis added up into the cells that they fall into."""
    if cells.size == int(cells.max()) + 1 and np.array_equal(cells, np.arange(cells.size)):
        return table
    moved = np.moveaxis(table, place, 0)
    out = np.zeros((int(cells.max()) + 1, *moved.shape[1:]))
    np.add.at(out, cells, moved)
    return np.moveaxis(out, 0, place)


def grid_of(
    codec: Codec,
    clique: Sequence[str],
    home: NoisyMarginal | None,
    shares: Sequence[FloatArray],
    apart: Container[str] = (),
) -> Grid:
    """The grid of `clique` in the cells of a measured marginal that holds it, or in every code without one.

    shares: for each column how its codes share the rows: the law inside a cell of several codes. apart: columns that
    are read in every code all the same.
    """
    axes = []
    for column, law in zip(clique, shares, strict=True):
        one = codec[column]
        grouped = home is not None and home.groups and column not in apart
        groups = home.groups[home.clique.index(column)] if home is not None and grouped else None
        cells = np.arange(one.size) if groups is None else np.asarray(groups)
        inner = one.inner if isinstance(one, MergedCodec) else one
        boolean = isinstance(inner, CategoricalCodec) and isinstance(inner.column, Boolean)
        labels = grouped_labels(one.code_labels(), cells.tolist())
        values = code_values(one).grouped(cells, law)
        axes.append(Axis(column, cells, labels, values, boolean, isinstance(one, MergedCodec), _origin(inner)))
    return Grid(tuple(axes))


def _origin(codec: ColumnCodec) -> np.datetime64 | None:
    """The moment that `code_values` counts from, of a date or time."""
    if isinstance(codec, BinnedCodec) and isinstance(codec.column, Datetime):
        lowest: np.datetime64 = codec.column.value_of(np.array([0]))[0]
        return lowest
    return None
