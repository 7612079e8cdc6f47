"""The codes of all rows, for the few mechanisms that look at rows one by one; as secret as the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError


@dataclass(frozen=True, eq=False, repr=False)
class CodedRows:
    """matrix: codes, shape (rows, columns), columns in the order of the codec's domain.

    Their order carries no meaning: whoever reads it must treat rows alike. It shows nothing when printed, and refuses
    to be copied or pickled.
    """

    matrix: NDArray[np.unsignedinteger[Any]]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SettingError("coded rows must not be copied, pickled or sent elsewhere; try running where they are")

    @property
    def count(self) -> int:
        """Number of rows: secret too."""
        return len(self.matrix)

    def moved(self, other: CodedRows) -> tuple[int, int]:
        """How many rows are here and not there, and the other way round, as multisets."""
        both = np.concatenate([self.matrix, other.matrix])
        _, kinds = np.unique(both, axis=0, return_inverse=True)
        kinds = kinds.reshape(-1)
        size = int(kinds.max(initial=-1)) + 1
        here = np.bincount(kinds[: self.count], minlength=size)
        there = np.bincount(kinds[self.count :], minlength=size)
        return int(np.maximum(here - there, 0).sum()), int(np.maximum(there - here, 0).sum())
