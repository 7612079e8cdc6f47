"""Noisy marginals: what a mechanism has released about one clique, ready for any model to fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import SettingError

FloatArray = npt.NDArray[np.float64]
Groups = tuple[tuple[int, ...] | None, ...]


class Basis(str, Enum):
    """Which linear part of a marginal was measured.

    IDENTITY: every cell. RESIDUAL: the part that no smaller marginal holds, that is the table minus
    its mean along each axis in turn (the projection written as a Kronecker product of I - J/n).
    """

    IDENTITY = "identity"
    RESIDUAL = "residual"


@dataclass(frozen=True, eq=False)
class NoisyMarginal:
    """Noisy counts of one clique: public, free to use for ever.

    clique: columns, in the order of the axes of `values`.
    values: float64, shape `domain.shape(clique)` unless grouped, in rows (counts); may be negative.
    stddev: standard deviation of the noise in one cell, in rows, before the basis' projection.
    basis: the part of the marginal that `values` estimates.
    groups: empty when every axis is whole; else for each axis None (each code is a cell), or for each code
        of the column the cell 0..k-1 that it falls into, all used; the axis then has k cells.

    Raises SettingError when these do not fit together.
    """

    clique: Clique
    values: FloatArray
    stddev: float
    basis: Basis = Basis.IDENTITY
    groups: Groups = ()

    def __post_init__(self) -> None:
        # One type from the start: what is saved, loaded and saved again has the same bytes.
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64, order="C"))
        object.__setattr__(self, "stddev", float(self.stddev))
        if self.values.ndim != len(self.clique):
            raise SettingError(f"values must have one axis for each column of {self.clique}")
        if not self.stddev > 0:
            raise SettingError(f"stddev ({self.stddev}) must be positive")
        object.__setattr__(self, "groups", self._checked_groups())

    def _checked_groups(self) -> Groups:
        """The groups as tuples; empty when no axis is grouped."""
        if self.groups and len(self.groups) != len(self.clique):
            raise SettingError(f"groups must have one entry for each column of {self.clique}")
        groups = tuple(None if cells is None else tuple(cells) for cells in self.groups)
        for column, cells, length in zip(self.clique, groups, self.values.shape, strict=False):
            if cells is not None and grouped_cells(cells, column) != length:
                raise SettingError(f"values along {column!r} must have one entry for each cell of its groups")
        return groups if any(cells is not None for cells in groups) else ()


def grouped_cells(cells: tuple[int, ...], column: str) -> int:
    """How many cells the codes of a column fall into; SettingError unless they are whole numbers 0..k-1, all used."""
    if not cells or any(type(cell) is not int for cell in cells):
        raise SettingError(f"groups of {column!r} must be whole numbers, one for each of its codes")
    count = len(set(cells))
    if min(cells) != 0 or max(cells) != count - 1:
        raise SettingError(f"groups of {column!r} must use every cell from 0 to the largest")
    return count


def refuse_grouped(measurements: Iterable[NoisyMarginal]) -> None:
    """SettingError when a measurement's cells are groups of codes: for what needs each code's own cell."""
    for measurement in measurements:
        if measurement.groups:
            raise SettingError(
                f"measurement of {measurement.clique} must have a cell for each code; got grouped codes; "
                "try a model that fits grouped measurements"
            )


def residual(table: FloatArray) -> FloatArray:
    """The part of `table` that no smaller marginal holds: subtract the mean along every axis.

    >>> residual(np.array([[1.0, 0.0], [0.0, 0.0]]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    out = np.asarray(table, dtype=np.float64)
    for axis in range(out.ndim):
        out = out - out.mean(axis=axis, keepdims=True)
    return out
