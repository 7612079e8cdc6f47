"""How far a model is off the noisy marginals that were measured: from paid-for numbers alone, never from a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dpsynth.marginal import Basis, NoisyMarginal, residual

if TYPE_CHECKING:
    from dpsynth.release.release import Release

_Table = npt.NDArray[np.float64]


def distances(release: Release) -> tuple[float, float]:
    """Mean total variation distance between model and measured marginals beyond noise, and that by noise alone.

    Both are means over the marginals. If the model were right, half the absolute differences of a marginal would sum
    to stddev sqrt(2 / pi) / 2 for each cell, on average: that much is subtracted, and what is left is at least 0. A
    model that fits the noise itself comes out as 0 too. NaN when there is nothing to compare.

    Privacy: post-processing of the release.
    """
    total = release.model.total
    if not release.measurements or not total > 0:
        return math.nan, math.nan
    found = [_off(release, each) for each in release.measurements]
    noise = [_noise(each) for each in release.measurements]
    beyond = [max(0.0, off - by_noise) for off, by_noise in zip(found, noise, strict=True)]
    if not all(map(math.isfinite, [*found, *noise])):
        return math.nan, math.nan
    return _mean(beyond) / total, _mean(noise) / total


def _off(release: Release, measured: NoisyMarginal) -> float:
    """Half the sum of absolute differences, in rows."""
    expected = grouped(release.model.project(measured.clique), measured)
    if measured.basis is Basis.RESIDUAL:
        expected = residual(expected)
    return float(np.abs(measured.values - expected).sum()) / 2


def _noise(measured: NoisyMarginal) -> float:
    """What `_off` would be on average if the model were right, in rows."""
    shape = measured.values.shape
    kept = math.prod((size - 1) / size for size in shape) if measured.basis is Basis.RESIDUAL else 1.0
    return math.prod(shape) * measured.stddev * math.sqrt(kept) * math.sqrt(2 / math.pi) / 2


def grouped(table: _Table, measured: NoisyMarginal) -> _Table:
    """The table with the codes of each axis added up into the cells of the measurement."""
    for axis, cells in enumerate(measured.groups):
        if cells is not None:
            length = measured.values.shape[axis]
            member = np.zeros((length, table.shape[axis]))
            member[np.asarray(cells), np.arange(len(cells))] = 1.0
            table = np.moveaxis(np.tensordot(member, table, axes=(1, axis)), 0, axis)
    return table


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
