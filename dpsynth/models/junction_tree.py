"""Junction trees: the smallest chordal cover found for a set of cliques, and how its cliques hang together.

Greedy elimination under several deterministic criteria, of which the cheapest result is kept, then a
maximum-weight spanning tree of the maximal cliques (Koller & Friedman, Probabilistic Graphical
Models, 2009, sections 9.4 and 10.4). Column sets are bit masks, so that a selection loop can price
thousands of candidate models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    bags = _bags(domain, cliques)
    named = [tuple(column for bit, column in enumerate(domain.columns) if bag >> bit & 1) for bag in bags]
    order = sorted(range(len(bags)), key=lambda index: (-domain.cells(named[index]), named[index]))
    return _spanning_tree(domain, [bags[index] for index in order], [named[index] for index in order])


def predicted_cells(domain: Domain, cliques: Iterable[Clique]) -> int:
    """Cells of `junction_tree(domain, cliques)`, exact, without allocating any table.

    >>> predicted_cells(Domain.of({"a": 100, "b": 100, "c": 100}), [("a", "b"), ("b", "c"), ("a", "c")])
    1000000
    """
    return sum(_cells(domain, bag) for bag in _bags(domain, cliques))


def _cells(domain: Domain, bag: int) -> int:
    return math.prod(size for bit, size in enumerate(domain.sizes) if bag >> bit & 1)


def _bags(domain: Domain, cliques: Iterable[Clique]) -> list[int]:
    """Maximal cliques of the cheapest triangulation found, as bit masks of columns."""
    bit = {column: index for index, column in enumerate(domain.columns)}
    neighbours = [0] * len(domain)
    for clique in cliques:
        mask = sum(1 << bit[column] for column in domain.canonical(clique))
        for column in clique:
            neighbours[bit[column]] |= mask
    neighbours = [mask & ~(1 << index) for index, mask in enumerate(neighbours)]
    found = [_eliminate(domain, neighbours, criterion) for criterion in (_fill_weight, _bag_cells, _fill_edges)]
    return min(found, key=lambda bags: sum(_cells(domain, bag) for bag in bags))


Criterion = Callable[[Domain, list[int], int], float]


def _bits(mask: int) -> list[int]:
    out = []
    while mask:
        low = mask & -mask
        out.append(low.bit_length() - 1)
        mask ^= low
    return out


def _bag_cells(domain: Domain, neighbours: list[int], vertex: int) -> float:
    return sum(math.log(domain.sizes[other]) for other in _bits(neighbours[vertex] | 1 << vertex))


def _missing(neighbours: list[int], vertex: int) -> list[tuple[int, int]]:
    """Pairs of neighbours that eliminating `vertex` would join."""
    around = neighbours[vertex]
    return [(one, two) for one in _bits(around) for two in _bits(around & ~neighbours[one] & ~((2 << one) - 1))]


def _fill_edges(domain: Domain, neighbours: list[int], vertex: int) -> float:
    return float(len(_missing(neighbours, vertex)))


def _fill_weight(domain: Domain, neighbours: list[int], vertex: int) -> float:
    return float(sum(domain.sizes[one] * domain.sizes[two] for one, two in _missing(neighbours, vertex)))


def _eliminate(domain: Domain, start: Sequence[int], criterion: Criterion) -> list[int]:
    """Greedy elimination: take out the column with the least (criterion, bag cells, position) until none is left."""
    neighbours = list(start)
    left = list(range(len(neighbours)))
    score = {vertex: (criterion(domain, neighbours, vertex), _bag_cells(domain, neighbours, vertex)) for vertex in left}
    bags: list[int] = []
    while left:
        vertex = min(left, key=lambda candidate: (score[candidate], candidate))
        left.remove(vertex)
        around = neighbours[vertex]
        bag = around | 1 << vertex
        if not any(bag & ~other == 0 for other in bags):
            bags.append(bag)
        touched = 0
        for other in _bits(around):
            neighbours[other] = (neighbours[other] | around) & ~(1 << other) & ~(1 << vertex)
            touched |= neighbours[other] | 1 << other
        for other in _bits(touched):
            score[other] = (criterion(domain, neighbours, other), _bag_cells(domain, neighbours, other))
    return bags


def _spanning_tree(domain: Domain, bags: Sequence[int], named: Sequence[Clique]) -> JunctionTree:
    """Prim's maximum-weight spanning tree from the largest clique; the weight is the separator's number of columns."""
    left = list(range(1, len(bags)))
    placed = [0]
    parents = [-1]
    best = {index: (bin(bags[index] & bags[0]).count("1"), 0) for index in left}
    while left:
        index = max(left, key=lambda candidate: (best[candidate][0], -candidate))
        left.remove(index)
        parents.append(best[index][1])
        placed.append(index)
        for other in left:
            weight = bin(bags[other] & bags[index]).count("1")
            if weight > best[other][0]:
                best[other] = (weight, len(placed) - 1)
    return JunctionTree(domain, tuple(named[index] for index in placed), tuple(parents))
