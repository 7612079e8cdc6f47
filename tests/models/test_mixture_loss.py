from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.marginal import Basis, NoisyMarginal, residual
from dpsynth.models.loss import residual_loss
from dpsynth.models.mixture import Mixture
from dpsynth.models.mixture_loss import Layout, MixtureLoss

DOMAIN = Domain.of({"a": 3, "b": 2, "c": 4, "d": 2, "e": 1})
LAYOUT = Layout.of(DOMAIN.sizes)
TOTAL = 200.0
CLIQUES = [("a",), ("e",), ("c", "a"), ("b", "d"), ("a", "b", "d"), ("d", "b", "c"), ("b", "c", "d", "a")]


def measurements(seed: int = 0, cliques: list[tuple[str, ...]] = CLIQUES) -> list[NoisyMarginal]:
    rng = np.random.default_rng(seed)
    found = []
    for index, clique in enumerate(cliques):
        noise = 3.0 * rng.standard_normal(DOMAIN.shape(clique)) + TOTAL / DOMAIN.cells(clique)
        basis = Basis.RESIDUAL if index % 2 else Basis.IDENTITY
        found.append(NoisyMarginal(clique, residual(noise) if index % 2 else noise, 1.0 + index, basis))
    return found


def point(components: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(components)), LAYOUT.softmax(rng.standard_normal((components, LAYOUT.width)))


def plain_error(found: list[NoisyMarginal], weights: np.ndarray, tables: np.ndarray) -> float:
    """Half the squared distance of every measurement in its own basis, by the definition."""
    columns = tuple(tables[:, LAYOUT.slice(index)] for index in range(len(DOMAIN)))
    mixture = Mixture(DOMAIN, weights, columns, TOTAL)
    error = 0.0
    for one in found:
        table = mixture.project(one.clique)
        gap = (residual(table) if one.basis is Basis.RESIDUAL else table) - one.values
        error += float(np.vdot(gap, gap)) / one.stddev**2 / 2
    return error


def test_value_is_the_error_up_to_a_constant() -> None:
    found = measurements()
    loss = MixtureLoss.of(residual_loss(DOMAIN, found, TOTAL), np.float64)
    gaps = [plain_error(found, *point(seed=seed)) - loss.value(*point(seed=seed)) for seed in range(4)]
    assert np.allclose(gaps, gaps[0], rtol=1e-9)


@pytest.mark.parametrize("cliques", [CLIQUES, CLIQUES[:1], CLIQUES[2:4], CLIQUES[4:5]])
def test_gradient_is_that_of_finite_differences(cliques: list[tuple[str, ...]]) -> None:
    loss = MixtureLoss.of(residual_loss(DOMAIN, measurements(0, cliques), TOTAL), np.float64)
    weights, tables = point()
    by_weights, by_tables = loss.gradient(weights, tables, range(len(loss.larger)))
    # A move that keeps the sum over the codes of each column: only those are defined.
    move = LAYOUT.centred(np.random.default_rng(2).standard_normal(tables.shape))
    step = 1e-5
    slope = (loss.value(weights, tables + step * move) - loss.value(weights, tables - step * move)) / (2 * step)
    assert slope == pytest.approx(float(np.vdot(by_tables, move)), rel=1e-6)
    for k in range(weights.size):
        nudge = step * np.eye(weights.size)[k]
        slope = (loss.value(weights + nudge, tables) - loss.value(weights - nudge, tables)) / (2 * step)
        assert slope == pytest.approx(by_weights[k], rel=1e-6)


def test_some_of_the_larger_cliques_stand_for_all_on_average() -> None:
    loss = MixtureLoss.of(residual_loss(DOMAIN, measurements(), TOTAL), np.float64)
    weights, tables = point()
    assert len(loss.larger) > 2
    pairs = list(itertools.combinations(range(len(loss.larger)), 2))
    means = [np.mean([loss.gradient(weights, tables, pair)[part] for pair in pairs], axis=0) for part in (0, 1)]
    for mean, whole in zip(means, loss.gradient(weights, tables, range(len(loss.larger))), strict=True):
        assert np.allclose(mean, whole, rtol=1e-9)


def test_blocks_give_the_same_as_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = MixtureLoss.of(residual_loss(DOMAIN, measurements(), TOTAL), np.float64)
    whole = loss.value(*point()), *loss.gradient(*point(), [0, 1])
    monkeypatch.setattr("dpsynth.models.mixture_loss._BLOCK_CELLS", 5 * LAYOUT.width)
    parts = loss.value(*point()), *loss.gradient(*point(), [0, 1])
    assert all(np.allclose(one, two, rtol=1e-12) for one, two in zip(whole, parts, strict=True))
