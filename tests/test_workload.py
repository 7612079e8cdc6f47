"""Workloads: which cliques, which weights, closures against plain enumeration, and reading."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.workload import Workload

DOMAIN = Domain.of({"a": 2, "b": 30, "c": 4, "d": 5, "e": 1})


def plain_closure(workload: Workload, domain: Domain, max_cells: int) -> dict[tuple[str, ...], float]:
    """The definition: every non-empty part, weighted by sum_s w_s |r cap s|."""
    wanted = workload.resolve(domain)
    parts = {r for s, _ in wanted for size in range(1, len(s) + 1) for r in itertools.combinations(s, size)}
    return {
        r: math.fsum(weight * len(set(r) & set(s)) for s, weight in wanted)
        for r in parts
        if domain.cells(r) <= max_cells
    }


@given(
    degree=st.integers(1, 7),
    label=st.sampled_from([None, "a", "c"]),
    weights=st.dictionaries(st.sampled_from("abcde"), st.floats(0.1, 10.0)),
    cliques=st.sampled_from([(), (("c", "a"), ("b", "c", "d"), ("a", "c"))]),
    max_cells=st.integers(1, 2000),
)
def test_closure_is_the_definition(degree, label, weights, cliques, max_cells):
    workload = Workload(degree, label, weights, cliques)
    found = workload.closure(DOMAIN, max_cells)
    assert len(dict(found)) == len(found)
    assert [len(r) for r, _ in found] == sorted(len(r) for r, _ in found)
    assert all(r == DOMAIN.canonical(r) for r, _ in found)
    assert dict(found) == pytest.approx(plain_closure(workload, DOMAIN, max_cells), rel=1e-9)


def test_weights_are_products_of_column_weights():
    found = dict(Workload(2, column_weights={"a": 3.0, "c": 0.5}).resolve(DOMAIN))
    assert len(found) == 10
    assert (found["a", "c"], found["a", "b"], found["c", "d"], found["b", "d"]) == (1.5, 3.0, 0.5, 1.0)


@pytest.mark.parametrize("workload", [Workload(2, "d"), Workload(2, "d", {"a": 7}), Workload(1, "d")])
def test_cliques_with_the_label_weigh_as_much_as_all_others(workload):
    found = workload.resolve(DOMAIN)
    with_label = math.fsum(weight for clique, weight in found if "d" in clique)
    assert with_label == pytest.approx(math.fsum(weight for clique, weight in found if "d" not in clique))


def test_a_label_never_loses_weight():
    assert dict(Workload(5, "d").resolve(DOMAIN)) == {("a", "b", "c", "d", "e"): 1.0}


def test_degree_above_the_columns_and_listed_cliques():
    assert Workload(9).resolve(Domain.of({"a": 2, "b": 2})) == ((("a", "b"), 1.0),)
    listed = Workload(cliques=[["c", "a"], ["a", "c"], ["b"]])
    assert listed.resolve(DOMAIN) == ((("a", "c"), 1.0), (("b",), 1.0))


@pytest.mark.parametrize(
    ("text", "workload"),
    [
        ("2", Workload(2)),
        (2, Workload(2)),
        (" 2 ; label = c ", Workload(2, "c")),
        ("degree=4; weights=a:2, b : 0.5", Workload(4, None, {"a": 2, "b": 0.5})),
        ("c,a; b ; label=b", Workload(label="b", cliques=(("c", "a"), ("b",)))),
        ('{"degree": 2, "column_weights": {"a": 2}}', Workload(2, column_weights=(("a", 2.0),))),
        ('[["a", "b"]]', Workload(cliques=(("a", "b"),))),
        ([["a", "b"]], Workload(cliques=(("a", "b"),))),
        (Workload(1), Workload(1)),
    ],
)
def test_reading(text, workload):
    assert Workload.read(text) == workload
    stored = json.loads(json.dumps(dataclasses.asdict(Workload.read(text))))
    assert Workload.read(stored) == workload
    assert hash(Workload.read(stored)) == hash(workload)


@pytest.mark.parametrize(
    "given",
    ["", " ; ", "0", 0, -1, True, 2.5, None, "2;3", "weights=a", "weights=a:x", "weights=a:0", "weights=a:1,a:2"]
    + ["{", '{"degrees": 2}', {"degree": "2"}, {"cliques": ["ab"]}, {"cliques": [[]]}, [[1]]]
    + [{"column_weights": {"a": bad}} for bad in (0, -1, math.nan, math.inf, True, None, [])],
)
def test_what_cannot_be_read_is_refused(given):
    with pytest.raises(SettingError):
        Workload.read(given)


@pytest.mark.parametrize(
    "workload", [Workload(label="x"), Workload(column_weights={"x": 1}), Workload(cliques=(("a", "x"),))]
)
def test_unknown_columns_are_refused(workload):
    for ask in (workload.resolve, lambda domain: workload.closure(domain, 100)):
        with pytest.raises(SettingError, match="x"):
            ask(DOMAIN)


def test_a_label_outside_the_listed_cliques_is_refused():
    with pytest.raises(SettingError, match="label"):
        Workload(label="a", cliques=(("b", "c"),)).resolve(DOMAIN)


def test_a_wide_closure_lists_only_what_fits():
    domain = Domain.of({f"c{i}": 1000 if i < 300 else 2 for i in range(310)})
    found = Workload(3).closure(domain, 8)
    assert len(found) == 10 + 45 + 120


@pytest.mark.parametrize(
    ("workload", "named", "words"),
    [
        (Workload(), (), "all sets of 3 columns"),
        (Workload(degree=1), (), "every single column"),
        (Workload(label="a", column_weights={"b": 2, "a": 0.5}), ("a", "b"), "those with a weigh"),
        (Workload(column_weights={"b": 2, "a": 0.5}), ("b", "a"), "all sets of 3 columns; weights b 2, a 0.5"),
        (Workload(cliques=(("b", "c"), ("c", "d"))), ("b", "c", "d"), "b + c; c + d"),
        (Workload(cliques=tuple((each,) for each in "abcdefghijk")), tuple("abcdefghijk"), "g; h and 3 more"),
    ],
)
def test_a_workload_says_what_it_names(workload, named, words):
    assert workload.named == named
    assert words in workload.words()
