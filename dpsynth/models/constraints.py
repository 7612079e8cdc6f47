"""Structural zeros: combinations of values that public knowledge says cannot happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.factor import aligned
from dpsynth.models.junction_tree import JunctionTree


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


def zero_potentials(tree: JunctionTree, structural_zeros: Sequence[StructuralZeros]) -> list[FloatArray]:
    """Log-potentials of the tree cliques that forbid the given cells: -inf where impossible, else 0.

    Raises SettingError when a mask does not fit the domain or no tree clique holds its clique.
    """
    tables = [np.zeros(tree.domain.shape(clique)) for clique in tree.cliques]
    for zeros in structural_zeros:
        clique = tree.domain.canonical(zeros.clique)
        home = tree.home(clique)
        if home is None:
            raise SettingError(f"structural zeros on {clique} must lie inside one clique of the tree")
        if zeros.mask.shape != tree.domain.shape(zeros.clique):
            shape = tree.domain.shape(zeros.clique)
            raise SettingError(f"mask of {zeros.clique} must have shape {shape}; got {zeros.mask.shape}")
        mask = zeros.mask.transpose([zeros.clique.index(column) for column in clique])
        tables[home] += aligned(tree.domain, np.where(mask, -np.inf, 0.0), clique, tree.cliques[home])
    return tables
