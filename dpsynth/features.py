"""Feature maps: public integer vectors of single rows, whose sums over all rows a mechanism may release with noise.

A map knows nothing of a table: it turns the codes of a row into integers, multiples of 1 / scale of a real feature.
So sums over rows are exact integers in any order and in any cut into blocks, on every backend, and the noise on them
is exact. How large one row's vector can be is a promise of the map, which it has to keep for every row that the
domain allows: by construction, or by exact integer clipping of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError

IntArray = npt.NDArray[np.int64]
Codes = Mapping[str, npt.NDArray[np.unsignedinteger[Any]]]

# An entry of a row is at most 2^20, so that sums over 2^42 rows stay within 64 bits.
LARGEST_SQUARED_NORM = 1 << 40


@dataclass(frozen=True)
class RowBound:
    """How large the vector of any single row can be.

    squared_norm: in integer units, at least the squared L2 norm of every row's vector. scale: integer units in a
    feature of 1. non_negative: whether no row has a negative entry, so that no two rows point away from each other.

    Raises SettingError for numbers out of range.
    """

    squared_norm: int
    scale: int = 1
    non_negative: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.squared_norm <= LARGEST_SQUARED_NORM:
            raise SettingError(
                f"squared_norm ({self.squared_norm}) must be from 1 to 2^40; got another number; try a smaller scale"
            )
        if self.scale < 1:
            raise SettingError(f"scale ({self.scale}) must be at least 1; got less; try 1")

    @property
    def squared_distance(self) -> int:
        """At least the squared distance of any two rows' vectors, in integer units.

        Vectors a, b of norm at most R are at most 2 R apart (triangle inequality), and with <a, b> >= 0, which
        non-negative entries give, |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b> is at most 2 R^2.
        """
        return (2 if self.non_negative else 4) * self.squared_norm


class FeatureMap(Protocol):
    """A public map from the codes of a row to a vector of integers; a frozen value."""

    @property
    def domain(self) -> Domain:
        """The columns that are read, and how many codes the map is made for."""
        ...

    @property
    def length(self) -> int:
        """Entries of the vector."""
        ...

    @property
    def bound(self) -> RowBound:
        """What holds of every row that the domain allows."""
        ...

    def sums(self, codes: Codes) -> IntArray:
        """Sum of the vectors of these rows, int64 of shape (length,).

        codes: for each column of the domain an array of codes within its size, all of one length.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Public parameters for plan and certificate (numbers and strings only)."""
        ...


def require_made_for(features: FeatureMap, domain: Domain) -> None:
    """Raise SettingError unless `features` reads columns of `domain`, made for at least as many codes as they have."""
    for column in features.domain:
        if column not in domain:
            raise SettingError(f"features must read columns of the codec; got {column!r}; try one of {list(domain)}")
        if features.domain[column] < domain[column]:
            raise SettingError(
                f"features of {column!r} must be made for its {domain[column]} codes; got {features.domain[column]}"
            )
