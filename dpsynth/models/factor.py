"""Tables over cliques: sum axes away, line axes up, and the digits of a joint code.

A factor is a pair (clique, table): the table has one axis for each column of the clique, in the
clique's order. Cliques inside `models/` are canonical (columns in table order), so that a table over
a subset of another clique lines up with it by a reshape alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from dpsynth.domain import Clique, Domain
from dpsynth.marginal import FloatArray


def axes_outside(clique: Clique, kept: Collection[str]) -> tuple[int, ...]:
    """Axes of `clique` whose columns are not in `kept`."""
    return tuple(axis for axis, column in enumerate(clique) if column not in kept)


def marginalise(table: FloatArray, clique: Clique, onto: Clique) -> FloatArray:
    """Sum of `table` over the columns outside `onto`; both cliques canonical.

    >>> marginalise(np.array([[1.0, 2.0], [3.0, 4.0]]), ("a", "b"), ("b",))
    array([4., 6.])
    """
    axes = axes_outside(clique, onto)
    out: FloatArray = np.add.reduce(table, axis=axes) if axes else table
    return out


def aligned_shape(domain: Domain, clique: Clique, onto: Clique) -> tuple[int, ...]:
    """Shape that makes a table over `clique` broadcast against tables over `onto`, a superset."""
    return tuple(domain[column] if column in clique else 1 for column in onto)


def aligned(domain: Domain, table: FloatArray, clique: Clique, onto: Clique) -> FloatArray:
    """View of `table` that broadcasts against tables over `onto`; both cliques canonical."""
    return table.reshape(aligned_shape(domain, clique, onto))


def transposed(table: FloatArray, clique: Clique, order: Clique) -> FloatArray:
    """View of `table` with its axes in `order`, a permutation of `clique`."""
    return table.transpose([clique.index(column) for column in order])


def subsets(clique: Clique) -> list[Clique]:
    """All subsets of a clique, smallest first, the clique itself last."""
    return [subset for size in range(len(clique) + 1) for subset in combinations(clique, size)]


def maximal(cliques: Sequence[Clique]) -> tuple[Clique, ...]:
    """The cliques that no other one contains, each once, in order of first appearance.

    >>> maximal([("a",), ("a", "b"), ("c",), ("a", "b")])
    (('a', 'b'), ('c',))
    """
    distinct = list(dict.fromkeys(cliques))
    sets = [frozenset(clique) for clique in distinct]
    return tuple(
        clique for clique, members in zip(distinct, sets, strict=True) if not any(members < other for other in sets)
    )
