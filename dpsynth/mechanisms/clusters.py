"""Sums and counts of the rows of each cluster, clusters being what lies nearest to public centres."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import Codes, IntArray, RowBound


@dataclass(frozen=True, eq=False)
class Clusters:
    """A public partition of all possible rows: each belongs to the centre that its point is nearest to.

    domain: columns. points: for each column, shape (codes, own coordinates), whole numbers in units of 1 / scale; the
    point of a row is its columns' coordinates one after another. centres: shape (clusters, all coordinates), in the
    same units. Of equally near centres the first counts.

    A row's cluster depends on the row alone, so clusters are one more, derived column. Distances are exact: whole
    numbers below 2^53 in float64, the same in any order of summation and so on any backend.

    Raises SettingError when these do not fit together or could be too large to be exact.
    """

    domain: Domain
    points: tuple[IntArray, ...] = field(repr=False)
    centres: IntArray = field(repr=False)
    scale: int

    def __post_init__(self) -> None:
        for column, size, own in zip(self.domain, self.domain.sizes, self.points, strict=True):
            if own.ndim != 2 or own.shape[0] != size or own.dtype != np.int64:
                raise SettingError(f"points of {column!r} must be whole numbers, one row for each code")
        if self.centres.ndim != 2 or not len(self.centres) or self.centres.shape[1] != self.coordinates:
            raise SettingError(f"centres must be rows of {self.coordinates} coordinates")
        largest = max(
            [1, int(np.abs(self.centres).max()), *(int(np.abs(own).max()) for own in self.points if own.size)]
        )
        if 4 * max(self.coordinates, 1) * largest**2 >= 1 << 53:
            raise SettingError(f"coordinates ({largest}) must be smaller to be exact; got too large; try a lower scale")

    @property
    def coordinates(self) -> int:
        """Coordinates of a point."""
        return sum(own.shape[1] for own in self.points)

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.centres)

    def of(self, codes: Codes) -> tuple[IntArray, npt.NDArray[np.float64]]:
        """The cluster of each row, and its point (whole numbers in float64)."""
        rows = np.concatenate(
            [own.astype(np.float64)[codes[column]] for column, own in zip(self.domain, self.points, strict=True)],
            axis=1,
        )
        centres = self.centres.astype(np.float64)
        return np.argmin((centres**2).sum(axis=1) - 2 * (rows @ centres.T), axis=1), rows


@dataclass(frozen=True, eq=False)
class ClusterPoints:
    """For each cluster how many rows it has and the sum of their points: one round of Lloyd's algorithm.

    Norm: one row is in one cluster, where it adds 1 and its point. The point's squared norm is at most the sum over
    columns of that of the column's largest code, in the integers themselves: nothing has to be clipped.

    Source: Lloyd 1957; Blum, Dwork, McSherry, Nissim, "Practical Privacy: the SuLQ Framework", PODS 2005, section 4.
    """

    clusters: Clusters

    @property
    def domain(self) -> Domain:
        """Columns of the points."""
        return self.clusters.domain

    @property
    def length(self) -> int:
        """A count and a point for each cluster."""
        return self.clusters.count * (1 + self.clusters.coordinates)

    @cached_property
    def bound(self) -> RowBound:
        """A count of 1, which is `scale` units, and the largest point."""
        return points_bound(self.clusters.points, self.clusters.scale)

    def sums(self, codes: Codes) -> IntArray:
        """Rows of each cluster (in units) and sum of their points, cluster after cluster."""
        cluster, rows = self.clusters.of(codes)
        inside = np.zeros((self.clusters.count, len(rows)))
        inside[cluster, np.arange(len(rows))] = 1.0
        counts = self.clusters.scale * inside.sum(axis=1, keepdims=True)
        return np.concatenate([counts, inside @ rows], axis=1).astype(np.int64).ravel()

    def describe(self) -> dict[str, Any]:
        """Name and size."""
        return {"features": "counts and point sums of clusters", **_described(self.clusters)}


@dataclass(frozen=True, eq=False)
class ClusterCounts:
    """For each cluster and column how many rows have each code: the one-way counts of all clusters at once.

    Norm: one row adds 1 to one entry for each column, all of them in the part of its cluster. Clusters divide the rows
    among them, so measuring every cluster costs what measuring one costs (parallel composition): it needs no theorem of
    its own, for the vector of a row is the same length whichever cluster it is in.

    Source: Acs, Melis, Castelluccia, De Cristofaro, "Differentially Private Mixture of Generative Neural Networks",
    ICDM 2017, section IV: cluster under privacy, then a model for each cluster by parallel composition.
    """

    clusters: Clusters

    @property
    def domain(self) -> Domain:
        """Columns that are counted."""
        return self.clusters.domain

    @property
    def length(self) -> int:
        """An entry for each cluster and code."""
        return self.clusters.count * sum(self.domain.sizes)

    @property
    def bound(self) -> RowBound:
        """A 1 for each column."""
        return counts_bound(len(self.domain))

    def sums(self, codes: Codes) -> IntArray:
        """Counts, for each column a table (clusters, codes), one after another."""
        cluster, _ = self.clusters.of(codes)
        tables = [
            np.bincount(cluster * size + codes[column], minlength=self.clusters.count * size)
            for column, size in zip(self.domain, self.domain.sizes, strict=True)
        ]
        return np.concatenate(tables).astype(np.int64)

    def describe(self) -> dict[str, Any]:
        """Name and size."""
        return {"features": "one-way counts of clusters", **_described(self.clusters)}


def points_bound(points: tuple[IntArray, ...], scale: int) -> RowBound:
    """The bound of counts and sums of such points: the largest code of each column, and a count of one."""
    largest = sum(int((own**2).sum(axis=1).max()) for own in points)
    return RowBound(scale**2 + largest, scale)


def counts_bound(columns: int) -> RowBound:
    """The bound of the counts of that many columns in clusters: one row adds 1 to one code of each."""
    return RowBound(columns, 1, non_negative=True)


def _described(clusters: Clusters) -> dict[str, Any]:
    return {"columns": list(clusters.domain.columns), "clusters": clusters.count, "coordinates": clusters.coordinates}
