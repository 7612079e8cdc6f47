from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models.belief_propagation import calibrate, largest_sum
from dpsynth.models.junction_tree import JunctionTree, junction_tree

Array = npt.NDArray[np.float64]
COLUMNS = tuple("abcdef")


def brute_force(tree: JunctionTree, log_potentials: list[Array]) -> tuple[list[Array], float, float]:
    """Clique marginals, log partition function and largest sum, from the whole joint table in long double."""
    letters = {column: chr(97 + index) for index, column in enumerate(tree.domain.columns)}
    joint = np.zeros(tree.domain.sizes, dtype=np.longdouble)
    for clique, table in zip(tree.cliques, log_potentials, strict=True):
        shape = [tree.domain[column] if column in clique else 1 for column in tree.domain.columns]
        joint = joint + table.reshape(shape)
    peak = joint.max()
    mass = np.exp(joint - peak)
    total = mass.sum()
    everything = "".join(letters.values())
    marginals = [
        np.einsum(f"{everything}->{''.join(letters[c] for c in clique)}", mass / total).astype(np.float64)
        for clique in tree.cliques
    ]
    return marginals, float(peak + np.log(total)), float(peak)


def check(tree: JunctionTree, log_potentials: list[Array]) -> None:
    before = [table.copy() for table in log_potentials]
    found = calibrate(tree, log_potentials, total=250.0)
    marginals, log_partition, peak = brute_force(tree, log_potentials)
    scale = 1e-15 * max(1.0, max(float(np.abs(t[np.isfinite(t)]).max(initial=0.0)) for t in log_potentials))
    assert math.isclose(found.log_partition, log_partition, rel_tol=1e-12, abs_tol=1e-11)
    assert math.isclose(largest_sum(tree, log_potentials), peak, rel_tol=1e-12, abs_tol=1e-12)
    for belief, expected in zip(found.beliefs, marginals, strict=True):
        np.testing.assert_allclose(belief, 250 * expected, rtol=1e-10 + 100 * scale, atol=1e-250)
        assert np.isclose(belief.sum(), 250.0)
    for table, copy in zip(log_potentials, before, strict=True):
        assert np.array_equal(table, copy)


@st.composite
def trees(draw: st.DrawFn) -> tuple[JunctionTree, np.random.Generator]:
    count = draw(st.integers(1, len(COLUMNS)))
    domain = Domain(COLUMNS[:count], tuple(draw(st.integers(1, 4)) for _ in range(count)))
    cliques = draw(st.lists(st.sets(st.sampled_from(domain.columns), min_size=1, max_size=3), max_size=6))
    tree = junction_tree(domain, [tuple(clique) for clique in cliques])
    return tree, np.random.default_rng(draw(st.integers(0, 2**32)))


@given(trees(), st.sampled_from([0.1, 3.0, 100.0]))
def test_agrees_with_brute_force(case: tuple[JunctionTree, np.random.Generator], spread: float) -> None:
    tree, rng = case
    check(tree, [rng.normal(0, spread, tree.domain.shape(clique)) for clique in tree.cliques])


@given(trees(), st.floats(0.1, 0.9))
def test_agrees_with_brute_force_on_zeros(case: tuple[JunctionTree, np.random.Generator], share: float) -> None:
    tree, rng = case
    tables = [rng.normal(0, 2, tree.domain.shape(clique)) for clique in tree.cliques]
    cell = {column: int(rng.integers(tree.domain[column])) for column in tree.domain.columns}
    for clique, table in zip(tree.cliques, tables, strict=True):
        table[rng.random(table.shape) < share] = -np.inf
        table[tuple(cell[column] for column in clique)] = rng.normal()
    check(tree, tables)


@pytest.mark.parametrize("spread", [800.0, 1e5, 1e9])
def test_potentials_far_apart_neither_overflow_nor_lose_mass(spread: float) -> None:
    """In a plain probability domain every value here underflows: each cell's largest clique factor is exp(-spread)."""
    domain = Domain.of({"a": 2, "b": 2, "c": 2})
    tree = junction_tree(domain, [("a", "b"), ("b", "c")])
    # Clique ab wants b = 0 by `spread`, clique bc wants b = 1 by `spread` + 1: the truth depends on the difference.
    tables = {
        ("a", "b"): np.array([[0.0, -spread], [math.log(2), -spread]]),
        ("b", "c"): np.array([[-spread - 1, -spread - 1], [0.0, 0.0]]),
    }
    found = calibrate(tree, [tables[clique] for clique in tree.cliques])
    belief = dict(zip(tree.cliques, found.beliefs, strict=True))
    # Weights: b = 0: 3 * 2 exp(-spread - 1); b = 1: 2 * 2 exp(-spread).
    odds = 6 * math.exp(-1) / 4
    np.testing.assert_allclose(belief["b", "c"].sum(axis=1), [odds / (1 + odds), 1 / (1 + odds)], rtol=1e-6)
    np.testing.assert_allclose(belief["a", "b"][:, 0] / belief["a", "b"][:, 0].sum(), [1 / 3, 2 / 3], rtol=1e-6)


def test_no_cell_left_is_refused() -> None:
    tree = junction_tree(Domain.of({"a": 2, "b": 2, "c": 2}), [("a", "b"), ("b", "c")])
    # Each clique leaves cells, together they leave none: ab allows only b = 0, bc only b = 1.
    tables = {("a", "b"): np.array([[0.0, -np.inf]] * 2), ("b", "c"): np.array([[-np.inf] * 2, [0.0] * 2])}
    with pytest.raises(SettingError, match="at least one cell"):
        calibrate(tree, [tables[clique] for clique in tree.cliques])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number_is_refused(bad: float) -> None:
    tree = junction_tree(Domain.of({"a": 2, "b": 2}), [("a",)])
    with pytest.raises(SettingError, match="NaN"):
        calibrate(tree, [np.array([0.0, bad]), np.zeros(2)])
