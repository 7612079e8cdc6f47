from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.private import cover as cover_module
from dpsynth.private.cover import Cover, plan_cover

ADULT_LIKE = (85, 9, 100, 16, 16, 7, 15, 6, 5, 2, 100, 99, 85, 42, 2)


@st.composite
def domains_and_cliques(draw: st.DrawFn) -> tuple[Domain, list[Clique]]:
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 5, 17, 300]), min_size=1, max_size=7))
    domain = Domain.of({f"c{place}": size for place, size in enumerate(sizes)})
    subsets = st.lists(st.sampled_from(domain.columns), unique=True, max_size=4).map(tuple)
    return domain, draw(st.lists(subsets, max_size=12))


def broken_rules(domain: Domain, wanted: list[Clique], max_cells: int, cover: Cover) -> list[str]:
    """Every rule of a cover that this one breaks."""
    rules = []
    if set(cover.assignment) != set(wanted):
        rules.append("each wanted clique has a home")
    if any(home not in cover.cliques for home in cover.assignment.values()):
        rules.append("homes are counted")
    if any(not set(clique) <= set(home) for clique, home in cover.assignment.items()):
        rules.append("homes contain their cliques")
    if len(set(cover.cliques)) != len(cover.cliques) or any(c != domain.canonical(c) for c in cover.cliques):
        rules.append("counted cliques are distinct, in table order")
    wanted_canonical = {domain.canonical(clique) for clique in wanted}
    if any(domain.cells(c) > max_cells and c not in wanted_canonical for c in cover.cliques):
        rules.append("merged cliques stay within max_cells")
    for clique, home in cover.assignment.items():
        small = [c for c in cover.cliques if set(clique) <= set(c) and domain.cells(c) <= max_cells]
        if domain.cells(clique) > max_cells:
            if home != domain.canonical(clique):
                rules.append("a clique above max_cells stands alone")
        elif domain.cells(home) != min(map(domain.cells, small), default=0):
            rules.append("the home is the cheapest to sum out")
    return rules


@given(domains_and_cliques(), st.sampled_from([1, 6, 40, 1000, 16_384]))
def test_every_wanted_clique_is_covered_by_the_rules(case: tuple[Domain, list[Clique]], max_cells: int) -> None:
    domain, wanted = case
    assert broken_rules(domain, wanted, max_cells, plan_cover(domain, wanted, max_cells)) == []


def test_the_rules_reject_planted_covers() -> None:
    domain, ab, bc = Domain.of({"a": 2, "b": 3, "c": 4}), ("a", "b"), ("b", "c")
    assert broken_rules(domain, [ab, bc], 100, Cover((ab, bc), {ab: ab, bc: bc})) == []
    assert broken_rules(domain, [ab, bc], 100, Cover((ab,), {ab: ab}))
    assert broken_rules(domain, [ab, bc], 100, Cover((ab,), {ab: ab, bc: ab}))
    assert broken_rules(domain, [ab, bc], 12, Cover((("a", "b", "c"),), {ab: ("a", "b", "c"), bc: ("a", "b", "c")}))
    assert broken_rules(domain, [ab, ("b",)], 100, Cover((ab, bc), {ab: ab, ("b",): bc}))


@given(domains_and_cliques())
def test_the_plan_depends_on_its_arguments_alone(case: tuple[Domain, list[Clique]]) -> None:
    domain, wanted = case
    first = plan_cover(domain, wanted, 100)
    cover_module._plan.cache_clear()
    again = plan_cover(Domain(domain.columns, domain.sizes), list(wanted), 100)
    assert first == again
    assert list(first.assignment) == list(again.assignment)
    assert plan_cover(domain, wanted, 100) is again


def test_merging_counts_far_fewer_cliques() -> None:
    domain = Domain.of({f"c{place}": size for place, size in enumerate(ADULT_LIKE)})
    pairs = list(itertools.combinations(domain.columns, 2))
    cover = plan_cover(domain, pairs)
    assert len(cover.cliques) <= 42  # of 105
    assert sum(map(domain.cells, cover.cliques)) <= 420_000
    binary = Domain.of({f"c{place}": 2 for place in range(28)})
    pairs = list(itertools.combinations(binary.columns, 2))
    assert len(plan_cover(binary, pairs).cliques) <= 7  # of 378, 14 columns at a time


def test_fifty_columns_of_pairs_are_all_covered() -> None:
    sizes = np.random.default_rng(0).choice(ADULT_LIKE, 50).tolist()
    domain = Domain.of({f"c{place}": size for place, size in enumerate(sizes)})
    pairs: list[Clique] = list(itertools.combinations(domain.columns, 2))
    cover = plan_cover(domain, pairs)
    assert broken_rules(domain, pairs, 16_384, cover) == []
    assert len(cover.cliques) <= 480  # of 1225


def test_sizes_beyond_any_machine_integer_stand_alone() -> None:
    domain = Domain.of({"a": 10**30, "b": 2})
    cover = plan_cover(domain, [("a", "b"), ("b",), ()])
    assert cover.assignment == {("a", "b"): ("a", "b"), ("b",): ("b",), (): ("b",)}


@pytest.mark.parametrize("cliques", [[("a", "z")], [("a", "a")]])
def test_cliques_outside_the_domain_are_refused(cliques: list[Clique]) -> None:
    with pytest.raises(SettingError, match="clique"):
        plan_cover(Domain.of({"a": 2, "b": 2}), cliques)


def test_max_cells_must_be_positive() -> None:
    with pytest.raises(SettingError, match="max_cells"):
        plan_cover(Domain.of({"a": 2}), [("a",)], 0)
