from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models.constraints import zero_potentials
from dpsynth.models.junction_tree import junction_tree
from dpsynth.structural_zeros import StructuralZeros

DOMAIN = Domain.of({"a": 2, "b": 3, "c": 2})


def test_mask_lands_on_its_cells_whatever_the_axis_order() -> None:
    mask = np.zeros((3, 2), dtype=bool)
    mask[2, 0] = True
    tree = junction_tree(DOMAIN, [("a", "b")])
    tables = dict(zip(tree.cliques, zero_potentials(tree, [StructuralZeros(("b", "a"), mask)]), strict=True))
    assert np.array_equal(np.isneginf(tables["a", "b"]), mask.T)
    assert np.array_equal(tables[("c",)], np.zeros(2))


def test_refusals() -> None:
    with pytest.raises(SettingError, match="at least one cell"):
        StructuralZeros(("a",), np.ones(2, dtype=bool))
    with pytest.raises(SettingError, match="booleans"):
        StructuralZeros(("a",), np.zeros(2))  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="one axis"):
        StructuralZeros(("a", "b"), np.zeros(2, dtype=bool))
    with pytest.raises(SettingError, match="one axis"):
        StructuralZeros(("a", "a"), np.zeros((2, 2), dtype=bool))
    tree = junction_tree(DOMAIN, [("a", "b")])
    with pytest.raises(SettingError, match="shape"):
        zero_potentials(tree, [StructuralZeros(("a", "b"), np.zeros((2, 2), dtype=bool))])
    with pytest.raises(SettingError, match="inside one clique"):
        zero_potentials(tree, [StructuralZeros(("a", "c"), np.zeros((2, 2), dtype=bool))])
