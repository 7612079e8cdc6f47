"""Sum-product on a tree equals the sum over all assignments, the tree is the heaviest, the lift is a lift."""

from __future__ import annotations

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attribute.propagation import lift, mutual_information, propagate, spanning_tree


def enumerated(beliefs, edges, lifts):
    """The marginals, by going through every assignment of values to nodes."""
    marginals = [np.zeros_like(each) for each in beliefs]
    for target in range(len(beliefs[0])):
        for values in product(*(range(each.shape[1]) for each in beliefs)):
            weight = np.prod([each[target, value] for each, value in zip(beliefs, values, strict=True)])
            for (parent, child), table in zip(edges, lifts, strict=True):
                weight *= table[values[parent], values[child]]
            for marginal, value in zip(marginals, values, strict=True):
                marginal[target, value] += weight
    return [each / each.sum(axis=1, keepdims=True) for each in marginals]


def drawn(seed: int, sizes: list[int], spread: float = 1.0):
    rng = np.random.default_rng(seed)
    weights = rng.random((len(sizes), len(sizes)))
    edges = spanning_tree(weights + weights.T)
    beliefs = [np.exp(spread * rng.normal(size=(3, size))) for size in sizes]
    lifts = [np.exp(spread * rng.normal(size=(sizes[parent], sizes[child]))) for parent, child in edges]
    return beliefs, edges, lifts


@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(1, 3), min_size=1, max_size=5), st.sampled_from([0.0, 1.0, 10.0])
)
def test_sum_product_is_exact(seed, sizes, spread):
    beliefs, edges, lifts = drawn(seed, sizes, spread)
    for found, expected in zip(propagate(beliefs, edges, lifts), enumerated(beliefs, edges, lifts), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_comparison_would_notice_one_pass_only():
    """Beliefs that were gathered at the root, and not sent down again, differ from the marginals."""
    beliefs, edges, lifts = drawn(1, [2, 3, 2])
    leaf = edges[-1][1]
    alone = beliefs[leaf] / beliefs[leaf].sum(axis=1, keepdims=True)
    assert np.abs(alone - enumerated(beliefs, edges, lifts)[leaf]).max() > 0.05


def test_beliefs_far_below_the_smallest_number_do_no_harm():
    beliefs = [np.array([[1.0, 1e-300]])] * 6
    edges = [(0, child) for child in range(1, 6)]
    for each in propagate(beliefs, edges, [np.array([[1.0, 1e-9], [1e-9, 1.0]])] * 5):
        assert np.isfinite(each).all()
        assert each[0, 0] == pytest.approx(1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_the_tree_is_the_heaviest_and_parents_come_first(seed, nodes):
    weights = np.random.default_rng(seed).integers(0, 5, (nodes, nodes)).astype(float)
    weights = weights + weights.T
    edges = spanning_tree(weights)
    graph = nx.from_numpy_array(weights + 1)  # a weight of 0 would be no edge
    best = nx.maximum_spanning_tree(graph).size(weight="weight") - (nodes - 1)
    assert sum(weights[edge] for edge in edges) == pytest.approx(best)
    seen = {0}
    for parent, child in edges:
        assert parent in seen
        assert child not in seen
        seen.add(child)
    assert seen == set(range(nodes))


def test_lift_and_mutual_information_of_known_tables():
    independent = np.outer([10, 30], [4, 12])
    assert mutual_information(independent) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(lift(independent), 1)
    same = np.diag([500, 500])
    assert mutual_information(same) == pytest.approx(np.log(2))
    assert lift(same)[0, 0] == pytest.approx(501 / 251)
    assert lift(same)[0, 1] == pytest.approx(1 / 251)
