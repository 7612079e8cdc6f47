from __future__ import annotations

import numpy as np

from dpsynth.domain import Domain
from dpsynth.models.factor import aligned, marginalise, maximal, subsets, transposed


def test_marginalise_matches_einsum() -> None:
    table = np.random.default_rng(0).random((2, 3, 4))
    assert np.allclose(marginalise(table, ("a", "b", "c"), ("a", "c")), np.einsum("abc->ac", table))
    assert marginalise(table, ("a", "b", "c"), ("a", "b", "c")) is table
    assert np.isclose(marginalise(table, ("a", "b", "c"), ()), table.sum())


def test_aligned_table_broadcasts_over_the_missing_columns() -> None:
    domain = Domain.of({"a": 2, "b": 3, "c": 4})
    part = np.arange(8.0).reshape(2, 4)
    wide = np.broadcast_to(aligned(domain, part, ("a", "c"), ("a", "b", "c")), (2, 3, 4))
    for b in range(3):
        assert np.array_equal(wide[:, b, :], part)


def test_transposed_puts_axes_in_the_order_asked_for() -> None:
    table = np.random.default_rng(0).random((2, 3, 4))
    assert np.array_equal(transposed(table, ("a", "b", "c"), ("c", "a", "b")), np.einsum("abc->cab", table))


def test_subsets_are_complete_and_maximal_drops_the_contained() -> None:
    assert subsets(("a", "b")) == [(), ("a",), ("b",), ("a", "b")]
    assert maximal([("a",), ("b", "c"), ("a", "c"), ("c",), ("b", "c")]) == (("b", "c"), ("a", "c"))
