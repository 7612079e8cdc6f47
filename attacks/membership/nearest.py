"""The nearest rows of a table to each target, exactly, under Gower's distance: what several attacks share.

Distance of two rows: the sum over columns of |difference of ranks| for numbers and moments, and of 0 (equal) or 1 for
categories; a missing cell is at distance 0 from a missing one, and 1 from any other (Gower, "A general coefficient of
similarity", Biometrics 1971, without the division by the number of columns).

All distances are computed, in blocks that stay in the processor's cache: vector instructions make that faster than
a tree or a bound would be with twenty columns of mixed kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray
from attacks.tables import Table

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]

# Neighbours that are kept for each target, enough for every attack here.
KEPT = 200
# Of a larger table, so many rows are searched: evenly spaced ones, in the order of their cells.
MAX_ROWS = 200_000
# Missing numbers stand so far off that the distance to any rank is cut to 1.
_MISSING = 4.0
_BLOCK_ROWS = 1024
_THREADS = 2


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours:
    """The nearest rows to each target, shape (targets, kept), kept being at most the rows searched.

    distances: ascending. places: where those rows stand in the table; among equally distant ones those come first
    whose cells are smaller, so that the order of the table does not matter. searched: how many rows were searched.
    """

    distances: Floats
    places: Places
    searched: int


class _Kept(WeakKeyDictionary[Table, Neighbours]):
    """Results by targets, dropped with the targets, and left out of copies of the table."""

    def __reduce__(self) -> tuple[type[_Kept], tuple[()]]:
        return _Kept, ()


def neighbours(targets: Table, table: Table) -> Neighbours:
    """The `KEPT` nearest rows of a table; computed once, and kept on the table for as long as both tables live.

    >>> from attacks.tables import Table
    >>> def numbers(*ranks):
    ...     cells = np.arange(len(ranks))[:, None]
    ...     return Table(("x",), (True,), (9,), cells, cells.astype(np.int32), np.float32(ranks)[:, None])
    >>> neighbours(numbers(0.25), numbers(0.0, 1.0, 0.5, np.nan)).distances
    array([[0.25, 0.25, 0.75, 1.  ]], dtype=float32)
    """
    kept: _Kept = table.__dict__.setdefault("_neighbours", _Kept())
    if targets not in kept:
        kept[targets] = search(targets, table, KEPT)
    return kept[targets]


def search(targets: Table, table: Table, count: int, weights: Sequence[float] | None = None) -> Neighbours:
    """The `count` nearest rows of a table (fewer where it has fewer) under column weights, all 1 by default."""
    points = coordinates(table)
    order = np.lexsort(points.T[::-1])
    if len(order) > MAX_ROWS:
        order = order[np.arange(MAX_ROWS) * len(order) // MAX_ROWS]
    weight = np.ones(len(table.names), np.float32) if weights is None else np.asarray(weights, np.float32)
    distances = np.full((len(targets), min(count, len(order))), np.inf, np.float32)
    places = np.zeros(distances.shape, np.int32)
    blocks = np.ascontiguousarray(points[order].T)
    if distances.size:
        kernel, wanted = _compiled_kernel(), coordinates(targets)
        cuts = np.linspace(0, len(targets), _THREADS + 1).astype(int)
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = [slice(*cuts[part : part + 2]) for part in range(_THREADS)]
            list(pool.map(lambda own: kernel(blocks, wanted[own], weight, distances[own], places[own]), parts))
    return Neighbours(distances, order.astype(np.int32)[places], len(order))


def coordinates(table: Table) -> Floats:
    """Each cell as a number such that min(|difference|, 1) is the distance; shape (rows, columns), C order."""
    ranks = np.where(np.isnan(table.ranks), np.float32(_MISSING), table.ranks)
    return np.where(np.array(table.ordered, bool), ranks, table.codes).astype(np.float32)


def thinned(found: Neighbours, share: float, nearest: int) -> FloatArray:
    """Mean distance of the `nearest` nearest rows, expected when every row is kept with probability `share` only.

    That is what drawing a table of the smaller size many times would give, without the draw: the i-th nearest row is
    kept, and among the `nearest` nearest, with probability share * P(Binomial(i - 1, share) < nearest). What falls
    behind the last neighbour that was kept counts at its distance.
    """
    from scipy.stats import binom

    kept = found.distances.shape[1]
    nearest = min(nearest, kept)
    weights = share * binom.cdf(nearest - 1, np.arange(kept), share)
    weights[-1] += max(nearest - weights.sum(), 0.0)
    return np.asarray(found.distances.astype(np.float64) @ weights / weights.sum())


@lru_cache(maxsize=1)
def _compiled_kernel() -> Callable[..., None]:
    import numba

    try:
        compiled: Callable[..., None] = numba.njit(nogil=True, cache=True)(_search)
    except RuntimeError:  # no folder that numba may keep its cache in: compile anew in each process
        compiled = numba.njit(nogil=True)(_search)
    return compiled


def _search(blocks: Any, targets: Any, weights: Any, distances: Any, places: Any) -> None:
    """Fill the sorted lists. blocks: float32, shape (columns, rows); distances start at infinity."""
    columns, rows = blocks.shape
    kept = distances.shape[1]
    far = np.empty(_BLOCK_ROWS, np.float32)
    one = np.float32(1.0)
    for start in range(0, rows, _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, rows - start)
        for target in range(targets.shape[0]):
            far[:] = np.float32(0.0)
            for column in range(columns):
                cell, weight = targets[target, column], weights[column]
                own = blocks[column, start : start + size]
                for row in range(size):
                    far[row] += weight * min(abs(own[row] - cell), one)
            last = distances[target, kept - 1]
            for row in range(size):
                if far[row] < last:
                    place = kept - 1
                    while place > 0 and distances[target, place - 1] > far[row]:
                        distances[target, place] = distances[target, place - 1]
                        places[target, place] = places[target, place - 1]
                        place -= 1
                    distances[target, place] = far[row]
                    places[target, place] = start + row
                    last = distances[target, kept - 1]
