"""Growing a junction tree: it holds what it must, its size is as told, and close to a fresh triangulation's."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.models.growth import grown_bags
from dpsynth.models.junction_tree import junction_tree, predicted_cells


@pytest.mark.parametrize("seed", range(15))
def test_grown_bags_are_a_tree_of_exactly_their_cells(seed):
    rng = np.random.default_rng(seed)
    columns = [f"c{i}" for i in range(int(rng.integers(3, 11)))]
    domain = Domain.of({column: int(rng.integers(2, 12)) for column in columns})
    cliques, tree = [], junction_tree(domain, ())
    for _ in range(8):
        clique = domain.canonical(rng.choice(columns, int(rng.integers(1, 4)), replace=False))
        bags, cliques = grown_bags(tree, clique), [*cliques, clique]
        grown = junction_tree(domain, bags)
        assert grown.cells == sum(domain.cells(bag) for bag in bags)
        for held in (*tree.cliques, clique):
            assert grown.home(held) is not None
        assert grown.cells <= 1.5 * predicted_cells(domain, cliques)
        tree = grown


def test_a_clique_inside_changes_nothing_and_parts_are_joined():
    domain = Domain.of({"a": 2, "b": 3, "c": 4, "d": 5})
    tree = junction_tree(domain, [("a", "b"), ("c", "d")])
    assert grown_bags(tree, ("b",)) == tree.cliques
    assert set(grown_bags(tree, ("b", "c"))) == {("a", "b"), ("b", "c"), ("c", "d")}
