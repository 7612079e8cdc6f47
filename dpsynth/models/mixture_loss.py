"""The weighted squared error of a mixture of products and its gradient, all pairs of columns in a few matrix products.

The codes of all columns are laid side by side on one axis of `width` codes. Take the mean of each column's codes off a
component's tables: the residual of every pair is then one block of C' diag(weights) C, C of shape (components, width).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.models.loss import ResidualLoss

Array = npt.NDArray[Any]

_BLOCK_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class Layout:
    """Columns side by side: `starts` and `sizes` of their codes on one axis of `width`."""

    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Layout:
        """The layout of columns with these numbers of codes."""
        return cls(np.cumsum([0, *sizes[:-1]]), np.array(sizes, dtype=np.int64))

    @property
    def width(self) -> int:
        """Codes of all columns together."""
        return int(self.sizes.sum())

    def slice(self, column: int) -> slice:
        """Where the codes of a column lie."""
        return slice(int(self.starts[column]), int(self.starts[column] + self.sizes[column]))

    def spread(self, values: Array) -> Array:
        """One value for each column (last axis) -> one for each code."""
        return np.repeat(values, self.sizes, axis=-1)

    def sums(self, values: Array) -> Array:
        """Sum over the codes of each column, along the last axis."""
        found: Array = np.add.reduceat(values, self.starts, axis=-1)
        return found

    def softmax(self, logits: Array) -> Array:
        """Probabilities of the codes within each column."""
        grown = np.exp(logits - self.spread(np.maximum.reduceat(logits, self.starts, axis=-1)))
        found: Array = grown / self.spread(self.sums(grown))
        return found

    def centred(self, tables: Array) -> Array:
        """Values less the mean over their column's codes."""
        found: Array = tables - self.spread(self.sums(tables) / self.sizes.astype(tables.dtype))
        return found


@dataclass(frozen=True, eq=False)
class Larger:
    """The target residual, in probabilities, of three or more columns, and its precision."""

    columns: tuple[int, ...]
    target: Array
    precision: float


@dataclass(frozen=True, eq=False)
class MixtureLoss:
    """ResidualLoss of a mixture, without its constant: half the squared error in noise stddevs.

    one_target, one_precision: residuals of single columns, shape (width,), in probabilities and 1 / probability^2.
    pair_target, pair_precision: of pairs, shape (width, width), symmetric; precision 0 where nothing was measured.
    """

    layout: Layout
    one_target: Array
    one_precision: Array
    pair_target: Array
    pair_precision: Array
    larger: tuple[Larger, ...]

    @classmethod
    def of(cls, loss: ResidualLoss, dtype: npt.DTypeLike = np.float32) -> MixtureLoss:
        """The dense form of a loss."""
        layout, rows = Layout.of(loss.domain.sizes), loss.total
        place = {column: index for index, column in enumerate(loss.domain)}
        width = layout.width
        one_target, one_precision = np.zeros(width, dtype), np.zeros(width, dtype)
        pair_target, pair_precision = np.zeros((width, width), dtype), np.zeros((width, width), dtype)
        larger = []
        for clique, target in loss.target.items():
            columns = tuple(place[column] for column in clique)
            precision = loss.precision[clique] * rows**2
            at = tuple(layout.slice(column) for column in columns)
            if len(at) == 1:
                one_target[at], one_precision[at] = target / rows, precision
            elif len(at) == 2:
                pair_target[at], pair_precision[at] = target / rows, precision
                pair_target[at[::-1]], pair_precision[at[::-1]] = target.T / rows, precision
            else:
                larger.append(Larger(columns, (target / rows).astype(dtype), precision))
        return cls(layout, one_target, one_precision, pair_target, pair_precision, tuple(larger))

    def value(self, weights: Array, tables: Array) -> float:
        """Half the squared error in noise stddevs; weights (components,), tables (components, width)."""
        centred = self.layout.centred(tables)
        error = weights @ centred - self.one_target
        found = float(np.vdot(error, self.one_precision * error)) / 2
        for _, gap, force in self._pair_errors(weights, centred):
            found += float(np.vdot(gap, force)) / 4
        for part in self.larger:
            distance = self._larger_table(part, weights, centred) - part.target
            found += part.precision * float(np.vdot(distance, distance)) / 2
        return found

    def gradient(self, weights: Array, tables: Array, larger: Sequence[int]) -> tuple[Array, Array]:
        """Derivatives by weights and by tables, up to a constant within each column of a table.

        larger: which of `self.larger` to look at; they stand for all of them.
        """
        centred = self.layout.centred(tables)
        force = self.one_precision * (weights @ centred - self.one_target)
        by_weights = centred @ force
        by_tables = np.broadcast_to(force, tables.shape).copy()
        for rows, _, pull in self._pair_errors(weights, centred):
            drawn = centred @ pull.T
            by_weights += np.einsum("kc,kc->k", drawn, centred[:, rows]) / 2
            by_tables[:, rows] += drawn
        for index in larger:
            share = len(self.larger) / len(larger)
            self._add_larger(self.larger[index], share, weights, centred, by_weights, by_tables)
        by_tables *= weights[:, None]
        return by_weights, by_tables

    def _pair_errors(self, weights: Array, centred: Array) -> Iterator[tuple[slice, Array, Array]]:
        """Blocks of codes against all codes: model less target, and the same times the precision."""
        if not self.pair_precision.any():
            return
        width = self.layout.width
        weighted = weights[:, None] * centred
        block = max(1, _BLOCK_CELLS // width)
        for first in range(0, width, block):
            rows = slice(first, min(first + block, width))
            gap = weighted[:, rows].T @ centred
            gap -= self.pair_target[rows]
            yield rows, gap, gap * self.pair_precision[rows]

    def _larger_table(self, part: Larger, weights: Array, centred: Array) -> Array:
        joint = weights[:, None]
        for column in part.columns[:-1]:
            joint = _paired(joint, centred[:, self.layout.slice(column)])
        return (joint.T @ centred[:, self.layout.slice(part.columns[-1])]).reshape(part.target.shape)

    def _add_larger(
        self, part: Larger, share: float, weights: Array, centred: Array, by_weights: Array, by_tables: Array
    ) -> None:
        force = (share * part.precision) * (self._larger_table(part, weights, centred) - part.target)
        for axis, column in enumerate(part.columns):
            others = np.ones((weights.size, 1), dtype=centred.dtype)
            for other in part.columns[:axis] + part.columns[axis + 1 :]:
                others = _paired(others, centred[:, self.layout.slice(other)])
            drawn = others @ np.moveaxis(force, axis, -1).reshape(-1, force.shape[axis])
            by_tables[:, self.layout.slice(column)] += drawn
            if axis == 0:
                by_weights += np.einsum("kc,kc->k", drawn, centred[:, self.layout.slice(column)])


def _paired(left: Array, right: Array) -> Array:
    """Products of all pairs of entries, component by component: shape (components, all pairs)."""
    return (left[:, :, None] * right[:, None, :]).reshape(left.shape[0], math.prod((left.shape[1], right.shape[1])))
