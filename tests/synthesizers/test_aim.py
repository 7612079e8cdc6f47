"""AIM: learns what no tree of pairs can, follows the workload, keeps to its budget and its model size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.synthesizers.aim import AIM
from dpsynth.workload import Workload

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(2)) for name in "abcd"])


def xor_table(rows: int = 6000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    return {"a": a, "b": b, "c": a ^ b, "d": rng.integers(0, 2, rows)}


def release(table=None, epsilon=2.0, schema=SCHEMA, synthesizer="aim", **settings):
    return dpsynth.synthesize(
        table or xor_table(), schema, epsilon=epsilon, delta=1e-6, synthesizer=synthesizer, settings=settings
    )


def test_a_three_way_fact_is_found_that_no_pair_shows():
    assert ((lambda t: (t["a"] ^ t["b"]) == t["c"])(release().table)).mean() > 0.95
    assert ((lambda t: (t["a"] ^ t["b"]) == t["c"])(release(synthesizer="mst").table)).mean() < 0.6


def test_the_workload_says_what_may_be_measured():
    measured = {one.clique for one in release(workload="a,b;d").measurements}
    assert measured <= {("a",), ("b",), ("c",), ("d",), ("a", "b")}
    assert all(len(one.clique) < 3 for one in release(workload=2).measurements)
    assert AIM(workload="3;label=d").workload == Workload(3, "d")


def test_models_stay_within_their_cells():
    rng = np.random.default_rng(1)
    base = rng.integers(0, 6, 3000)
    table = {name: (base + rng.integers(0, 3, 3000)) % 6 for name in "abcdef"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(6)) for name in "abcdef"])
    small = release(table, 20.0, schema, max_model_cells="200", rounds_per_column=4)
    large = release(table, 20.0, schema, max_model_cells=5000, rounds_per_column=4)
    assert sum(belief.size for belief in small.model.beliefs) <= 200
    assert 200 < sum(belief.size for belief in large.model.beliefs) <= 5000


def test_rounds_anneal_and_the_budget_is_spent():
    made = release(xor_table(1000), epsilon=1.0)
    noise = [one.parameters["stddev"][0] for one in made.certificate.mechanisms if one.label == "chosen marginal"]
    assert 2 <= len(noise) < 16 * 4  # all the rounds there could be, were there always something to learn
    assert all(after <= before * 1.0001 for before, after in itertools.pairwise(noise[:-1]))
    assert min(noise) < 0.6 * max(noise)
    assert sum(one.share for one in made.certificate.mechanisms) == pytest.approx(1.0, abs=1e-6)


def test_nothing_to_learn_and_single_columns_do_no_harm():
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=range(3))])
    assert len(release({"a": np.zeros(9, dtype=int)}, schema=schema).measurements) == 1
    empty = {name: np.zeros(0, dtype=int) for name in "abcd"}
    assert release(empty, epsilon=0.05).model.total >= 1


@pytest.mark.parametrize(
    "settings",
    [
        {"select_share": 1.0},
        {"one_way_share": 0.0},
        {"merge_below": -1.0},
        {"max_model_cells": 0.0},
        {"gap": 0.0},
        {"rounds_per_column": 0.0},
        {"workload": "0"},
        {"noise_penalty": float("nan")},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError):
        AIM(**settings)


def test_resources_are_of_the_closure_within_the_model():
    domain = Domain.of({"a": 10, "b": 10, "c": 100})
    assert AIM(max_model_cells=500).resources(domain).counted_cells == 10 + 10 + 100 + 100
    assert AIM().resources(domain).counted_cells == 120 + 100 + 2000 + 10_000
