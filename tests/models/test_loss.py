from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, NoisyMarginal, residual
from dpsynth.models.loss import residual_loss

Array = npt.NDArray[np.float64]
DOMAIN = Domain.of({"a": 2, "b": 3, "c": 4, "d": 1})


def plain_loss(measurements: list[NoisyMarginal], joint: Array) -> float:
    """L as it is written in the definition, from the joint table of counts."""
    error = 0.0
    for measurement in measurements:
        letters = "".join(measurement.clique)
        x = np.einsum(f"abcd->{letters}", joint)
        x = residual(x) if measurement.basis is Basis.RESIDUAL else x
        error += float(((x - measurement.values) ** 2).sum()) / (2 * measurement.stddev**2)
    return error


def random_measurements(rng: np.random.Generator, count: int) -> list[NoisyMarginal]:
    out = []
    for _ in range(count):
        clique = tuple(rng.permutation(list("abcd"))[: rng.integers(1, 4)])
        values = rng.normal(0, 50, DOMAIN.shape(clique))
        basis = Basis.RESIDUAL if rng.random() < 0.4 else Basis.IDENTITY
        values = residual(values) if basis is Basis.RESIDUAL else values
        out.append(NoisyMarginal(clique, values, float(rng.uniform(0.5, 20)), basis))
    return out


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_canonical_form_equals_the_definition(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    measurements = random_measurements(rng, count)
    joint = rng.gamma(0.5, size=DOMAIN.sizes)
    joint *= 300 / joint.sum()
    loss = residual_loss(DOMAIN, measurements, 300.0)
    marginals = [np.einsum(f"abcd->{''.join(clique)}", joint) for clique in loss.cliques]
    assert np.isclose(loss.value(marginals), plain_loss(measurements, joint), rtol=1e-10)
    assert loss.noisy_values == sum(measurement.values.size for measurement in measurements)


def test_one_clique_measured_twice_is_combined_by_inverse_variance() -> None:
    one, two = np.array([10.0, 30.0]), np.array([30.0, 10.0])
    loss = residual_loss(DOMAIN, [NoisyMarginal(("a",), one, 1.0), NoisyMarginal(("a",), two, 2.0)], 40.0)
    np.testing.assert_allclose(loss.target["a",], 0.8 * residual(one) + 0.2 * residual(two))
    assert np.isclose(loss.precision["a",], 1.25)


def test_a_pair_informs_about_its_columns_with_the_variance_of_its_sums() -> None:
    loss = residual_loss(DOMAIN, [NoisyMarginal(("a", "b"), np.ones((2, 3)), 2.0)], 6.0)
    assert np.isclose(loss.precision["a", "b"], 1 / 4)
    assert np.isclose(loss.precision["a",], 1 / (4 * 3))
    assert np.isclose(loss.precision["b",], 1 / (4 * 2))


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_conjugate_is_symmetric_with_the_stated_diagonal(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    loss = residual_loss(DOMAIN, random_measurements(rng, count), 300.0)
    one = [rng.normal(size=DOMAIN.shape(clique)) for clique in loss.cliques]
    two = [rng.normal(size=DOMAIN.shape(clique)) for clique in loss.cliques]
    left = sum(float(np.vdot(a, b)) for a, b in zip(one, loss.conjugate(two), strict=True))
    right = sum(float(np.vdot(a, b)) for a, b in zip(loss.conjugate(one), two, strict=True))
    assert np.isclose(left, right)
    for index, clique in enumerate(loss.cliques):
        unit = [np.zeros(DOMAIN.shape(other)) for other in loss.cliques]
        unit[index].flat[0] = 1.0
        assert np.isclose(loss.conjugate(unit)[index].flat[0], loss.conjugate_diagonal(clique))
    shared = loss.shared_evenly(one)
    for before, after in zip(loss.conjugate(one), loss.conjugate(shared), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-12)


def test_refusals() -> None:
    for measurement in (
        NoisyMarginal(("a",), np.ones(3), 1.0),
        NoisyMarginal(("z",), np.ones(3), 1.0),
        NoisyMarginal(("a", "a"), np.ones((2, 2)), 1.0),
        NoisyMarginal(("a",), np.array([1.0, np.nan]), 1.0),
        NoisyMarginal(("a",), np.ones(2), float("inf")),
    ):
        with pytest.raises(SettingError):
            residual_loss(DOMAIN, [measurement], 10.0)


def test_grouped_measurements_are_refused() -> None:
    grouped = NoisyMarginal(("a",), np.zeros(2), 1.0, groups=((1, 0),))
    with pytest.raises(SettingError, match="grouped codes"):
        residual_loss(DOMAIN, [grouped], 1.0)
