"""MST: finds the strong pairs, keeps to its shares, plans for the largest tree."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.synthesizers.mst import MST, _largest_tree


def chain_table(rows: int = 8000) -> dict[str, np.ndarray]:
    """a - b - c - d, each a noisy copy of the one before; e independent."""
    rng = np.random.default_rng(3)
    columns = {"a": rng.integers(0, 4, rows)}
    for before, after in itertools.pairwise("abcd"):
        columns[after] = np.where(rng.random(rows) < 0.8, columns[before], rng.integers(0, 4, rows))
    return {**columns, "e": rng.integers(0, 3, rows)}


SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(3 if name == "e" else 4)) for name in "abcde"])


def test_the_tree_follows_the_strong_pairs():
    release = dpsynth.synthesize(chain_table(), SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="mst")
    pairs = {frozenset(one.clique) for one in release.measurements if len(one.clique) == 2}
    assert {frozenset("ab"), frozenset("bc"), frozenset("cd")} <= pairs
    assert nx.is_tree(nx.Graph([tuple(pair) for pair in pairs]))


def test_pairs_of_the_tree_are_reproduced_and_independence_is_not():
    table = chain_table()
    release = dpsynth.synthesize(table, SCHEMA, epsilon=5.0, delta=1e-6, synthesizer="mst", seed=1)
    independent = dpsynth.synthesize(table, SCHEMA, epsilon=5.0, delta=1e-6, synthesizer="independent", seed=1)
    agreement = (table["a"] == table["b"]).mean()
    assert (release.table["a"] == release.table["b"]).mean() == pytest.approx(agreement, abs=0.03)
    assert (independent.table["a"] == independent.table["b"]).mean() < agreement - 0.3


def test_shares_of_the_budget_are_kept():
    release = dpsynth.synthesize(
        chain_table(500),
        SCHEMA,
        epsilon=1.0,
        delta=1e-6,
        synthesizer="mst",
        settings={"one_way_share": 0.5, "select_share": 0.1},
    )
    shares = {one.label: one.share for one in release.certificate.mechanisms}
    assert shares == pytest.approx(
        {"one-way marginals": 0.5, "choose the tree": 0.1, "pairs of the tree": 0.4}, abs=1e-6
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_spanning_tree_has_more_cells_than_the_planned_one(seed):
    sizes = np.random.default_rng(seed).integers(1, 60, 6)
    domain = Domain.of({f"c{i}": int(size) for i, size in enumerate(sizes)})
    graph = nx.Graph()
    graph.add_weighted_edges_from((a, b, domain.cells((a, b))) for a, b in itertools.combinations(domain, 2))
    most = nx.maximum_spanning_tree(graph).size("weight")
    assert sum(domain.cells(pair) for pair in _largest_tree(domain)) == most


def test_a_single_column_gets_all_of_the_budget():
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=range(4))])
    release = dpsynth.synthesize({"a": np.zeros(50, dtype=int)}, schema, epsilon=1.0, delta=1e-6, synthesizer="mst")
    assert [round(one.share, 6) for one in release.certificate.mechanisms] == [1.0]
    assert MST().resources(Domain.of({"a": 4})).model_cells == 4
