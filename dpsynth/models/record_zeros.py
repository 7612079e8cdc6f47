"""Structural zeros as compiled code reads them, so that no record is moved into a cell that cannot be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.structural_zeros import StructuralZeros

IntArray = npt.NDArray[np.int64]


class Barred(NamedTuple):
    """Tables of impossible cells, one after the other in `mask`; a NamedTuple, since compiled code reads it.

    Table t has its cells from offsets[t] on, and the parts starts[t] to starts[t + 1]: the place of each column in the
    domain, and the cells between neighbouring codes. Column c is in the tables holding[firsts[c]:firsts[c + 1]], at
    these steps.
    """

    starts: IntArray
    places: IntArray
    strides: IntArray
    offsets: IntArray
    firsts: IntArray
    holding: IntArray
    steps: IntArray
    mask: npt.NDArray[np.bool_]


def lay_out_zeros(domain: Domain, zeros: Sequence[StructuralZeros]) -> Barred:
    """The tables of all `zeros` of a domain."""
    place = {column: index for index, column in enumerate(domain)}
    parts = [
        (table, place[column], math.prod(each.mask.shape[axis + 1 :]))
        for table, each in enumerate(zeros)
        for axis, column in enumerate(each.clique)
    ]
    of_column = [[part for part in parts if part[1] == index] for index in range(len(domain))]
    held = [part for column in of_column for part in column]
    cells = np.cumsum([0, *(each.mask.size for each in zeros)])
    return Barred(
        starts=_whole(np.cumsum([0, *(len(each.clique) for each in zeros)])),
        places=_whole([part[1] for part in parts]),
        strides=_whole([part[2] for part in parts]),
        offsets=_whole(cells[:-1]),
        firsts=_whole(np.cumsum([0, *map(len, of_column)])),
        holding=_whole([part[0] for part in held]),
        steps=_whole([part[2] for part in held]),
        mask=np.concatenate([np.zeros(0, dtype=np.bool_), *(np.ascontiguousarray(z.mask).ravel() for z in zeros)]),
    )


def _whole(numbers: npt.ArrayLike) -> IntArray:
    return np.asarray(numbers, dtype=np.int64)
