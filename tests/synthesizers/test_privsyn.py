"""PrivSyn: the choice of marginals against brute force, strong pairs, shares, and wide tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.models.record_table import RecordTable
from dpsynth.synthesizers.privsyn import PrivSyn, choose_marginals


def chain_table(rows: int = 8000, columns: int = 5) -> dict[str, np.ndarray]:
    """Each column a noisy copy of the one before."""
    rng = np.random.default_rng(3)
    out = {"c0": rng.integers(0, 4, rows)}
    for place in range(1, columns):
        before = out[f"c{place - 1}"]
        out[f"c{place}"] = np.where(rng.random(rows) < 0.8, before, rng.integers(0, 4, rows))
    return out


def schema(columns: int = 5) -> dpsynth.Schema:
    return dpsynth.Schema([dpsynth.Categorical(f"c{place}", values=range(4)) for place in range(columns)])


def objective(chosen, dependence, cells, noise) -> float:
    left = [one for index, one in enumerate(dependence) if index not in chosen]
    return noise * sum(cells[index] ** (2 / 3) for index in chosen) ** 1.5 + sum(left)


@pytest.mark.parametrize("seed", range(8))
def test_the_greedy_choice_is_near_the_best(seed):
    rng = np.random.default_rng(seed)
    dependence, cells = rng.exponential(500, 9), rng.integers(4, 200, 9).astype(float)
    chosen = choose_marginals(dependence, cells, noise=2.0)
    subsets = [set(s) for k in range(1, 10) for s in itertools.combinations(range(9), k)]
    best = min(objective(subset, dependence, cells, 2.0) for subset in subsets)
    assert objective(set(chosen), dependence, cells, 2.0) <= 1.1 * best
    assert best < 0.8 * dependence.sum()


def test_free_noise_takes_all_and_hopeless_noise_takes_one():
    dependence, cells = np.array([5.0, 9.0, 2.0]), np.array([4.0, 4.0, 4.0])
    assert sorted(choose_marginals(dependence, cells, 0.0)) == [0, 1, 2]
    assert choose_marginals(dependence, cells, 1e9) == [1]


def test_strong_pairs_are_measured_and_held():
    table = chain_table()
    release = dpsynth.synthesize(table, schema(), epsilon=2.0, delta=1e-6, synthesizer="privsyn", seed=0)
    cliques = [set(one.clique) for one in release.measurements]
    assert all(any({f"c{i}", f"c{i + 1}"} <= clique for clique in cliques) for i in range(4))
    assert (release.table["c0"] == release.table["c1"]).mean() == pytest.approx(
        (table["c0"] == table["c1"]).mean(), abs=0.03
    )
    assert isinstance(release.model, RecordTable)


def test_shares_of_the_budget_are_kept():
    release = dpsynth.synthesize(
        chain_table(300), schema(), epsilon=1.0, delta=1e-6, synthesizer="privsyn",
        settings={"one_way_share": 0.5, "dependence_share": 0.2},
    )  # fmt: skip
    shares = {one.label: one.share for one in release.certificate.mechanisms}
    expected = {"one-way marginals": 0.5, "dependence of pairs": 0.2, "chosen marginals": 0.3}
    assert shares == pytest.approx(expected, abs=1e-6)


def test_a_release_is_stored_and_read_again(tmp_path):
    release = dpsynth.synthesize(chain_table(500), schema(), epsilon=1.0, delta=1e-6, synthesizer="privsyn", seed=1)
    release.save(tmp_path / "out")
    again = dpsynth.load(tmp_path / "out")
    assert again.table.equals(release.table)


def test_wide_tables_are_no_trouble():
    """60 columns, 1770 pairs: no model of all selected pairs would have a small junction tree."""
    table = chain_table(2000, 60)
    release = dpsynth.synthesize(table, schema(60), epsilon=8.0, delta=1e-6, synthesizer="privsyn", seed=0)
    agree = [(release.table[f"c{i}"] == release.table[f"c{i + 1}"]).mean() for i in range(59)]
    assert np.mean(agree) > 0.6  # independent columns agree in 0.25 of the rows


def test_a_single_column_and_settings():
    one = dpsynth.Schema([dpsynth.Categorical("a", values=range(4))])
    release = dpsynth.synthesize({"a": np.zeros(50, dtype=int)}, one, epsilon=1.0, delta=1e-6, synthesizer="privsyn")
    assert [round(step.share, 6) for step in release.certificate.mechanisms] == [1.0]
    for bad in ({"one_way_share": 1.0}, {"sweeps": 0.0}, {"temperature": -1.0}, {"dependence_share": 0.7}):
        with pytest.raises(SettingError):
            PrivSyn(**bad)
