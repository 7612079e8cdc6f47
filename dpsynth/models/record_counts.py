"""Count records in the cells of many marginals of grouped columns at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import PlanTooLargeError
from dpsynth.models.sampling import code_dtype

_MOST_CELLS = 100_000_000


def count_records(
    columns: Mapping[str, npt.NDArray[np.integer]], sizes: Mapping[str, int], cliques: Sequence[Clique]
) -> tuple[npt.NDArray[np.int64], ...]:
    """Rows in each cell of each clique, one array of shape (sizes of its columns) for each clique.

    columns: name -> codes below sizes[name], all equally long; a name may stand for a grouping of another's
    codes. Raises PlanTooLargeError when the cells of all cliques together are beyond a hundred million.

    >>> count_records({"a": np.array([0, 1, 1]), "b": np.array([1, 1, 0])}, {"a": 2, "b": 2}, [("a", "b")])
    (array([[0, 1],
           [1, 1]]),)
    """
    from dpsynth.models import record_kernels as kernels

    if not cliques:
        return ()
    names = list(dict.fromkeys(name for clique in cliques for name in clique))
    place = {name: index for index, name in enumerate(names)}
    shapes = [tuple(sizes[name] for name in clique) for clique in cliques]
    cells = [math.prod(shape) for shape in shapes]
    if sum(cells) > _MOST_CELLS:
        raise PlanTooLargeError(f"cells of all cliques ({sum(cells)}) must be at most {_MOST_CELLS}; try fewer cliques")
    codes = np.array([columns[name] for name in names], dtype=code_dtype(max(sizes[name] for name in names)))
    strides = [math.prod(shape[axis + 1 :]) for shape in shapes for axis in range(len(shape))]
    offsets = np.cumsum([0, *cells], dtype=np.int64)
    counts = np.zeros(offsets[-1], dtype=np.int64)
    kernels.count_tables(
        codes,
        np.array([place[name] for clique in cliques for name in clique], dtype=np.int64),
        np.array(strides, dtype=np.int64),
        np.cumsum([0, *map(len, cliques)], dtype=np.int64),
        offsets[:-1],
        counts,
    )
    parts = np.split(counts, offsets[1:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
