from __future__ import annotations

import json
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.models.bayes_net import BayesNet

LETTERS = "abcdef"


def network(seed: int, total: float = 500.0, concentration: float = 0.5) -> BayesNet:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, len(LETTERS) + 1))
    domain = Domain(tuple(LETTERS[:count]), tuple(int(size) for size in rng.integers(1, 5, count)))
    order = tuple(str(column) for column in rng.permutation(domain.columns))
    parents, tables = [], []
    for index, column in enumerate(order):
        chosen = rng.permutation(order[:index])[: int(rng.integers(0, 4))] if index else []
        above = tuple(str(name) for name in chosen)
        parents.append(above)
        tables.append(rng.dirichlet(np.full(domain[column], concentration), size=domain.shape(above)))
    return BayesNet(domain, order, tuple(parents), tuple(tables), total)


def joint_table(net: BayesNet) -> np.ndarray:
    """The product of all conditionals, in the plain way; axes in table order."""
    joint = np.full(net.domain.sizes, net.total)
    for column, above, table in zip(net.order, net.parents, net.conditionals, strict=True):
        for cell in np.ndindex(joint.shape):
            where = dict(zip(net.domain.columns, cell, strict=True))
            joint[cell] *= table[tuple(where[name] for name in (*above, column))]
    return joint


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_projection_on_any_columns_equals_the_sum_of_the_joint_table(seed: int) -> None:
    net = network(seed)
    joint, rng = joint_table(net), np.random.default_rng(seed)
    for _ in range(4):
        clique = tuple(str(c) for c in rng.permutation(net.domain.columns)[: int(rng.integers(0, len(net.domain) + 1))])
        expected = np.einsum(f"{''.join(net.domain.columns)}->{''.join(clique)}", joint)
        found = net.project(clique)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        assert found.sum() == pytest.approx(net.total)


def test_projection_of_a_long_chain_stays_small_and_a_wide_one_is_refused() -> None:
    order = tuple(f"c{index}" for index in range(60))
    rng = np.random.default_rng(0)
    tables = [rng.dirichlet(np.ones(10)), *(rng.dirichlet(np.ones(10), size=10) for _ in order[1:])]
    parents = ((), *((before,) for before in order[:-1]))
    net = BayesNet(Domain.of(dict.fromkeys(order, 10)), order, parents, tuple(tables), 1000.0)
    expected = np.diag(tables[0]) * 1000
    for table in tables[1:]:
        expected = expected @ table
    np.testing.assert_allclose(net.project(("c0", "c59"), max_cells=1000), expected, rtol=1e-8)
    with pytest.raises(PlanTooLargeError, match="cells"):
        net.project(order[:20:2])


def test_projection_refuses_bad_cliques() -> None:
    net = network(1)
    with pytest.raises(SettingError, match="unknown"):
        net.project(("nowhere",))
    with pytest.raises(SettingError, match="once"):
        net.project((net.domain.columns[0],) * 2)


DIAMOND = BayesNet(
    Domain.of({"d": 3, "a": 2, "b": 3, "c": 2}),
    ("a", "b", "c", "d"),
    ((), ("a",), ("a",), ("c", "b")),
    (
        np.array([0.6, 0.4]),
        np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]]),
        np.array([[0.7, 0.3], [0.2, 0.8]]),
        np.random.default_rng(5).dirichlet(np.full(3, 3.0), size=(2, 3)),
    ),
    100.0,
)


@pytest.mark.parametrize("method", ["rounded", "independent"])
def test_rows_have_the_law_of_the_network(method: str) -> None:
    rows = DIAMOND.sample(60_000, np.random.default_rng(1), method)
    assert tuple(rows) == DIAMOND.domain.columns
    shape = DIAMOND.domain.sizes
    counts = np.bincount(
        np.ravel_multi_index([rows[c].astype(np.int64) for c in DIAMOND.domain], shape), minlength=np.prod(shape)
    )

    def p_value(model: BayesNet) -> float:
        expected = model.project(model.domain.columns).ravel() * 600
        statistic = ((counts - expected) ** 2 / expected).sum()
        return float(stats.chi2.sf(statistic, counts.size - 1))

    assert p_value(DIAMOND) > 1e-6
    # Power: a network that has the parents of d in the other order is refuted.
    turned = DIAMOND.conditionals[3].reshape(3, 2, 3).transpose(1, 0, 2)
    assert (
        p_value(BayesNet(DIAMOND.domain, DIAMOND.order, DIAMOND.parents, (*DIAMOND.conditionals[:3], turned), 100.0))
        < 1e-6
    )


