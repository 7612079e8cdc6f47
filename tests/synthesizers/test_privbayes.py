"""PrivBayes: finds parents, reproduces relations of three columns, keeps to its caps and shares."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.synthesizers import privbayes as module
from dpsynth.synthesizers.privbayes import PrivBayes


def parity_table(rows: int = 8000) -> dict[str, np.ndarray]:
    """c is the exclusive or of a and b nine times out of ten: every pair looks independent. d follows a."""
    rng = np.random.default_rng(3)
    a, b, e = (rng.integers(0, 2, rows) for _ in range(3))
    c = np.where(rng.random(rows) < 0.9, a ^ b, 1 - (a ^ b))
    return {"a": a, "b": b, "c": c, "d": np.where(rng.random(rows) < 0.8, a, 1 - a), "e": e}


SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(2)) for name in "abcde"])


def parity(table) -> float:
    columns = {name: np.asarray(table[name]).astype(int) for name in "abc"}
    return float((columns["a"] ^ columns["b"] == columns["c"]).mean())


def release(table, **options):
    return dpsynth.synthesize(table, SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="privbayes", **options)


def test_a_relation_of_three_columns_is_found_where_trees_of_pairs_see_nothing():
    table = parity_table()
    assert parity(release(table, seed=1).table) > 0.8
    tree = dpsynth.synthesize(table, SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="mst", seed=1)
    assert parity(tree.table) < 0.6
    assert parity(release(table, seed=1, settings={"max_parents": 1}).table) < 0.6


def test_the_network_is_a_directed_acyclic_graph_over_all_columns():
    model = release(parity_table()).model
    graph = model.dag()
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph) == set("abcde")
    assert {frozenset(edge) for edge in graph.edges} >= {frozenset("ad")}


def test_every_table_is_useful_and_within_the_caps(monkeypatch):
    domain = Domain.of({"a": 2, "b": 30, "c": 400, "d": 9, "e": 3})
    cliques = PrivBayes(usefulness=2.0)._useful(domain, total=10_000.0, stddev=10.0)
    assert all(domain.cells(clique) <= 500 for clique in cliques)
    everything = [c for size in (2, 3, 4) for c in itertools.combinations("abcde", size)]
    assert set(cliques) == {clique for clique in everything if domain.cells(clique) <= 500}
    monkeypatch.setattr(module, "_MAX_SETS", 2)
    cliques = PrivBayes(usefulness=2.0)._useful(domain, total=10_000.0, stddev=10.0)
    triples = sorted(domain.cells(c) for c in itertools.combinations("abcde", 3))[:2]
    assert sorted(domain.cells(clique) for clique in cliques if len(clique) == 3) == triples


@pytest.mark.parametrize("columns", [1, 2, 5, 15, 40, 150, 2000])
def test_what_is_counted_stays_within_the_planned_resources(columns):
    """Also when rare codes have been merged, so that other tables are within the caps."""
    sizes = tuple(2 + (7 * i) % 43 for i in range(columns))
    domain = Domain(tuple(f"c{i}" for i in range(columns)), sizes)
    resources = PrivBayes().resources(domain)
    if 1 < columns <= 150:
        cliques = PrivBayes(usefulness=0.0)._useful(domain, 1000.0, 1.0)
        assert sum(map(domain.cells, cliques)) + sum(domain.sizes) <= resources.counted_cells
        assert len(cliques) + columns <= resources.marginals
        merged = Domain(domain.columns, tuple(1 + size // 2 for size in sizes))
        cliques = PrivBayes(usefulness=0.0)._useful(merged, 1000.0, 1.0)
        assert sum(map(merged.cells, cliques)) + sum(merged.sizes) <= resources.counted_cells
        assert len(cliques) + columns <= resources.marginals
    assert resources.model_cells >= sum(domain.sizes)


def test_a_column_too_large_for_any_table_is_drawn_by_itself():
    rng = np.random.default_rng(0)
    schema = dpsynth.Schema(
        [dpsynth.Categorical("big", values=range(3000)), dpsynth.Categorical("small", values=range(3))]
    )
    table = {"big": rng.integers(0, 3000, 6000), "small": rng.integers(0, 3, 6000)}
    made = dpsynth.synthesize(
        table, schema, epsilon=1.0, delta=1e-6, synthesizer="privbayes", settings={"merge_below": 0.0}
    )
    assert made.model.parents == ((), ())
    assert len(made.measurements) == 4  # what the tables would have cost is spent on the one-ways
    assert made.certificate is not None


def test_one_column_is_just_measured():
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=range(3))])
    made = dpsynth.synthesize(
        {"a": np.repeat([0, 1], 500)}, schema, epsilon=1.0, delta=1e-6, synthesizer="privbayes", seed=0
    )
    assert np.bincount(np.asarray(made.table["a"]).astype(int), minlength=3)[:2].min() > 400


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("columns", [1, 2, 6])
def test_steps_add_up_to_the_budget(relation, columns):
    domain, budget = Domain.of({f"c{i}": 4 for i in range(columns)}), Cost.of_mu(0.4)
    steps = PrivBayes().steps(domain, budget, PrivacyUnit(relation))
    total = sum((step.cost for step in steps), ZERO)
    assert total <= budget
    assert math.isclose(float(total.mu_squared), float(budget.mu_squared), rel_tol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"one_way_share": 0.0},
        {"select_share": 1.0},
        {"one_way_share": 0.7, "select_share": 0.3},
        {"max_parents": 0},
        {"max_parents": 2.5},
        {"max_parents": 9},
        {"usefulness": -1.0},
        {"merge_below": float("nan")},
        {"noise_penalty": float("inf")},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError):
        PrivBayes(**settings)
