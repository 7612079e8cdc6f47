from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.marginal import Basis, NoisyMarginal, residual
from dpsynth.models.fit import fit
from dpsynth.structural_zeros import StructuralZeros

Array = npt.NDArray[np.float64]
DOMAIN = Domain.of({"a": 2, "b": 3, "c": 2, "d": 3})
CLIQUES: dict[str, list[str]] = {
    "one-ways": ["a", "b", "c", "d"],
    "tree": ["ab", "bc", "cd", "a", "b"],
    "reversed axes": ["ba", "cb", "dc"],
    "loop": ["ab", "bc", "cd", "da", "a"],
    "triples": ["abc", "bcd", "ad"],
    "repeated": ["ab", "ab", "ba", "c", "d"],
    "residual": ["a", "b", "c", "d", "ab!", "bc!", "bcd!"],
    "residual alone": ["ab!", "cd!"],
}


def rows(rng: np.random.Generator, count: int) -> Array:
    """Counts over the whole domain with structure, many of them zero."""
    table = rng.multinomial(count, rng.dirichlet(np.full(np.prod(DOMAIN.sizes), 0.3))).astype(np.float64)
    return table.reshape(DOMAIN.sizes)


def measure(rng: np.random.Generator, joint: Array, kind: str, stddev: float) -> list[NoisyMarginal]:
    out = []
    for index, name in enumerate(CLIQUES[kind]):
        clique, scale = tuple(name.rstrip("!")), stddev * (1 + index % 3)
        truth = np.einsum(f"abcd->{''.join(clique)}", joint)
        noisy = truth + rng.normal(0, scale, truth.shape)
        basis = Basis.RESIDUAL if name.endswith("!") else Basis.IDENTITY
        out.append(NoisyMarginal(clique, residual(noisy) if basis is Basis.RESIDUAL else noisy, scale, basis))
    return out


def loss_of(measurements: list[NoisyMarginal], joint: Array) -> float:
    """L as defined, from the joint table of counts."""
    error = 0.0
    for m in measurements:
        x = np.einsum(f"abcd->{''.join(m.clique)}", joint)
        x = residual(x) if m.basis is Basis.RESIDUAL else x
        error += float(((x - m.values) ** 2).sum()) / (2 * m.stddev**2)
    return error


def brute_force(measurements: list[NoisyMarginal], total: float, possible: npt.NDArray[np.bool_]) -> float:
    """min L over joint tables of counts: non-negative least squares with one heavy row for the total."""
    cells = np.flatnonzero(possible)
    columns = []
    for cell in cells:
        unit = np.zeros(DOMAIN.sizes)
        unit.flat[cell] = 1.0
        zero = [NoisyMarginal(m.clique, np.zeros_like(m.values), m.stddev, m.basis) for m in measurements]
        parts = []
        for m in zero:
            x = np.einsum(f"abcd->{''.join(m.clique)}", unit)
            parts.append((residual(x) if m.basis is Basis.RESIDUAL else x).ravel() / m.stddev)
        columns.append(np.concatenate(parts))
    matrix = np.array(columns).T
    wanted = np.concatenate([m.values.ravel() / m.stddev for m in measurements])
    heavy = 1e5 * np.abs(matrix).max()
    solution, _ = nnls(
        np.vstack([matrix, np.full(cells.size, heavy)]), np.append(wanted, heavy * total), maxiter=10_000
    )
    joint = np.zeros(DOMAIN.sizes)
    joint.flat[cells] = solution * (total / solution.sum())
    return loss_of(measurements, joint)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(sorted(CLIQUES)), st.sampled_from([0.5, 5.0, 50.0, 2000.0]))
def test_reaches_the_brute_force_optimum_within_the_proved_gap(seed: int, kind: str, stddev: float) -> None:
    rng = np.random.default_rng(seed)
    measurements = measure(rng, rows(rng, 1000), kind, stddev)
    field = fit(DOMAIN, measurements, 1000.0, gap=1e-3)
    noisy_values = sum(m.values.size for m in measurements)
    best = brute_force(measurements, 1000.0, np.ones(DOMAIN.sizes, dtype=bool))
    found = loss_of(measurements, field.project(DOMAIN.columns))
    slack = 1e-6 * (1 + best)
    if kind != "residual alone":
        assert field.gap <= 1e-3
    assert best - slack <= found <= best + field.gap * noisy_values / 2 + slack


