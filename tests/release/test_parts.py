"""Parts of a synthetic table: the same whoever draws them, here or in Spark, and independent of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.release import release as releases
from dpsynth.release.parts import Parts
from dpsynth.release.release import Release
from tests.private.spark.spark_session import absent, spark

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id", prefix="P"),
        dpsynth.Categorical("c", values=["a", "b"], nullable=True),
        dpsynth.Categorical("number", values=[1, 5]),
        dpsynth.Boolean("yes", nullable=True),
        dpsynth.Numeric("x.y", lower=0, upper=10, decimals=1, edges=[5], nullable=True),
        dpsynth.Numeric("whole", lower=0, upper=10, integer=True, edges=[5]),
        dpsynth.Datetime("t", lower="2020-01-01", upper="2020-02-01", resolution="minute", edges=["2020-01-11"]),
    ]
)


@pytest.fixture(scope="module")
def release() -> Release:
    rows = 900
    rng = np.random.default_rng(0)
    table = {
        "c": rng.choice(["a", "b"], rows),
        "number": rng.choice([1, 5], rows),
        "yes": rng.integers(0, 2, rows).astype(bool),
        "x.y": rng.integers(0, 101, rows) / 10,
        "whole": rng.integers(0, 11, rows),
        "t": np.datetime64("2020-01-01") + rng.integers(0, 31, rows).astype("m8[D]"),
    }
    return dpsynth.synthesize(table, SCHEMA, epsilon=10, delta=1e-6, synthesizer="independent", seed=3)


def parts_of(release: Release, rows: int, seed: int) -> Parts:
    return Parts(release.codec, release.model, rows, seed, 1000)


def test_a_part_depends_on_seed_and_number_alone(release: Release) -> None:
    parts, again = parts_of(release, 2500, 8), parts_of(release, 2000, 8)
    assert [len(parts.part(number)) for number in range(parts.count)] == [1000, 1000, 500]
    assert parts.part(1).equals(again.part(1))
    others = [parts.part(0), parts_of(release, 2500, 9).part(1)]
    assert not any(parts.part(1).drop(columns="id").equals(other.drop(columns="id")) for other in others)
    assert (parts_of(release, 0, 8).count, len(parts_of(release, 0, 8).part(0))) == (1, 0)


def test_progress_hears_of_every_part_whichever_thread_drew_it(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "PART_ROWS", 100)
    heard: list[float] = []
    drawn = pd.concat(release.sample_parts(950, seed=8, progress=lambda _, done: heard.append(done)))
    assert heard == sorted(heard)
    assert (len(heard), heard[-1], len(drawn)) == (10, 1.0, 950)
    assert drawn.equals(pd.concat(release.sample_parts(950, seed=8)))


@pytest.mark.skipif(absent() is not None, reason=str(absent()))
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")
def test_spark_draws_the_same_rows(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "PART_ROWS", 1000)
    frame = release.sample_in_spark(spark(), 2500, seed=8)
    kinds = ["string", "string", "bigint", "boolean", "double", "bigint", "timestamp_ntz"]
    assert [kind for _, kind in frame.dtypes] == kinds
    found = frame.toArrow().to_pandas().sort_values("id", key=lambda ids: ids.str[1:].astype(int))
    expected = pd.concat(release.sample_parts(2500, seed=8), ignore_index=True)
    for name in SCHEMA.names:
        assert found[name].isna().tolist() == expected[name].isna().tolist(), name
        present = expected[name].notna().to_numpy()
        assert found[name][present].astype(str).tolist() == expected[name][present].astype(str).tolist(), name
    with pytest.raises(dpsynth.SettingError, match="rows"):
        release.sample_in_spark(spark(), -1)