def test_rounded_rows_follow_the_tables_closer_than_independent_rows() -> None:
    def distance(method: str) -> float:
        rows = DIAMOND.sample(20_000, np.random.default_rng(2), method)
        counts = np.zeros((2, 3))
        np.add.at(counts, (rows["a"], rows["b"]), 1)
        return float(np.abs(counts / 20_000 - DIAMOND.project(("a", "b")) / 100).sum())

    assert distance("rounded") < distance("independent") / 10


def test_dag_has_an_edge_from_each_parent() -> None:
    graph = DIAMOND.dag()
    assert set(graph.edges) == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}
    assert nx.is_directed_acyclic_graph(graph)
    assert list(graph) == list(DIAMOND.order)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_storage_round_trip(seed: int) -> None:
    net = network(seed)
    back = BayesNet.from_arrays(json.loads(json.dumps(net.to_json())), net.to_arrays())
    assert (back.domain, back.order, back.parents, back.total) == (net.domain, net.order, net.parents, net.total)
    assert all(np.array_equal(one, two) for one, two in zip(back.conditionals, net.conditionals, strict=True))


def stored() -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(json.dumps(DIAMOND.to_json())), dict(DIAMOND.to_arrays())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "other"),
        ("format", None),
        ("columns", "dabc"),
        ("columns", ["d", "a", "b"]),
        ("columns", ["d", "a", "b", 3]),
        ("columns", ["d", "a", "b", "b"]),
        ("sizes", [3, 2, 3]),
        ("sizes", [3, 2, 3, 0]),
        ("sizes", [3, 2, 3, 2.0]),
        ("sizes", [3, 2, 3, 10**30]),
        ("order", ["a", "b", "c"]),
        ("order", ["a", "b", "c", "x"]),
        ("order", ["a", "b", "c", "c"]),
        ("order", ["b", "a", "c", "d"]),
        ("order", {}),
        ("parents", [[], ["a"], ["a"], ["c", "c"]]),
        ("parents", [[], ["a"], ["a"], ["c", "d"]]),
        ("parents", [["d"], ["a"], ["a"], ["c", "b"]]),
        ("parents", [[], ["a"], ["a"], ["c", "x"]]),
        ("parents", [[], ["a"], ["a"], ["c"]]),
        ("parents", [[], ["a"], ["a"]]),
        ("parents", [[], "a", ["a"], ["c", "b"]]),
        ("total", -1),
        ("total", float("nan")),
        ("total", 10**400),
        ("total", True),
        ("total", None),
    ],
)
def test_bad_documents_are_refused(name: str, value: object) -> None:
    document, arrays = stored()
    with pytest.raises(ReleaseError):
        BayesNet.from_arrays({**document, name: value}, arrays)
    with pytest.raises(ReleaseError):
        BayesNet.from_arrays({key: item for key, item in document.items() if key != name}, arrays)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, 0.6001])
def test_bad_numbers_are_refused(value: float) -> None:
    document, arrays = stored()
    table = arrays["conditional_1"].copy()
    table[0, 0] = value
    with pytest.raises(ReleaseError):
        BayesNet.from_arrays(document, {**arrays, "conditional_1": table})


def test_bad_tables_are_refused() -> None:
    document, arrays = stored()
    for wrong in (
        {name: table for name, table in arrays.items() if name != "conditional_2"},
        {**arrays, "conditional_4": arrays["conditional_0"]},
        {**arrays, "conditional_3": arrays["conditional_3"].reshape(3, 2, 3)},
        {**arrays, "conditional_3": arrays["conditional_3"].astype(np.float32)},
        {**arrays, "conditional_3": arrays["conditional_3"].astype(object)},
    ):
        with pytest.raises(ReleaseError):
            BayesNet.from_arrays(document, wrong)
