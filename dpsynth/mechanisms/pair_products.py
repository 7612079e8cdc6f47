"""Products of the scores of two columns, for every pair of columns, in integers: what a correlation is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import LARGEST_SQUARED_NORM, Codes, IntArray, RowBound

_FINEST_SCALE = 1 << 8


@dataclass(frozen=True, eq=False)
class PairProducts:
    """For each pair of columns i < j the product of the row's scores s_i s_j, rows with large scores drawn in.

    domain: at least two columns. scores: for each column a whole number for each code, in units of 1 / scale.
    limit: rows whose sum of squared scores, in units of 1 / scale^2, is larger are drawn in towards 0 until it is not.

    Norm: the squared norm of all products is sum over i < j of s_i^2 s_j^2 = (T^2 - sum s_i^4) / 2 with T the sum of
    squares, and sum s_i^4 >= T^2 / d (Cauchy, Schwarz), so at most T^2 (d - 1) / (2 d). The limit on T is enforced on
    the integers of each row: scores are multiplied by sqrt(limit / T) and cut towards 0, which leaves T at most
    `limit`; that is checked again in integers, and a row which floating point had left above would count as 0.

    Raises SettingError when these do not fit together.
    """

    domain: Domain
    scores: tuple[IntArray, ...] = field(repr=False)
    scale: int
    limit: int

    def __post_init__(self) -> None:
        if len(self.domain) < 2:
            raise SettingError("columns of pair products must be at least 2")
        for column, size, scores in zip(self.domain, self.domain.sizes, self.scores, strict=True):
            if scores.shape != (size,) or scores.dtype != np.int64 or np.abs(scores).max() > 1 << 20:
                raise SettingError(f"scores of {column!r} must be whole numbers below 2^20, one for each code")
        _ = self.bound

    @property
    def length(self) -> int:
        """Number of pairs."""
        return len(self.domain) * (len(self.domain) - 1) // 2

    @cached_property
    def bound(self) -> RowBound:
        """See `products_bound`."""
        return products_bound(len(self.domain), self.scale, self.limit)

    def sums(self, codes: Codes) -> IntArray:
        """Sum of the products over these rows, pairs in the order of `numpy.triu_indices`."""
        rows = np.stack(
            [scores[codes[column]] for column, scores in zip(self.domain, self.scores, strict=True)], axis=1
        )
        drawn = drawn_in(rows, self.limit)
        # Exact in float64: a sum over a block of rows stays below 2^53, since each product is at most limit / 2.
        per_sum = max(1, (1 << 52) // max(self.limit, 1))
        summed = np.zeros((len(self.domain), len(self.domain)), dtype=np.int64)
        for first in range(0, len(drawn), per_sum):
            block = drawn[first : first + per_sum].astype(np.float64)
            summed += (block.T @ block).astype(np.int64)
        products: IntArray = summed[np.triu_indices(len(self.domain), 1)]
        return products

    def describe(self) -> dict[str, Any]:
        """Name, columns, and where rows are drawn in."""
        return {
            "features": "products of the scores of two columns",
            "columns": list(self.domain.columns),
            "largest_sum_of_squared_scores": self.limit / self.scale**2,
        }


def products_bound(columns: int, scale: int, limit: int) -> RowBound:
    """The bound of the products of `columns` scores with a sum of squares of at most `limit`."""
    return RowBound(max(1, limit * limit * (columns - 1) // (2 * columns)), scale * scale)


def finest_scale(columns: int, largest: float) -> int:
    """The largest power of 2, up to 256, in which rows with a sum of squared scores of `largest` can be bounded."""
    scale = _FINEST_SCALE
    while scale > 1 and (largest * scale**2) ** 2 * (columns - 1) / (2 * columns) > LARGEST_SQUARED_NORM / 2:
        scale //= 2
    return scale


def scores_in_units(scores: npt.NDArray[np.float64], scale: int) -> IntArray:
    """Real scores as whole numbers of 1 / scale."""
    return np.rint(scores * scale).astype(np.int64)


def limit_in_units(largest: float, scale: int) -> int:
    """A largest sum of squared scores in units of 1 / scale^2."""
    return math.floor(largest * scale**2)


def drawn_in(rows: IntArray, limit: int) -> IntArray:
    """Rows of integers, those with a sum of squares above `limit` multiplied by less than 1 and cut towards 0."""
    squares = (rows**2).sum(axis=1)
    beyond = squares > limit
    if not beyond.any():
        return rows
    out = rows.copy()
    factors = np.sqrt(limit / squares[beyond])
    out[beyond] = np.trunc(rows[beyond] * factors[:, None]).astype(np.int64)
    out[(out**2).sum(axis=1) > limit] = 0
    return out
