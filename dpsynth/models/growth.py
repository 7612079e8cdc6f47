"""Grow a junction tree by one clique: only the part of the tree between the clique's columns is triangulated anew.

Selection loops price hundreds of candidate cliques against one model, and the rest of the tree is the same
for all of them. Why the rest may be left alone: a column that is in no separator of that part and not in the
clique has, once the columns beyond the part are eliminated, exactly one bag for its neighbourhood, so it is
eliminated without joining anything (Koller & Friedman 2009, section 9.4; Flores, Gamez & Olesen 2003,
"Incremental compilation of Bayesian networks").
"""

from __future__ import annotations

from functools import lru_cache

from dpsynth.domain import Clique, Domain
from dpsynth.models.junction_tree import JunctionTree, junction_tree


def grown_bags(tree: JunctionTree, clique: Clique) -> tuple[Clique, ...]:
    """Maximal cliques of a chordal graph that holds all of `tree` and `clique`, close to the fewest cells.

    `junction_tree(domain, grown_bags(tree, clique))` has at most that many cells: taking out columns with the
    least fill, one of its criteria, joins nothing in a chordal graph.

    >>> tree = junction_tree(Domain.of({"a": 2, "b": 3, "c": 2}), [("a", "b"), ("b", "c")])
    >>> grown_bags(tree, ("a", "c"))
    (('a', 'b', 'c'),)
    """
    wanted = set(clique)
    if tree.home(clique) is not None:
        return tree.cliques
    part = _part_between(tree, wanted)
    kept = wanted.union(*(separator for one, two, separator in tree.edges if one in part and two in part))
    reduced = frozenset(tuple(column for column in tree.cliques[index] if column in kept) for index in part)
    untouched = [bag for index, bag in enumerate(tree.cliques) if index not in part or not kept.issuperset(bag)]
    new = _triangulated(tree.domain, reduced | {tree.domain.canonical(clique)})
    homes = [set(bag) for bag in untouched]
    bags = (*untouched, *(bag for bag in new if not any(home.issuperset(bag) for home in homes)))
    # A bag that was untouched may lie inside a new one (a column on its own, for one).
    return tuple(bag for bag in bags if not any(set(bag) < set(other) for other in new))


def _part_between(tree: JunctionTree, wanted: set[str]) -> set[int]:
    """Indices of tree cliques that hold the wanted columns, joined along separators wherever they can be."""
    around: dict[int, list[int]] = {index: [] for index in range(len(tree.cliques))}
    for one, two, separator in tree.edges:
        if separator:
            around[one].append(two)
            around[two].append(one)
    found = {max(around, key=lambda index: (len(wanted.intersection(tree.cliques[index])), -index))}
    while missing := wanted.difference(*(tree.cliques[index] for index in found)):
        found |= _way_to(tree, around, found, missing)
    return found


def _way_to(tree: JunctionTree, around: dict[int, list[int]], found: set[int], missing: set[str]) -> set[int]:
    """Indices on the shortest way from `found` to a missing column; its best clique alone where there is no way."""
    came_from = dict.fromkeys(found, -1)
    queue = list(found)
    for index in queue:
        if missing.intersection(tree.cliques[index]):
            way = set()
            while index >= 0:
                way.add(index)
                index = came_from[index]
            return way
        for other in around[index]:
            if other not in came_from:
                came_from[other] = index
                queue.append(other)
    return {max(around, key=lambda index: (len(missing.intersection(tree.cliques[index])), -index))}


@lru_cache(maxsize=20_000)
def _triangulated(domain: Domain, cliques: frozenset[Clique]) -> tuple[Clique, ...]:
    columns = {column for clique in cliques for column in clique}
    inner = Domain.of({column: domain[column] for column in domain if column in columns})
    return junction_tree(inner, cliques).cliques
