from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.errors import DataError, SettingError


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"a": rng.integers(0, 3, rows), "b": rng.integers(0, 2, rows), "who": rng.integers(0, rows // 3, rows)}
    )


SCHEMA = dpsynth.Schema([dpsynth.Categorical("a", values=range(3)), dpsynth.Categorical("b", values=range(2))])


WITH_WHO = dpsynth.Schema([*SCHEMA, dpsynth.Identifier("who")])


def release(schema: dpsynth.Schema = SCHEMA, **options: object) -> dpsynth.Release:
    return dpsynth.synthesize(
        table(), schema, epsilon=1e4, delta=1e-9, synthesizer="independent", audit_pool=100, **options
    )  # type: ignore[arg-type]


def test_tails_take_no_part_in_the_fit() -> None:
    made = release()
    assert made.audit_pool is not None
    left_out = int((~made.audit_pool.coins).sum())
    assert 20 < left_out < 80
    assert abs(made.certificate.estimated_total - (300 - left_out)) < 3


def test_the_same_rows_are_known_again_whatever_holds_them(tmp_path: Path) -> None:
    schema = dpsynth.Schema(
        [
            dpsynth.Numeric("x", lower=0, upper=9, decimals=1, missing=5.0),
            dpsynth.OpenCategorical("town", nullable=True),
            dpsynth.Categorical("k", values=["u", "v"], unknown="null", nullable=True),
        ]
    )
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(
        {
            "x": np.where(rng.random(90) < 0.2, np.nan, rng.uniform(-1, 10, 90).round(1)),
            "town": rng.choice(["Oslo", "Moss", None], 90),
            "k": rng.choice(["u", "v", "w"], 90),
        }
    )
    made = dpsynth.synthesize(cells, schema, epsilon=5, delta=1e-6, synthesizer="independent", audit_pool=30)
    pool = made.audit_pool
    assert pool is not None
    cells.to_csv(tmp_path / "cells.csv", index=False)
    for same in (cells, tmp_path / "cells.csv"):
        assert dpsynth.ticked(same, schema).digest(pool.rows, pool.salt) == pool.cells
    other = cells.copy()
    other.loc[pool.rows[7], "town"] = "Voss"
    for changed in (other, cells[::-1]):
        assert dpsynth.ticked(changed, schema).digest(pool.rows, pool.salt) != pool.cells
    assert dpsynth.ticked(cells, schema).digest(pool.rows, "another key") != pool.cells


def test_units_are_in_or_out_with_all_their_rows() -> None:
    made = release(WITH_WHO, unit="who", max_rows_per_unit=50)
    pool = made.audit_pool
    assert pool is not None
    who = table()["who"].to_numpy()[pool.rows]
    assert len(np.unique(who)) == len(pool.coins) == len(np.unique(pool.units))
    assert pd.Series(who).groupby(pool.units).nunique().max() == 1
    expected = 300 - int((~pool.coins[pool.units]).sum())
    assert abs(made.certificate.estimated_total - expected) < 30


def test_replaced_rows_are_drawn_in_pairs() -> None:
    made = release(relation="replace-one")
    assert made.audit_pool is not None
    assert made.audit_pool.pairs
    assert int(made.audit_pool.coins.sum()) == 50


def test_a_release_holds_the_hash_of_the_coins_and_nothing_else(tmp_path: Path) -> None:
    made = release()
    pool = made.audit_pool
    assert pool is not None
    made.save(tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert pool.salt.encode() not in content
        assert b'"coins"' not in content
    loaded = dpsynth.load(tmp_path / "out")
    assert loaded.audit_pool is None
    record = loaded.certificate.audit_pool
    assert record is not None
    assert record.commitment == pool.commitment
    flipped = pool.coins.copy()
    flipped[0] ^= True
    assert dataclasses.replace(pool, coins=flipped).commitment != record.commitment
    assert "Audit pool: 100 units" in (tmp_path / "out" / "certificate.txt").read_text()


def test_no_pool_unless_asked() -> None:
    made = dpsynth.synthesize(table(), SCHEMA, epsilon=1, delta=1e-9, synthesizer="independent")
    assert made.audit_pool is None
    assert made.certificate.audit_pool is None


def test_the_file_comes_back_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    pool = release().audit_pool
    assert pool is not None
    path = pool.save(tmp_path / "pool.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert AuditPool.load(path).to_json() == pool.to_json()
    assert pool.save(path) == path, "the same pool again"
    other = release().audit_pool
    assert other is not None
    with pytest.raises(DataError, match="must be a new file"):
        other.save(path)
    with pytest.raises(DataError, match="folder"):
        pool.save(tmp_path / "nowhere" / "pool.json")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pool.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"coins": [1]},
        {"rows": [0, 10**9]},
        {"units": None},
        {"table_rows": 3},
        {"pairs": True, "coins": [1] * 100},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    pool = release().audit_pool
    assert pool is not None
    path = tmp_path / "pool.json"
    path.write_text(json.dumps({**pool.to_json(), **change}))
    with pytest.raises(DataError, match="must be a whole"):
        AuditPool.load(path)


def test_sizes_follow_what_is_public() -> None:
    assert PoolSize.asked(True, None, pairs=False) == PoolSize(2000, False)
    assert PoolSize.asked(True, 100_000, pairs=False).units == 5000
    assert PoolSize.asked(2501, 100_000, pairs=True) == PoolSize(2500, True)
    for asked, rows in ((True, 9_999), (1, None), (300, 1000)):
        with pytest.raises(SettingError, match="audit_pool"):
            PoolSize.asked(asked, rows, pairs=False)


def test_a_plan_shows_what_the_pool_costs_in_rows() -> None:
    plan = dpsynth.plan(SCHEMA, epsilon=1, delta=1e-9, audit_pool=True)
    assert plan.to_json()["audit_pool"] == {"units": 2000, "pairs": False, "left_out": 1000}
    assert dpsynth.plan(SCHEMA, epsilon=1, delta=1e-9).to_json()["audit_pool"] is None
