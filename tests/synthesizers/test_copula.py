from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.engine import run_request, settle
from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session
from dpsynth.synthesizers.copula import Copula, rank_scores
from dpsynth.synthesizers.synthesizer import Fitted

RHO = 0.7


def normal_table(rows: int) -> dict[str, np.ndarray]:
    """Four normal columns in twelve equal parts each: a and b rise together, c falls with a, d stands alone."""
    rng = np.random.default_rng(0)
    a, d, *own = rng.standard_normal((4, rows))
    numbers = {
        "a": a,
        "b": RHO * a + (1 - RHO**2) ** 0.5 * own[0],
        "c": -RHO * a + (1 - RHO**2) ** 0.5 * own[1],
        "d": d,
    }
    return {name: np.clip(((each + 3) * 2).astype(int), 0, 11) for name, each in numbers.items()}


def fit(table: dict[str, np.ndarray], sizes: dict[str, int], epsilon: float = 1.0, **settings: float) -> Fitted:
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in sizes.items()])
    asked = settle(schema, epsilon=epsilon, delta=1e-6, synthesizer="copula", settings=settings)
    source = InsecureTestEntropy(0)
    counter = MemoryCounter(ingest(table, schema, asked.unit, source))
    return run_request(asked, Session(counter, asked.unit, asked.budget, source))


def pair_errors(table: dict[str, np.ndarray], fitted: Fitted, size: int) -> float:
    distances = []
    for pair in itertools.combinations(table, 2):
        counts = np.zeros((size, size))
        np.add.at(counts, tuple(table[name] for name in pair), 1)
        distances.append(np.abs(counts / counts.sum() - fitted.model.project(pair) / fitted.model.total).sum() / 2)
    return float(np.mean(distances))


def test_pairs_of_normal_columns_are_as_near_as_sampling_lets_them_be() -> None:
    """Power: without the correlations the error is many times as large."""
    table = normal_table(20_000)
    fitted = fit(table, dict.fromkeys(table, 12))
    rng = np.random.default_rng(1)
    alone = {name: rng.permutation(column) for name, column in table.items()}
    assert pair_errors(table, fitted, 12) < 0.035
    assert pair_errors(alone, fitted, 12) > 0.1


def test_rows_drawn_in_at_a_tight_limit_still_tell_the_sign() -> None:
    table = normal_table(20_000)
    model = fit(table, dict.fromkeys(table, 12), clip=0.2).model
    ranks = np.arange(12.0)
    means = {pair: model.project(pair) / model.total for pair in (("a", "b"), ("a", "c"))}
    covariances = {
        pair: ranks @ cells @ ranks - (ranks @ cells.sum(1)) * (ranks @ cells.sum(0)) for pair, cells in means.items()
    }
    assert covariances["a", "b"] > 0.3 > -0.3 > covariances["a", "c"]


def test_scores_rise_and_stay_within_bounds() -> None:
    scores = rank_scores(np.array([0.0, 1e-9, 0.5, 0.0, 0.5 - 1e-9]))
    assert (np.diff(scores) >= 0).all()
    assert np.abs(scores).max() <= 3**0.5


@pytest.mark.parametrize("sizes", [{"a": 3}, {"a": 3, "one": 1}, {"one": 1, "two": 1}])
def test_columns_without_relations_are_no_trouble(sizes: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    fitted = fit({name: rng.integers(0, size, 500) for name, size in sizes.items()}, sizes)
    assert len(fitted.model.sample(100, np.random.default_rng(0))) == len(sizes)


@pytest.mark.parametrize("settings", [{"one_way_share": 1.0}, {"clip": 0.0}, {"clip": float("nan")}, {"components": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Copula(**settings)
