"""Junction trees: the smallest chordal cover found for a set of cliques, and how its cliques hang together.

Greedy elimination under several deterministic criteria, of which the cheapest result is kept, then a
maximum-weight spanning tree of the maximal cliques (Koller & Friedman, Probabilistic Graphical
Models, 2009, sections 9.4 and 10.4). The graphs are networkx graphs; the criteria are our own, since
what a triangulation costs here is the number of cells, not of columns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError


@dataclass(frozen=True)
class JunctionTree:
    """Cliques in preorder and the parent of each: clique 0 is the root, its parent is -1.

    Every other clique comes after its parent and meets all earlier cliques inside its parent (the
    running intersection property, checked). Unconnected parts hang together by empty separators,
    so that one tree covers every column of `domain`.

    >>> tree = junction_tree(Domain.of({"a": 2, "b": 3, "c": 2}), [("a", "b"), ("b", "c")])
    >>> tree.cliques, tree.separators, tree.cells
    ((('a', 'b'), ('b', 'c')), ((), ('b',)), 12)
    """

    domain: Domain
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.parents) != len(self.cliques) or not self.cliques or self.parents[0] != -1:
            raise SettingError("parents must have one entry for each clique; the first, the root's, must be -1")
        seen: set[str] = set()
        for index, (clique, parent) in enumerate(zip(self.cliques, self.parents, strict=True)):
            if clique != self.domain.canonical(clique):
                raise SettingError(f"clique {clique} must name its columns in table order, each once")
            if index and not 0 <= parent < index:
                raise SettingError(f"parent of clique {clique} ({parent}) must come before it")
            if index and not seen.intersection(clique) <= set(self.cliques[parent]):
                raise SettingError(f"clique {clique} must meet the cliques before it inside its parent")
            seen.update(clique)
        if seen != set(self.domain.columns):
            raise SettingError("cliques must cover every column of the domain")

    @cached_property
    def separators(self) -> tuple[Clique, ...]:
        """What each clique shares with its parent; the root's is empty."""
        return tuple(
            () if parent < 0 else tuple(column for column in clique if column in self.cliques[parent])
            for clique, parent in zip(self.cliques, self.parents, strict=True)
        )

    @cached_property
    def edges(self) -> tuple[tuple[int, int, Clique], ...]:
        """(parent, child, separator) of each clique but the root, in preorder."""
        return tuple((self.parents[child], child, self.separators[child]) for child in range(1, len(self.cliques)))

    @cached_property
    def cells(self) -> int:
        """Cells of all clique tables together; a fit holds about eight float64 arrays of that many."""
        return sum(self.domain.cells(clique) for clique in self.cliques)

    def home(self, clique: Iterable[str]) -> int | None:
        """Index of the smallest tree clique that contains `clique`, or None."""
        wanted = set(clique)
        homes = [index for index, members in enumerate(self.cliques) if wanted <= set(members)]
        return min(homes, key=lambda index: self.domain.cells(self.cliques[index]), default=None)


def junction_tree(domain: Domain, cliques: Iterable[Clique]) -> JunctionTree:
    """A junction tree that contains every one of `cliques` and every column of `domain`.

    The tree is the same for the same set of cliques, whatever their order.
    Raises SettingError when a clique names a column outside the domain.
    """
    bags = sorted(_bags(domain, cliques), key=lambda bag: (-domain.cells(bag), bag))
    return _spanning_tree(domain, bags)


def predicted_cells(domain: Domain, cliques: Iterable[Clique]) -> int:
    """Cells of `junction_tree(domain, cliques)`, exact, without allocating any table.

    >>> predicted_cells(Domain.of({"a": 100, "b": 100, "c": 100}), [("a", "b"), ("b", "c"), ("a", "c")])
    1000000
    """
    return sum(domain.cells(bag) for bag in _bags(domain, cliques))


Graph = Any  # networkx.Graph, which ships no types
Criterion = Callable[[Domain, Graph, str], float]


def _bags(domain: Domain, cliques: Iterable[Clique]) -> list[Clique]:
    """Maximal cliques of the cheapest triangulation found."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(domain.columns)
    for clique in cliques:
        graph.add_edges_from(itertools.combinations(domain.canonical(clique), 2))
    # Unconnected parts do not matter to each other, and most are small.
    parts = [graph.subgraph(part) for part in nx.connected_components(graph)]
    return [bag for part in parts for bag in _cheapest(domain, part)]


def _cheapest(domain: Domain, graph: Graph) -> list[Clique]:
    found = [_eliminate(domain, graph, criterion) for criterion in (_fill_weight, _bag_cells, _fill_edges)]
    return min(found, key=lambda bags: sum(domain.cells(bag) for bag in bags))


def _eliminate(domain: Domain, graph: Graph, criterion: Criterion) -> list[Clique]:
    """Greedy elimination: take out the column with the least (criterion, bag cells, position) until none is left."""
    import networkx as nx

    graph = nx.Graph(graph)
    position = {column: index for index, column in enumerate(domain.columns)}

    def rank(column: str) -> tuple[float, float, int]:
        return criterion(domain, graph, column), _bag_cells(domain, graph, column), position[column]

    ranks = {column: rank(column) for column in graph}
    bags: list[set[str]] = []
    while graph:
        column = min(ranks, key=ranks.__getitem__)
        around = set(graph[column])
        if not any(around | {column} <= other for other in bags):
            bags.append(around | {column})
        graph.add_edges_from(_missing(graph, column))
        graph.remove_node(column)
        del ranks[column]
        for other in around.union(*(graph[other] for other in around)):
            ranks[other] = rank(other)
    return [domain.canonical(bag) for bag in bags]


def _bag_cells(domain: Domain, graph: Graph, column: str) -> float:
    return math.log(domain[column]) + sum(math.log(domain[other]) for other in graph[column])


def _missing(graph: Graph, column: str) -> list[tuple[str, str]]:
    """Pairs of neighbours that eliminating `column` would join."""
    return [(one, two) for one, two in itertools.combinations(graph[column], 2) if two not in graph[one]]


def _fill_edges(domain: Domain, graph: Graph, column: str) -> float:
    return float(len(_missing(graph, column)))


def _fill_weight(domain: Domain, graph: Graph, column: str) -> float:
    return float(sum(domain[one] * domain[two] for one, two in _missing(graph, column)))


def _spanning_tree(domain: Domain, bags: Sequence[Clique]) -> JunctionTree:
    """Maximum-weight spanning tree from the largest clique; the weight is the separator's number of columns."""
    import networkx as nx

    overlaps = nx.Graph()
    overlaps.add_nodes_from(range(len(bags)))
    overlaps.add_weighted_edges_from(
        (one, two, len(set(bags[one]) & set(bags[two]))) for one, two in itertools.combinations(range(len(bags)), 2)
    )
    tree = nx.maximum_spanning_tree(overlaps)
    order = list(nx.dfs_preorder_nodes(tree, 0))
    place = {bag: index for index, bag in enumerate(order)}
    above = nx.dfs_predecessors(tree, 0)
    parents = (-1, *(place[above[bag]] for bag in order[1:]))
    return JunctionTree(domain, tuple(bags[bag] for bag in order), parents)
