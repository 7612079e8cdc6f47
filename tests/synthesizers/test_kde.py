from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.engine import run_request, settle
from dpsynth.errors import SettingError
from dpsynth.mechanisms.random_fourier import SCALE
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session
from dpsynth.synthesizers.kde import KDE, column_sets, feature_count, kernel_features
from dpsynth.synthesizers.synthesizer import Fitted


def fit(name: str, table: dict[str, np.ndarray], size: int, **settings: object) -> Fitted:
    """A run at epsilon 1 on columns whose codes have no order."""
    schema = dpsynth.Schema([dpsynth.Categorical(c, values=[f"v{i}" for i in range(size)]) for c in table])
    values = {c: np.array([f"v{i}" for i in range(size)], dtype=object)[codes] for c, codes in table.items()}
    asked = settle(schema, epsilon=1.0, delta=1e-6, synthesizer=name, settings=settings)
    source = InsecureTestEntropy(0)
    counter = MemoryCounter(ingest(values, schema, asked.unit, source))
    return run_request(asked, Session(counter, asked.unit, asked.budget, source))


def hidden_codes(rows: int, columns: int) -> dict[str, np.ndarray]:
    """Noisy copies of one hidden code, each with its codes renamed: no order of the codes makes neighbours alike."""
    rng = np.random.default_rng(0)
    hidden = rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    return {
        f"c{i}": rng.permutation(4)[np.where(rng.random(rows) < 0.8, hidden, rng.integers(0, 4, rows))]
        for i in range(columns)
    }


def pair_errors(table: dict[str, np.ndarray], fitted: Fitted) -> tuple[float, float]:
    """Mean distance of the model's pairs, and of independent columns', from the table's."""
    errors, independent = [], []
    for a, b in itertools.combinations(table, 2):
        exact = np.bincount(4 * table[a] + table[b], minlength=16).reshape(4, 4) / len(table[a])
        errors.append(np.abs(fitted.model.project((a, b)) / fitted.model.total - exact).sum() / 2)
        independent.append(np.abs(np.outer(exact.sum(1), exact.sum(0)) - exact).sum() / 2)
    return float(np.mean(errors)), float(np.mean(independent))


def test_relations_of_codes_without_order_are_found() -> None:
    table = hidden_codes(20_000, 5)
    error, independent = pair_errors(table, fit("kde", table, 4))
    assert error < 0.25 * independent


def test_one_column_gets_its_one_ways() -> None:
    fitted = fit("kde", {"a": np.arange(300) % 3}, 3)
    assert [one.clique for one in fitted.measurements] == [("a",)]
    assert len(fitted.model.sample(50, np.random.default_rng(0))["a"]) == 50


@pytest.mark.parametrize(
    "make",
    [
        lambda: KDE(one_way_share=0.0),
        lambda: KDE(bandwidth=0.0),
        lambda: KDE(features=0),
        lambda: KDE(penalty=-1.0),
    ],
)
def test_settings_out_of_range_are_refused(make) -> None:
    with pytest.raises(SettingError, match="must be"):
        make()


def test_all_sets_of_columns_are_looked_at_equally_often() -> None:
    rng = np.random.default_rng(0)
    sets, times = np.unique(column_sets(5, 2, 100, rng), axis=0, return_counts=True)
    assert len(sets) == 10
    assert set(times) == {10}
    many = column_sets(60, 3, 200, rng)
    assert many.shape == (200, 3)
    assert (np.diff(np.sort(many, axis=1), axis=1) > 0).all()
    assert feature_count(Domain.of(dict.fromkeys("abcd", 10)), 10_000, 3) == 4 * 1000


def test_neighbouring_ranks_look_alike_and_distant_ones_do_not() -> None:
    """The kernel of an ordered column falls with the distance of ranks, as a Gaussian of the bandwidth does."""
    domain, share = Domain.of({"a": 50, "b": 1}), np.full(50, 1 / 50)
    rng = np.random.default_rng(1)
    features = kernel_features(domain, (share, np.ones(1)), (50, 0), 4000, 2, 0.2, rng)
    waves = [features.sums({"a": np.array([code]), "b": np.array([0])}).reshape(2, -1) / SCALE for code in (10, 15, 40)]
    likeness = [float((waves[0] * other).sum() / 4000) for other in waves]
    assert likeness == pytest.approx([1.0, np.exp(-0.5 * (0.1 / 0.2) ** 2), np.exp(-0.5 * 3**2)], abs=0.06)
