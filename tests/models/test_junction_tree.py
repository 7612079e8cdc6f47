from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.models.junction_tree import JunctionTree, junction_tree, predicted_cells

COLUMNS = tuple("abcdefgh")


@st.composite
def structures(draw: st.DrawFn) -> tuple[Domain, list[Clique]]:
    count = draw(st.integers(1, len(COLUMNS)))
    domain = Domain(COLUMNS[:count], tuple(draw(st.integers(1, 5)) for _ in range(count)))
    cliques = draw(st.lists(st.sets(st.sampled_from(domain.columns), min_size=1, max_size=4), max_size=10))
    return domain, [tuple(sorted(clique, reverse=draw(st.booleans()))) for clique in cliques]


@given(structures())
def test_tree_holds_every_clique_and_has_the_running_intersection_property(case: tuple[Domain, list[Clique]]) -> None:
    domain, cliques = case
    tree = junction_tree(domain, cliques)
    for clique in cliques:
        assert any(set(clique) <= set(members) for members in tree.cliques)
    edges = nx.Graph()
    edges.add_nodes_from(range(len(tree.cliques)))
    edges.add_edges_from((parent, child) for parent, child, _ in tree.edges)
    assert nx.is_tree(edges)
    # The textbook statement: what two cliques share lies in every clique on the path between them.
    for one, two in itertools.combinations(range(len(tree.cliques)), 2):
        shared = set(tree.cliques[one]) & set(tree.cliques[two])
        assert all(shared <= set(tree.cliques[between]) for between in nx.shortest_path(edges, one, two))
    for one, two in itertools.permutations(tree.cliques, 2):
        assert not set(one) <= set(two)


@given(structures())
def test_cliques_are_the_maximal_cliques_of_a_chordal_graph(case: tuple[Domain, list[Clique]]) -> None:
    domain, cliques = case
    tree = junction_tree(domain, cliques)
    graph = nx.Graph()
    graph.add_nodes_from(domain.columns)
    for members in tree.cliques:
        graph.add_edges_from(itertools.combinations(members, 2))
    assert nx.is_chordal(graph)
    assert {frozenset(found) for found in nx.find_cliques(graph)} == {frozenset(members) for members in tree.cliques}


@given(structures())
def test_prediction_is_exact_and_order_does_not_matter(case: tuple[Domain, list[Clique]]) -> None:
    domain, cliques = case
    tree = junction_tree(domain, cliques)
    assert predicted_cells(domain, cliques) == tree.cells == sum(domain.cells(members) for members in tree.cliques)
    assert junction_tree(domain, cliques[::-1]) == tree


def test_chordal_input_gets_no_fill() -> None:
    domain = Domain.of(dict.fromkeys(COLUMNS, 10))
    chain = [(one, two) for one, two in itertools.pairwise(COLUMNS)]
    assert predicted_cells(domain, chain) == 700
    assert predicted_cells(domain, []) == 80


def test_loop_is_cut_where_it_is_cheap() -> None:
    # The loop a-b-c-d needs one chord: b-d costs 2 * (100 * 2 * 2), a-c would cost 2 * (100 * 100 * 2).
    domain = Domain.of({"a": 100, "b": 2, "c": 100, "d": 2})
    assert predicted_cells(domain, [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]) == 800


def test_prediction_is_exact_far_beyond_memory() -> None:
    domain = Domain.of({f"c{index}": 1000 for index in range(20)})
    assert predicted_cells(domain, [domain.columns]) == 1000**20


def test_separate_parts_hang_together_by_empty_separators() -> None:
    tree = junction_tree(Domain.of({"a": 2, "b": 2, "c": 2}), [("a", "b")])
    assert tree.edges == ((0, 1, ()),)


@pytest.mark.parametrize(
    ("cliques", "parents"),
    [
        ((("a", "b"),), (0,)),
        ((("a", "b"), ("b", "c")), (-1, 1)),
        ((("a", "b"), ("b", "c")), (-1,)),
        ((("b", "a"), ("b", "c")), (-1, 0)),
        ((("a", "b"),), (-1,)),
        ((("a", "b"), ("b", "c"), ("a", "c")), (-1, 0, 1)),
        ((("a", "x"), ("b", "c")), (-1, 0)),
        ((), ()),
    ],
)
def test_broken_trees_are_refused(cliques: tuple[Clique, ...], parents: tuple[int, ...]) -> None:
    with pytest.raises(SettingError):
        JunctionTree(Domain.of({"a": 2, "b": 2, "c": 2}), cliques, parents)


def test_unknown_column_is_refused() -> None:
    with pytest.raises(SettingError, match="unknown"):
        junction_tree(Domain.of({"a": 2}), [("a", "z")])


def test_home_is_the_smallest_clique() -> None:
    tree = junction_tree(Domain.of({"a": 2, "b": 50, "c": 3}), [("a", "b"), ("b", "c")])
    home = tree.home(("b",))
    assert home is not None
    assert tree.cliques[home] == ("a", "b")
    assert tree.home(("a", "c")) is None
    assert tree.cells == 250
