"""Redrawn models and tables: their spread is the error of the release, and combining rules bring it back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.inference.intervals import estimate
from dpsynth.inference.posterior import redrawn, redrawn_models, redrawn_tables
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.models.record_update import fit_records
from tests.inference.worlds import ALL, World, measure, noisy, sample


@pytest.fixture(scope="module")
def released() -> World:
    counts = sample(3000, np.random.default_rng(0))
    return measure(counts, [("income", "age"), ("smoker", "age")], 12.0, np.random.default_rng(1))


def test_redrawn_measurements_spread_by_noise_and_sampling(released: World) -> None:
    drawn = np.array([redrawn(released, np.random.default_rng(seed))[0].values for seed in range(200)])
    counts = released.model.project(("income", "age"))
    expected = 12.0**2 + counts * (1 - counts / counts.sum())
    np.testing.assert_allclose(drawn.var(axis=0), expected, rtol=0.5)
    np.testing.assert_allclose(
        drawn.mean(axis=0), released.measurements[0].values, atol=6 * np.sqrt(expected.max() / 200)
    )


def test_combined_tables_have_about_the_error_of_the_release(released: World) -> None:
    tables = redrawn_tables(released, 20, 3000, seed=3)
    ages = [table["age"].dropna().astype(float) for table in tables]
    found = dpsynth.combine([one.mean() for one in ages], [one.var() / len(one) for one in ages])
    analytic = estimate(released, "mean(age)")
    assert 0.6 < float(found.stderrs) / analytic.stderrs[0] < 1.6
    assert abs(float(found.estimates) - analytic.estimates[0]) < 3 * analytic.stderrs[0]


def test_redrawn_models_are_of_the_kind_of_the_release(released: World) -> None:
    assert all(isinstance(model, RandomField) for model in redrawn_models(released, 2, 0))
    start = RandomField.independent(released.model.domain, {}, 300.0)
    measurements = noisy(sample(300, np.random.default_rng(1)), [ALL], 2.0, np.random.default_rng(2))
    records = fit_records(start, measurements, np.random.default_rng(0))
    of_records = dataclasses.replace(released, model=records, measurements=measurements)
    first, second = redrawn_models(of_records, 2, 0)
    assert isinstance(first, RecordTable)
    assert not np.array_equal(first.project(ALL), second.project(ALL))


@pytest.mark.parametrize("synthesizer", ["direct", "mosaic"])
def test_every_row_of_redrawn_tables_keeps_the_constraints(synthesizer: str) -> None:
    rng = np.random.default_rng(0)
    schema = dpsynth.Schema(
        [dpsynth.Boolean("pregnant"), dpsynth.Categorical("sex", values=["F", "M"]), dpsynth.Boolean("smoker")],
        constraints=[dpsynth.Forbidden({"sex": "M", "pregnant": True})],
    )
    sex = rng.choice(["F", "M"], 300)
    table = {"sex": sex, "pregnant": (sex == "F") & (rng.random(300) < 0.3), "smoker": rng.random(300) < 0.5}
    settings = {"marginals": "sex,pregnant;smoker"} if synthesizer == "direct" else {"rounds": 1}
    release = dpsynth.synthesize(
        table, schema, epsilon=1, delta=1e-6, synthesizer=synthesizer, settings=settings, rows=400
    )
    for drawn in release.sample_tables(3, seed=1):
        assert not ((drawn["sex"] == "M") & drawn["pregnant"]).any()


def test_the_same_seed_gives_the_same_tables(released: World) -> None:
    one, other = (redrawn_tables(released, 2, 50, seed=7) for _ in range(2))
    assert all(a.equals(b) for a, b in zip(one, other, strict=True))
    assert not one[0].equals(one[1])


def test_progress_is_told(released: World) -> None:
    told: list[float] = []
    list(redrawn_models(released, 2, 0, lambda stage, fraction: told.append(fraction)))
    assert told == [0.0, 0.5, 1.0]


def test_wrong_numbers_are_refused(released: World) -> None:
    with pytest.raises(SettingError, match="at least 2"):
        redrawn_tables(released, 1, 10)
    with pytest.raises(SettingError, match="not be negative"):
        redrawn_tables(released, 2, -1)
    with pytest.raises(SettingError, match="marginals determine"):
        redrawn_tables(dataclasses.replace(released, measurements=()), 2, 10)
