"""Dependence given others: zero where there is none, the right number where there is, and refused when too large."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError
from dpsynth.models.independence import dependence_given
from dpsynth.models.junction_tree import junction_tree
from dpsynth.models.random_field import RandomField

DOMAIN = Domain.of({"s": 2, "a": 3, "o": 2})


def field(joint: np.ndarray) -> RandomField:
    return RandomField(junction_tree(DOMAIN, [("s", "a", "o")]), (joint * 50,), 50.0)


def test_a_chain_has_none_beyond_its_middle(rng):
    table = np.einsum("sa,ao->sao", rng.random((2, 3)), rng.random((3, 2)))
    model = field(table / table.sum())
    assert dependence_given(model, ("s",), ("o",), ("a",)) < 1e-15
    assert dependence_given(model, ("s",), ("o",), ()) > 1e-4


def test_it_is_the_share_of_rows_that_must_change():
    joint = np.zeros((2, 3, 2))
    joint[:, 0] = [[0.3, 0.0], [0.0, 0.3]]  # copies: half of these rows must change
    joint[:, 1] = 0.1
    assert dependence_given(field(joint), ("o",), ("s",), ("a",)) == pytest.approx(0.3)


def test_large_tables_are_refused():
    with pytest.raises(PlanTooLargeError):
        dependence_given(RandomField.independent(DOMAIN, {}, 5.0), ("s",), ("o",), ("a",), max_cells=5)
