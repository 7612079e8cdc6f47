from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.models.belief_propagation import calibrate
from dpsynth.models.junction_tree import junction_tree
from dpsynth.models.random_field import RandomField

COLUMNS = tuple("abcdef")


def random_field(seed: int, spread: float = 2.0, total: float = 500.0) -> RandomField:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, len(COLUMNS) + 1))
    domain = Domain(COLUMNS[:count], tuple(int(size) for size in rng.integers(1, 5, count)))
    cliques = [
        tuple(rng.choice(domain.columns, size=min(count, int(rng.integers(1, 4))), replace=False)) for _ in range(count)
    ]
    tree = junction_tree(domain, cliques)
    potentials = [rng.normal(0, spread, domain.shape(clique)) for clique in tree.cliques]
    return RandomField(tree, calibrate(tree, potentials, total).beliefs, total)


def joint_table(field: RandomField) -> np.ndarray:
    """Product of clique marginals over separator marginals, in the plain way."""
    joint = np.ones(field.domain.sizes)
    for clique, separator, belief in zip(field.tree.cliques, field.tree.separators, field.beliefs, strict=True):
        outside = tuple(axis for axis, column in enumerate(clique) if column not in separator)
        conditional = belief / belief.sum(axis=outside, keepdims=True)
        joint = joint * conditional.reshape([field.domain[c] if c in clique else 1 for c in field.domain.columns])
    return joint * field.total


@given(st.integers(0, 2**32))
def test_projection_on_any_columns_equals_the_sum_of_the_joint_table(seed: int) -> None:
    field = random_field(seed)
    joint = joint_table(field)
    rng = np.random.default_rng(seed)
    letters = dict(zip(field.domain.columns, COLUMNS, strict=False))
    for _ in range(5):
        size = int(rng.integers(0, len(field.domain) + 1))
        clique = tuple(str(c) for c in rng.permutation(field.domain.columns)[:size])
        expected = np.einsum(f"{''.join(letters.values())}->{''.join(letters[c] for c in clique)}", joint)
        np.testing.assert_allclose(field.project(clique), expected, rtol=1e-9, atol=1e-12)


def test_projection_of_a_long_chain_eliminates_along_it() -> None:
    domain = Domain.of({f"c{index}": 10 for index in range(60)})
    cliques = [(f"c{index}", f"c{index + 1}") for index in range(59)]
    tree = junction_tree(domain, cliques)
    rng = np.random.default_rng(0)
    beliefs = calibrate(tree, [rng.normal(size=(10, 10)) for _ in tree.cliques], 1000.0).beliefs
    field = RandomField(tree, beliefs, 1000.0)
    expected = np.diag(field.project(("c0",)))
    for one, two in cliques:
        table = field.project((one, two))
        expected = expected @ (table / table.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(field.project(("c0", "c59")), expected, rtol=1e-8)
    with pytest.raises(PlanTooLargeError, match="cells"):
        field.project(tuple(f"c{index}" for index in range(0, 20, 2)))


def test_projection_refuses_bad_cliques() -> None:
    field = random_field(1)
    with pytest.raises(SettingError):
        field.project(("nowhere",))
    with pytest.raises(SettingError, match="once"):
        field.project((field.domain.columns[0],) * 2)


def test_independent_clips_scales_and_fills_in() -> None:
    domain = Domain.of({"a": 2, "b": 3, "c": 2})
    field = RandomField.independent(domain, {"a": np.array([30.0, -5.0]), "b": np.array([-1.0, -1.0, 0.0])}, 12.0)
    np.testing.assert_allclose(field.project(("a",)), [12, 0])
    np.testing.assert_allclose(field.project(("b", "c")), np.full((3, 2), 2.0))
    with pytest.raises(SettingError, match="entries"):
        RandomField.independent(domain, {"a": np.ones(3)}, 1.0)


@given(st.integers(0, 2**32))
def test_storage_round_trip(seed: int) -> None:
    field = random_field(seed)
    back = RandomField.from_arrays(json.loads(json.dumps(field.to_json())), field.to_arrays())
    assert back.tree == field.tree
    assert (back.total, back.gap) == (field.total, field.gap)
    for one, two in zip(back.beliefs, field.beliefs, strict=True):
        assert np.array_equal(one, two)


def stored() -> tuple[dict[str, Any], dict[str, Any]]:
    domain = Domain.of({"a": 2, "b": 3, "c": 2})
    tree = junction_tree(domain, [("a", "b"), ("b", "c")])
    beliefs = calibrate(tree, [np.zeros(domain.shape(clique)) for clique in tree.cliques], 60.0).beliefs
    field = RandomField(tree, beliefs, 60.0)
    return json.loads(json.dumps(field.to_json())), dict(field.to_arrays())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "other"),
        ("format", None),
        ("columns", "abc"),
        ("columns", ["a", "b"]),
        ("columns", ["a", "b", 3]),
        ("columns", ["a", "a", "c"]),
        ("sizes", [2, 3, 0]),
        ("sizes", [2, 3, -2]),
        ("sizes", [2, 3, 2.0]),
        ("sizes", [2, 3, True]),
        ("sizes", [2, 3, 10**30]),
        ("sizes", None),
        ("cliques", [["a", "b"]]),
        ("cliques", [["a", "b"], ["b", "x"]]),
        ("cliques", [["b", "a"], ["b", "c"]]),
        ("cliques", ["ab", "bc"]),
        ("cliques", [["a", "b"], ["b", "c"], ["a", "c"]]),
        ("cliques", [[], []]),
        ("cliques", {}),
        ("parents", [-1, 5]),
        ("parents", [-1, -1]),
        ("parents", [-1]),
        ("parents", ["-1", 0]),
        ("total", -1),
        ("total", float("nan")),
        ("total", float("inf")),
        ("total", 61.0),
        ("total", 10**400),
        ("total", "60"),
        ("total", True),
        ("gap", None),
        ("gap", -1.0),
    ],
)
def test_hostile_documents_are_refused(name: str, value: object) -> None:
    document, arrays = stored()
    document[name] = value
    with pytest.raises(ReleaseError):
        RandomField.from_arrays(document, arrays)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.astype(np.float32),
        lambda table: table.astype(object),
        lambda table: table.astype(">f8") if np.little_endian else table.astype("<f8"),
        lambda table: table[:1],
        lambda table: table.ravel(),
        lambda table: np.where(np.arange(table.size).reshape(table.shape) == 0, np.nan, table),
        lambda table: np.where(np.arange(table.size).reshape(table.shape) == 0, np.inf, table),
        lambda table: table - 11.0,
        lambda table: table * 2,
        lambda table: np.roll(table * np.arange(1, table.size + 1).reshape(table.shape) / 3.5, 1),
        lambda table: np.ones((0, 3)),
    ],
)
def test_hostile_tables_are_refused(spoil: Any) -> None:
    document, arrays = stored()
    arrays["belief_0"] = spoil(arrays["belief_0"])
    with pytest.raises(ReleaseError):
        RandomField.from_arrays(document, arrays)


def test_missing_and_left_over_tables_are_refused() -> None:
    document, arrays = stored()
    with pytest.raises(ReleaseError):
        RandomField.from_arrays(document, {"belief_0": arrays["belief_0"]})
    with pytest.raises(ReleaseError):
        RandomField.from_arrays(document, arrays | {"belief_2": arrays["belief_0"]})
