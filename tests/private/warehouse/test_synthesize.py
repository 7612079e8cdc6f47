"""A release of a table that stays in its database."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import dpsynth
from tests.private.warehouse.engines import in_duckdb, need_duckdb


def test_a_release_of_a_table_in_duckdb(tmp_path: Path) -> None:
    need_duckdb()
    schema = dpsynth.Schema([dpsynth.Categorical("c", values=["a", "b"]), dpsynth.Boolean("d")])
    where = in_duckdb(pa.table({"c": ["a", "b"] * 200, "d": [True, False] * 200}), tmp_path)
    asked = {"epsilon": 100.0, "delta": 1e-6, "synthesizer": "independent"}
    address = f"{where.url}?table=the%20rows"
    release = dpsynth.synthesize(address, schema, rows=50, **asked)
    assert len(release.table) == 50
    for refused in ({"audit_pool": 10}, {"settings": {"rows_in": "memory"}}):
        with pytest.raises(dpsynth.SettingError, match=r"stay in a warehouse|rows"):
            dpsynth.synthesize(address, schema, **asked, **refused)