def test_power_of_the_optimality_test() -> None:
    """A fit to the wrong weights (stddevs of the two pairs exchanged) is far outside the bound."""
    rng = np.random.default_rng(5)
    joint = rows(rng, 1000)
    right = [
        NoisyMarginal((one, two), np.einsum(f"abcd->{one}{two}", joint) + rng.normal(0, s, DOMAIN.shape((one, two))), s)
        for one, two, s in (("a", "b", 5.0), ("b", "c", 50.0))
    ]
    wrong = [NoisyMarginal(m.clique, m.values, 55.0 - m.stddev) for m in right]
    best = brute_force(right, 1000.0, np.ones(DOMAIN.sizes, dtype=bool))
    assert loss_of(right, fit(DOMAIN, wrong, 1000.0, gap=1e-3).project(DOMAIN.columns)) > best + 100 * 1e-3 * 12 / 2


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from(["tree", "loop", "triples"]), st.sampled_from([0.5, 20.0, 500.0]))
def test_structural_zeros_hold_and_the_optimum_respects_them(seed: int, kind: str, stddev: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((3, 2)) < 0.4
    mask[0, 0] = False
    other = np.zeros((2, 3), dtype=bool)
    other[1, 2] = True
    possible = np.broadcast_to(~(mask.T[:, :, None, None] | other[:, None, None, :]), DOMAIN.sizes)
    joint = rows(rng, 1000) * possible
    joint[0, 0, 0, 0] += 1000 - joint.sum()
    measurements = measure(rng, joint, kind, stddev)
    zeros = [StructuralZeros(("b", "a"), mask), StructuralZeros(("a", "d"), other)]
    field = fit(DOMAIN, measurements, 1000.0, gap=1e-3, structural_zeros=zeros)
    found = field.project(DOMAIN.columns)
    assert np.isfinite(found).all()
    assert not found[~possible].any()
    best = brute_force(measurements, 1000.0, possible)
    noisy_values = sum(m.values.size for m in measurements)
    slack = 1e-6 * (1 + best)
    assert best - slack <= loss_of(measurements, found) <= best + field.gap * noisy_values / 2 + slack


@pytest.mark.parametrize("kind", ["tree", "loop", "triples", "residual"])
def test_the_model_has_maximum_entropy_for_its_own_measured_marginals(kind: str) -> None:
    """Iterative proportional fitting from the uniform table reaches the same joint table."""
    rng = np.random.default_rng(3)
    joint = rng.multinomial(1000, rng.dirichlet(np.full(36, 5.0))).astype(np.float64).reshape(DOMAIN.sizes)
    measurements = measure(rng, joint, kind, 1.0)
    field = fit(DOMAIN, measurements, 1000.0, gap=1e-5)
    found = field.project(DOMAIN.columns)
    cliques = {tuple(sorted(m.clique)) for m in measurements}
    table = np.full(DOMAIN.sizes, 1000 / 36)
    for _ in range(2000):
        for clique in cliques:
            outside = tuple(axis for axis, column in enumerate("abcd") if column not in clique)
            table = table * (found.sum(axis=outside, keepdims=True) / table.sum(axis=outside, keepdims=True))
    np.testing.assert_allclose(found, table, rtol=1e-4, atol=1e-4)


def test_consistent_noiseless_measurements_are_reproduced() -> None:
    joint = rows(np.random.default_rng(4), 5000)
    measurements = [NoisyMarginal(c, np.einsum(f"abcd->{''.join(c)}", joint), 1.0) for c in (("a", "b"), ("b", "d"))]
    field = fit(DOMAIN, measurements, 5000.0, gap=1e-5)
    for m in measurements:
        np.testing.assert_allclose(field.project(m.clique), m.values, atol=0.1)
    np.testing.assert_allclose(field.project(("c",)), [2500, 2500])


def test_without_measurements_the_model_is_uniform() -> None:
    field = fit(DOMAIN, [], 36.0, cliques=[("a", "d")])
    np.testing.assert_allclose(field.project(("d", "a")), np.full((3, 2), 6.0))
    assert field.tree.home(("a", "d")) is not None


def test_columns_of_one_value() -> None:
    domain = Domain.of({"a": 1, "b": 2, "c": 1})
    values = np.array([[30.0, 10.0]])
    field = fit(domain, [NoisyMarginal(("a", "b"), values, 1.0), NoisyMarginal(("c",), np.array([39.0]), 1.0)], 40.0)
    np.testing.assert_allclose(field.project(("c", "b")), values, atol=0.2)


def test_progress_ends_at_one() -> None:
    rng = np.random.default_rng(6)
    seen: list[float] = []
    fit(DOMAIN, measure(rng, rows(rng, 1000), "loop", 5.0), 1000.0, progress=seen.append)
    assert len(seen) > 1
    assert all(0 <= part <= 1 for part in seen)
    assert seen[-1] == 1.0


def test_running_out_of_iterations_returns_an_honest_gap() -> None:
    rng = np.random.default_rng(7)
    measurements = measure(rng, rows(rng, 1000), "loop", 5.0)
    field = fit(DOMAIN, measurements, 1000.0, gap=1e-6, max_iterations=5)
    best = brute_force(measurements, 1000.0, np.ones(DOMAIN.sizes, dtype=bool))
    noisy_values = sum(m.values.size for m in measurements)
    assert field.gap > 1e-6
    assert loss_of(measurements, field.project(DOMAIN.columns)) <= best + field.gap * noisy_values / 2


def test_refusals() -> None:
    good = NoisyMarginal(("a",), np.ones(2), 1.0)
    for total in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="total"):
            fit(DOMAIN, [good], total)
    with pytest.raises(SettingError, match="gap"):
        fit(DOMAIN, [good], 10.0, gap=0.0)
    forbid = np.array([[True, False], [True, False]])
    clash = [StructuralZeros(("a", "c"), forbid), StructuralZeros(("c",), np.array([False, True]))]
    with pytest.raises(SettingError, match="at least one cell"):
        fit(DOMAIN, [good], 10.0, structural_zeros=clash)


def test_a_model_too_large_is_refused_before_anything_is_allocated() -> None:
    domain = Domain.of({f"c{index}": 1000 for index in range(20)})
    clique: Clique = domain.columns
    with pytest.raises(PlanTooLargeError, match="cells"):
        fit(domain, [NoisyMarginal(("c0",), np.ones(1000), 1.0)], 10.0, cliques=[clique])
