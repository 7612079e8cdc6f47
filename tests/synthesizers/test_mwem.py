"""MWEM: its number of rounds, its candidates, its even budget."""

from __future__ import annotations

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.synthesizers.mwem import MWEM

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in "abcd"])


def table(rows: int = 5000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    a, c = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    return {"a": a, "b": (a + (rng.random(rows) < 0.1)) % 3, "c": c, "d": (c + (rng.random(rows) < 0.1)) % 3}


def release(**settings):
    return dpsynth.synthesize(table(), SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="mwem", settings=settings)


def test_the_worst_explained_pairs_are_measured_and_reproduced():
    made = release(rounds=2)
    assert {one.clique for one in made.measurements if len(one.clique) == 2} == {("a", "b"), ("c", "d")}
    assert (made.table["a"] == made.table["b"]).mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(("settings", "rounds"), [({}, 4), ({"rounds": "7"}, 7)])
def test_rounds_have_equal_parts_of_the_budget(settings, rounds):
    records = release(**settings).certificate.mechanisms
    chosen = [one.share for one in records if one.label == "chosen marginal"]
    assert len(chosen) == rounds
    assert chosen == pytest.approx([0.8 * 0.9 / rounds] * rounds, rel=1e-5)
    assert sum(one.share for one in records) == pytest.approx(1.0, abs=1e-6)


def test_only_cliques_of_the_workload_are_candidates():
    measured = {one.clique for one in release(workload="a,c;b,d").measurements if len(one.clique) > 1}
    assert measured <= {("a", "c"), ("b", "d")}


def test_a_workload_beyond_the_model_is_refused_and_models_stay_small():
    with pytest.raises(PlanTooLargeError, match="max_model_cells"):
        MWEM(max_model_cells=8).resources(Domain.of({"a": 3, "b": 3}))
    made = release(max_model_cells=20, rounds=12)
    assert sum(belief.size for belief in made.model.beliefs) <= 20 + 12


@pytest.mark.parametrize("settings", [{"rounds": -1.0}, {"rounds": 1.5}, {"select_share": 0.0}, {"workload": "0"}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError):
        MWEM(**settings)
