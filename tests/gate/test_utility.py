"""How far a model is off its noisy measurements: what noise explains is left out, what it does not is seen."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.gate.utility import distances, grouped
from dpsynth.marginal import Basis, NoisyMarginal, residual
from dpsynth.models.random_field import RandomField

DOMAIN = Domain.of({"a": 6, "b": 50})
TRUE = {"a": np.array([30.0, 25, 20, 15, 7, 3]) * 100, "b": np.arange(1.0, 51) * 10000 / 1275}


def release_of(measured: list[NoisyMarginal], one_way: Any = TRUE) -> Any:
    return SimpleNamespace(model=RandomField.independent(DOMAIN, one_way, 10000.0), measurements=tuple(measured))


def measured_of(clique: tuple[str, ...], stddev: float, rng: np.random.Generator, **more: Any) -> NoisyMarginal:
    exact = RandomField.independent(DOMAIN, TRUE, 10000.0).project(clique)
    values = exact + rng.normal(0, stddev, exact.shape)
    return NoisyMarginal(clique, residual(values) if more.get("basis") is Basis.RESIDUAL else values, stddev, **more)


@pytest.mark.parametrize("basis", list(Basis))
def test_noise_alone_is_left_out(rng: np.random.Generator, basis: Basis) -> None:
    found = [distances(release_of([measured_of(("a", "b"), 5.0, rng, basis=basis)])) for _ in range(50)]
    beyond, noise = np.mean(found, axis=0)
    assert noise == pytest.approx(300 * 5 * math.sqrt(2 / math.pi) / 2 / 10000, rel=0.1)
    assert beyond < 0.1 * noise


def test_an_error_of_the_model_is_seen(rng: np.random.Generator) -> None:
    measured = [measured_of(("b",), 0.5, rng)]
    flat = {**TRUE, "b": np.full(50, 200.0)}
    off = np.abs(TRUE["b"] - 200).sum() / 2 / 10000
    beyond, _ = distances(release_of(measured, flat))
    assert beyond == pytest.approx(off, rel=0.05)
    assert distances(release_of(measured))[0] < 0.01


def test_groups_are_added_up(rng: np.random.Generator) -> None:
    cells = (0, 0, 1, 1, 2, 2)
    exact = TRUE["a"].reshape(3, 2).sum(axis=1)
    one = NoisyMarginal(("a",), exact, 1.0, groups=(cells,))
    assert grouped(TRUE["a"], one).tolist() == exact.tolist()
    assert distances(release_of([one]))[0] == 0
    table = rng.normal(size=(6, 50))
    pair = NoisyMarginal(("a", "b"), np.zeros((3, 50)), 1.0, groups=(cells, None))
    np.testing.assert_allclose(grouped(table, pair), table.reshape(3, 2, 50).sum(axis=1))


def test_nothing_to_compare_is_no_number(rng: np.random.Generator) -> None:
    assert all(map(math.isnan, distances(release_of([]))))
    empty = release_of([measured_of(("a",), 1.0, rng)])
    empty.model = SimpleNamespace(total=0.0)
    assert all(map(math.isnan, distances(empty)))
