"""Fairness: what it reads and refuses, which sets it allows, and the theorem by brute force."""

from __future__ import annotations

import itertools
import json
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness, tied

COLUMNS = "abcdef"
FAIR = Fairness(["a"], "f", ["c"])
cliques = st.lists(
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=7
)


def separated(fairness: Fairness, sets) -> bool:
    """By another program: no path once the admissible columns are gone."""
    graph = nx.Graph(pair for one in sets for pair in itertools.combinations(one, 2))
    graph.add_nodes_from(fairness.named)
    graph.remove_nodes_from(fairness.admissible)
    return not any(nx.has_path(graph, column, fairness.outcome) for column in fairness.protected)


def test_it_is_read_from_text_json_and_mappings():
    fields = {"protected": ["sex", "race"], "outcome": "pay", "admissible": ["hours"]}
    read = Fairness.read("protected = sex, race; outcome=pay;admissible=hours")
    assert read == Fairness(**fields) == Fairness.read(fields) == Fairness.read(json.dumps(fields))
    assert Fairness.read(read) is read
    assert read.words == "pay depends on sex and race only through hours"
    assert Fairness.read("protected=sex,race; outcome=pay").words == "pay does not depend on sex or race"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("outcome=pay", "must say protected and outcome"),
        ("protected=sex", "must say protected and outcome"),
        ("protected=sex; outcome=pay; admitted=hours", "may say admissible"),
        ("protected=sex; protected=race; outcome=pay", "once"),
        ("sex", "once"),
        ("protected=; outcome=pay", "at least one"),
        ("protected=sex; outcome=", "one column"),
        ("protected=sex,pay; outcome=pay", "one of these only"),
        ("protected=sex; outcome=pay; admissible=sex", "one of these only"),
        ("{", "valid JSON"),
        (7, "or text"),
        ({"protected": "sex", "outcome": "pay"}, "list of column names"),
        ({"protected": [1], "outcome": "pay"}, "something else"),
    ],
)
def test_what_is_no_fairness_is_refused(given, message):
    with pytest.raises(SettingError, match=message):
        Fairness.read(given)


@settings(max_examples=50)
@given(cliques, st.integers(0, 3))
def test_sides_and_ways_agree_with_separation_in_the_graph(sets, admissible):
    fairness = Fairness(["a", "b"], "f", list("cde"[:admissible]))
    near, far = fairness.sides(sets)
    way = fairness.way(sets)
    assert near.isdisjoint(far) == separated(fairness, sets) == (not way)
    if way:
        assert way[0] in "ab"
        assert way[-1] == "f"
        assert not set(way) & set(fairness.admissible)
        assert all(any({*step} <= {*one} for one in sets) for step in itertools.pairwise(way))


@settings(max_examples=50)
@given(cliques)
def test_exactly_the_sets_that_keep_them_apart_are_allowed(candidates):
    """Greedily, as selections do: an allowed set never joins them, one that is not always would."""
    taken = []
    for candidate in candidates:
        (allowed,) = FAIR.allowed(taken, [candidate])
        assert allowed == separated(FAIR, [*taken, candidate])
        taken += [candidate] if allowed else []


def dependence(joint: np.ndarray) -> float:
    """Of the first and the last column beyond the third, by definition."""
    table = joint.sum(axis=tuple(range(3, joint.ndim - 1))).sum(axis=1)  # a, c, f
    return max(
        float(np.abs(part / part.sum() - np.outer(part.sum(1), part.sum(0)) / part.sum() ** 2).max())
        for part in np.moveaxis(table, 1, 0)
        if part.sum() > 0
    )


def product(sets, rng, zeros: float) -> np.ndarray:
    """A product of random tables, one for each set, some of its cells impossible."""
    joint = np.ones((2,) * len(COLUMNS))
    for one in sets:
        shape = [2 if column in one else 1 for column in COLUMNS]
        table = rng.random(shape) + 0.1
        joint = joint * np.where(rng.random(shape) < zeros, 0.0, table)
    return joint


@settings(max_examples=60)
@given(cliques, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2]))
def test_the_theorem(sets, seed, zeros):
    """Separated in the graph means independent in every product, with zeros or without."""
    joint = product(sets, np.random.default_rng(seed), zeros)
    if separated(FAIR, sets) and joint.sum() > 0:
        assert dependence(joint) < 1e-12


@settings(max_examples=50)
@given(cliques)
def test_the_condition_is_exact(sets):
    """Where a path is left, the copies along it that the proof names are dependent, whatever else there is."""
    way = FAIR.way(sets)
    if way:
        joint = np.ones((2,) * len(COLUMNS))
        for column in set(COLUMNS) - set(way):
            joint = joint * np.array([1.0, 0.0]).reshape([2 if each == column else 1 for each in COLUMNS])
        for one, two in itertools.pairwise(way):
            copied = np.array([[0.9, 0.1], [0.1, 0.9]])
            joint = joint * copied.reshape([2 if each in (one, two) else 1 for each in COLUMNS])
        assert dependence(joint) > 0.9 * 0.25 * 0.8 ** math.dist([0], [len(way) - 1])


def test_constraints_are_sets_of_the_graph():
    rules = [
        dpsynth.Forbidden({"sex": "F", "title": "Mr"}),
        dpsynth.Allowed([{"a": 1, "b": 2}, {"c": 3}]),
        dpsynth.Dependency("grade", by="school", values={"x": 1}),
        dpsynth.Sum("total", parts=["net", "tax"]),
        dpsynth.Order(["born", "hired"]),
        dpsynth.Order(["hired", "left"]),
        dpsynth.Order(["low", "high"]),
        dpsynth.Fixed("land", value="FR"),
        dpsynth.Unique(["sex", "number"]),
    ]
    assert tied(rules) == (
        ("sex", "title"),
        ("a", "b", "c"),
        ("grade", "school"),
        ("total", "net", "tax"),
        ("born", "hired", "left"),
        ("high", "low"),
    )


SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        *(dpsynth.Categorical(name, values=["x", "y"]) for name in ("sex", "title", "pay", "hours")),
    ],
    constraints=[dpsynth.Forbidden({"sex": "x", "title": "y"}), dpsynth.Forbidden({"title": "y", "pay": "y"})],
)


@pytest.mark.parametrize(
    ("fairness", "message"),
    [
        (Fairness(["sexe"], "pay"), "did you mean 'sex'"),
        (Fairness(["sex"], "zzz"), "try one of"),
        (Fairness(["id"], "hours"), "no identifier"),
        (Fairness(["sex"], "pay", ["hours"]), "tie sex to title to pay"),
    ],
)
def test_columns_and_constraints_are_checked(fairness, message):
    with pytest.raises(SettingError, match=message):
        fairness.check(SCHEMA)


def test_what_agrees_with_the_schema_passes():
    Fairness(["sex"], "pay", ["title"]).check(SCHEMA)
    Fairness(["sex", "title"], "hours").check(SCHEMA)
