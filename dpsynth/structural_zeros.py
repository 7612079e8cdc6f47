"""Structural zeros: combinations of codes that public knowledge says cannot happen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import SettingError


@dataclass(frozen=True, eq=False)
class StructuralZeros:
    """Cells of one clique that have probability zero, by public knowledge and never because of the data.

    clique: columns, in the order of the axes of `mask`.
    mask: bool, one entry for each cell; True means impossible. At least one must be False.
    """

    clique: Clique
    mask: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.mask.dtype != np.bool_:
            raise SettingError(f"mask of {self.clique} must hold booleans; got {self.mask.dtype}")
        if self.mask.ndim != len(self.clique) or len(set(self.clique)) != len(self.clique):
            raise SettingError(f"mask must have one axis for each column of {self.clique}, each named once")
        if self.mask.all():
            raise SettingError(f"mask of {self.clique} must leave at least one cell possible")
