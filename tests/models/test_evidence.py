"""Reweighting: every kind of model against its joint table multiplied by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models import evidence as evidence_module
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.evidence import (
    Evidence,
    ImpossibleError,
    nearest_records,
    reweighted,
    shares_given,
    within_zeros,
)
from dpsynth.models.junction_tree import junction_tree
from dpsynth.models.mixture import Mixture
from dpsynth.models.model import read_model
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.structural_zeros import StructuralZeros

DOMAIN = Domain.of({"a": 3, "b": 2, "c": 4, "d": 2})
ALL = DOMAIN.columns


def shares(rng, *shape):
    table = rng.random(shape) + 0.05
    return table / table.sum(axis=-1, keepdims=True)


def field(rng):
    tree = junction_tree(DOMAIN, [("a", "b"), ("b", "c"), ("c", "d")])
    joint = np.einsum("ab,bc,cd->abcd", shares(rng, 3, 2), shares(rng, 2, 4), shares(rng, 4, 2))
    joint /= joint.sum()
    beliefs = tuple(
        joint.sum(axis=tuple(i for i, c in enumerate(ALL) if c not in clique)) * 80.0 for clique in tree.cliques
    )
    return RandomField(tree, beliefs, 80.0)


def net(rng):
    parents = ((), ("c",), ("c", "a"), ("b",))
    tables = (shares(rng, 4), shares(rng, 4, 3), shares(rng, 4, 3, 2), shares(rng, 2, 2))
    return BayesNet(DOMAIN, ("c", "a", "b", "d"), parents, tables, 80.0)


def mixture(rng):
    return Mixture(DOMAIN, shares(rng, 5), tuple(shares(rng, 5, size) for size in DOMAIN.sizes), 80.0)


def records(rng):
    matrix = np.column_stack([rng.integers(0, size, 20_000) for size in DOMAIN.sizes])
    return RecordTable.of_matrix(DOMAIN, matrix, 80.0)


MODELS = {"field": field, "net": net, "mixture": mixture}


def random_evidence(rng, seed):
    cliques = [("b",), ("d", "a"), ("c", "b")] if seed % 2 else [("a", "b", "d"), ("c",)]
    found = [
        Evidence(clique, rng.random(DOMAIN.shape(clique)) * (rng.random(DOMAIN.shape(clique)) < 0.8))
        for clique in cliques
    ]
    return list(found)


def expected(model, found):
    joint = model.project(ALL)
    for each in found:
        order = [name for name in ALL if name in each.clique]
        table = each.weights.transpose([each.clique.index(name) for name in order])
        joint = joint * table.reshape([DOMAIN[name] if name in order else 1 for name in ALL])
    return joint * (model.total / joint.sum())


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_every_product_model_is_reweighted_exactly(kind, seed):
    rng = np.random.default_rng(seed)
    model = MODELS[kind](rng)
    found = random_evidence(rng, seed)
    changed = reweighted(model, found)
    np.testing.assert_allclose(changed.project(ALL), expected(model, found), atol=1e-9)
    assert changed.domain == DOMAIN
    np.testing.assert_allclose(shares_given(model, found, "c"), changed.project(("c",)) / 80.0)
    again = read_model(changed.to_json(), changed.to_arrays())
    assert {name: column.tolist() for name, column in again.sample(50, np.random.default_rng(0)).items()} == {
        name: column.tolist() for name, column in changed.sample(50, np.random.default_rng(0)).items()
    }


def test_records_are_kept_dropped_or_repeated():
    rng = np.random.default_rng(0)
    table = records(rng)
    keep = Evidence(("a", "b"), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    kept = reweighted(table, [keep])
    np.testing.assert_array_equal(kept.project(("a", "b")) > 0, keep.weights > 0)
    assert kept.records == int((keep.weights[table.codes["a"], table.codes["b"]] > 0).sum())
    found = random_evidence(rng, 1)
    np.testing.assert_allclose(reweighted(table, found).project(ALL), expected(table, found), atol=80 * 2 / 20_000)
    np.testing.assert_allclose(shares_given(table, found, "c"), expected(table, found).sum((0, 1, 3)) / 80, atol=1e-12)


@pytest.mark.parametrize("kind", [*MODELS, "records"])
@pytest.mark.parametrize("method", ["rounded", "independent"])
def test_no_row_lies_in_a_structural_zero(kind, method):
    rng = np.random.default_rng(5)
    model = {**MODELS, "records": records}[kind](rng)
    zeros = [StructuralZeros(clique, rng.random(DOMAIN.shape(clique)) < 0.4) for clique in (("a", "c"), ("b", "d"))]
    kept = within_zeros(model, zeros)
    codes = kept.sample(20_000, rng, method)
    for each in zeros:
        assert not each.mask[tuple(codes[name] for name in each.clique)].any()
    assert within_zeros(kept, zeros) is kept


@pytest.mark.parametrize("kind", [*MODELS, "records"])
def test_what_leaves_nothing_is_impossible(kind):
    model = {**MODELS, "records": records}[kind](np.random.default_rng(1))
    never = [Evidence(("a", "b"), np.eye(3)[:, :2]), Evidence(("a",), np.array([0.0, 0.0, 1.0]))]
    with pytest.raises(ImpossibleError):
        reweighted(model, never)


def test_a_product_that_is_too_large_is_drawn(monkeypatch):
    monkeypatch.setattr(evidence_module, "_RECORDS", 50_000)
    rng = np.random.default_rng(2)
    model, found = net(rng), random_evidence(rng, 0)
    changed = reweighted(model, found, max_cells=1)
    assert isinstance(changed, RecordTable)
    np.testing.assert_allclose(changed.project(ALL), expected(model, found), atol=0.6)


def test_the_nearest_records_get_the_codes():
    codes = {"a": [0, 0, 1], "b": [0, 1, 1], "c": [0, 1, 2], "d": [0, 0, 1]}
    table = RecordTable(DOMAIN, {name: np.array(column, dtype=np.uint8) for name, column in codes.items()}, 3.0)
    found = nearest_records(table, {"a": 2, "b": 1}, [])
    assert {name: column.tolist() for name, column in found.codes.items()} == {
        "a": [2, 2],
        "b": [1, 1],
        "c": [1, 2],
        "d": [0, 1],
    }
    never = StructuralZeros(("a", "c"), np.eye(3, 4, k=-1, dtype=bool))  # a 2 with c 1
    assert nearest_records(table, {"a": 2, "b": 1}, [never]).codes["c"].tolist() == [2]
    with pytest.raises(ImpossibleError):
        nearest_records(
            table, {"a": 2, "b": 1}, [StructuralZeros(("a", "b"), np.array([[0, 0], [0, 0], [0, 1]], dtype=bool))]
        )


def test_evidence_must_fit():
    model = field(np.random.default_rng(0))
    with pytest.raises(SettingError, match="shape"):
        reweighted(model, [Evidence(("a",), np.ones(2))])
    for weights in (np.array([-1.0, 1.0]), np.array([np.nan, 1.0])):
        with pytest.raises(SettingError, match="finite"):
            Evidence(("b",), weights)
    with pytest.raises(SettingError, match="axis"):
        Evidence(("a", "a"), np.ones((3, 3)))
