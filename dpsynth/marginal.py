"""Noisy marginals: what a mechanism has released about one clique, ready for any model to fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import SettingError

FloatArray = npt.NDArray[np.float64]


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
    values: float64, shape `domain.shape(clique)`, in rows (counts); may be negative.
    stddev: standard deviation of the noise in one cell, in rows, before the basis' projection.
    basis: the part of the marginal that `values` estimates.
    """

    clique: Clique
    values: FloatArray
    stddev: float
    basis: Basis = Basis.IDENTITY

    def __post_init__(self) -> None:
        if self.values.ndim != len(self.clique):
            raise SettingError(f"values must have one axis for each column of {self.clique}")
        if not self.stddev > 0:
            raise SettingError(f"stddev ({self.stddev}) must be positive")


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
