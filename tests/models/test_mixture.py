from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.models.mixture import Mixture

SIZES = (3, 2, 4, 1)
DOMAIN = Domain(("a", "b", "component", "d"), SIZES)


def example(components: int = 5, total: float = 60.0, seed: int = 0) -> Mixture:
    rng = np.random.default_rng(seed)
    tables = tuple(rng.dirichlet(np.ones(size), components) for size in SIZES)
    return Mixture(DOMAIN, rng.dirichlet(np.ones(components)), tables, total)


def joint_table(mixture: Mixture) -> np.ndarray:
    """All cells of the distribution, by the definition."""
    found = np.zeros(SIZES)
    for k, weight in enumerate(mixture.weights):
        for cell in np.ndindex(*SIZES):
            found[cell] += weight * np.prod([table[k, code] for table, code in zip(mixture.tables, cell, strict=True)])
    return found * mixture.total


@pytest.mark.parametrize("clique", [(), ("b",), ("component", "a"), ("a", "b", "component"), ("d", "b", "a")])
def test_projections_are_the_marginals_of_the_joint_table(clique: tuple[str, ...]) -> None:
    mixture = example()
    joint = joint_table(mixture)
    kept = joint.sum(axis=tuple(axis for axis, column in enumerate(DOMAIN) if column not in clique))
    present = [column for column in DOMAIN if column in clique]
    wanted = kept.transpose([present.index(column) for column in clique])
    found = mixture.project(clique)
    assert found.shape == DOMAIN.shape(clique)
    assert np.allclose(found, wanted, rtol=1e-12)


def test_projections_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingError, match="must name each column once"):
        example().project(("a", "a"))
    with pytest.raises(SettingError, match="unknown columns"):
        example().project(("x",))
    with pytest.raises(PlanTooLargeError, match="must be at most 5"):
        example().project(("a", "b"), max_cells=5)


def test_rounded_rows_follow_every_column_to_one_row() -> None:
    mixture = example(total=1.0)
    rows = 5000
    drawn = mixture.sample(rows, np.random.default_rng(1))
    assert list(drawn) == list(DOMAIN)
    for column in DOMAIN:
        counts = np.bincount(drawn[column], minlength=DOMAIN[column])
        # One row for the rounding of each component's size, and one for that of the column itself.
        assert np.abs(counts - rows * mixture.project((column,))).max() < 1 + mixture.weights.size


@pytest.mark.parametrize("method", ["rounded", "independent"])
def test_rows_of_a_pair_follow_the_mixture_and_not_the_product(method: str) -> None:
    eye = np.eye(3)
    shares = np.array([0.5, 0.3, 0.2])
    mixture = Mixture(Domain.of({"a": 3, "b": 3}), shares, (eye, eye[[1, 2, 0]]), 1.0)
    drawn = mixture.sample(2000, np.random.default_rng(0), method)
    assert np.array_equal((drawn["a"].astype(int) + 1) % 3, drawn["b"])
    shared = np.bincount(drawn["a"], minlength=3) / 2000
    # Independent rows: six standard deviations; rounded ones: one row.
    assert np.abs(shared - shares).max() < (1.01 / 2000 if method == "rounded" else 6 * (0.25 / 2000) ** 0.5)


def stored() -> tuple[dict[str, Any], dict[str, Any]]:
    mixture = example()
    return json.loads(json.dumps(mixture.to_json())), dict(mixture.to_arrays())


def test_round_trip() -> None:
    document, arrays = stored()
    back = Mixture.from_arrays(document, arrays)
    assert (back.domain, back.total) == (DOMAIN, 60.0)
    assert np.array_equal(back.weights, example().weights)
    assert all(np.array_equal(one, two) for one, two in zip(back.tables, example().tables, strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "other"),
        ("columns", ["a", "b", "component"]),
        ("columns", ["a", "b", "component", "a"]),
        ("columns", "abcd"),
        ("sizes", [3, 2, 4, 0]),
        ("sizes", [3, 2, 4, 10**30]),
        ("sizes", [3, 2, 5, 1]),
        ("sizes", None),
        ("components", 4),
        ("components", 0),
        ("components", -5),
        ("components", 5.0),
        ("components", True),
        ("components", [5]),
        ("components", 10**30),
        ("components", None),
        ("total", -1.0),
        ("total", float("nan")),
        ("total", "60"),
        ("total", None),
    ],
)
def test_hostile_documents_are_refused(name: str, value: object) -> None:
    document, arrays = stored()
    document[name] = value
    with pytest.raises(ReleaseError):
        Mixture.from_arrays(document, arrays)


@pytest.mark.parametrize("which", ["weights", "table_0"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.astype(np.float32),
        lambda table: table.astype(object),
        lambda table: table[:1],
        lambda table: table.ravel()[:-1],
        lambda table: table * 2,
        lambda table: np.where(np.arange(table.size).reshape(table.shape) == 0, np.nan, table),
        lambda table: np.where(np.arange(table.size).reshape(table.shape) == 0, -table, table),
        lambda table: np.zeros_like(table),
    ],
)
def test_hostile_tables_are_refused(which: str, spoil: Any) -> None:
    document, arrays = stored()
    arrays[which] = spoil(arrays[which])
    with pytest.raises(ReleaseError):
        Mixture.from_arrays(document, arrays)


def test_missing_and_left_over_tables_are_refused() -> None:
    document, arrays = stored()
    with pytest.raises(ReleaseError):
        Mixture.from_arrays(document, {name: array for name, array in arrays.items() if name != "weights"})
    with pytest.raises(ReleaseError):
        Mixture.from_arrays(document, arrays | {"table_4": arrays["table_0"]})
