"""Structural zeros in a model: log-potentials of minus infinity on the cells that cannot happen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.factor import aligned
from dpsynth.models.junction_tree import JunctionTree
from dpsynth.structural_zeros import StructuralZeros


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
