"""polars and Arrow in and out: the same answers as from pandas, and types that arrive."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dpsynth
from dpsynth.errors import DataError, MissingExtraError

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True),
        dpsynth.Numeric("age", lower=0, upper=120, integer=True, nullable=True, edges=[18, 65]),
        dpsynth.Numeric("pay", lower=0, upper=100, decimals=2, edges=[10, 50]),
        dpsynth.Boolean("smoker"),
        dpsynth.Datetime("seen", lower="2020-01-01", upper="2020-12-31", edges=["2020-06-01"]),
        dpsynth.Categorical("size", values=["S", "L"]),
    ]
)
ROWS = {
    "sex": ["F", "M", None, "F"] * 50,
    "age": [31, None, 47, 62] * 50,
    "pay": [0.5, 10.25, 99.99, 50.0] * 50,
    "smoker": [True, False, False, True] * 50,
    "seen": [dt.date(2020, 1, 2), dt.date(2020, 7, 1), dt.date(2020, 12, 31), dt.date(2020, 3, 3)] * 50,
    "size": ["S", "L", "L", "S"] * 50,
}


def frames() -> dict[str, object]:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(ROWS, schema_overrides={"size": polars.Categorical, "pay": polars.Decimal(6, 2)})
    enum = frame.with_columns(
        polars.col("size").cast(polars.Enum(["L", "S"])), polars.col("seen").cast(polars.Datetime)
    )
    return {"polars": frame, "polars enum": enum, "arrow": pa.table(ROWS), "batches": pa.table(ROWS).to_reader()}


def test_they_are_read_as_a_mapping_is() -> None:
    def counts(data: object) -> list[list[float]]:
        made = dpsynth.synthesize(data, SCHEMA, epsilon=1e4, delta=1e-6, synthesizer="independent", rows=10)
        return [np.rint(made.model.project((name,))).tolist() for name in SCHEMA.names]

    expected = counts(ROWS)
    for name, frame in frames().items():
        assert np.allclose(np.concatenate(counts(frame)), np.concatenate(expected), atol=1), name


def test_they_are_checked_and_drafted() -> None:
    found = frames()
    del found["batches"]
    for name, frame in found.items():
        assert dpsynth.check(frame, SCHEMA) == (), name
        draft = dpsynth.draft(frame)
        assert draft.names == SCHEMA.names
        assert {type(column) for column in draft} >= {dpsynth.Numeric, dpsynth.Boolean, dpsynth.Datetime}, name
        assert draft["age"] == dpsynth.draft(pd.DataFrame(ROWS).astype({"age": "Int64"}))["age"], name
    large = pa.table({"id": [2**60 + 1, None, 2**60 + 3]})
    assert isinstance(dpsynth.draft(large)["id"], dpsynth.Identifier | dpsynth.Numeric)
    with pytest.raises(DataError, match="got int"):
        dpsynth.draft(3)


def test_they_are_given_out_with_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars")
    made = dpsynth.synthesize(ROWS, SCHEMA, epsilon=10, delta=1e-6, synthesizer="independent", seed=1)
    frame, table = made.to_polars(), made.to_arrow()
    assert isinstance(table, pa.Table)
    assert frame.height == table.num_rows == made.rows
    assert frame["smoker"].dtype == polars.Boolean
    assert frame["age"].dtype == polars.Int64
    assert isinstance(frame["seen"].dtype, polars.Datetime)
    assert frame["sex"].null_count() == made.table["sex"].isna().sum()
    assert made.drawn(7, 3).to_polars().height == 7
    assert dpsynth.check(frame, SCHEMA) == ()
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"dpsynth-engine\[polars\]"):
        made.to_polars()
