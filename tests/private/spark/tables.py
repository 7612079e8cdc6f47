"""Tables for the tests of Spark: a column of every kind, cells that are missing, odd or out of bounds, and units."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

ROW = PrivacyUnit()
PERSON = PrivacyUnit(column="person", max_rows=2)
SCHEMA = Schema(
    [
        Identifier("person"),
        Categorical("c", values=["a", "ß", "1"], unknown="other", nullable=True),
        Categorical("i", values=[0, 1.0, "2"]),
        Boolean("b", missing=True),
        OpenCategorical("o", nullable=True),
        Numeric("x.y `z`", lower=-10, upper=10, decimals=1, nullable=True, out_of_bounds="null"),
        Numeric("text", lower=0, upper=99, integer=True, nullable=True),
        Numeric("money", lower=-1, upper=1, decimals=2, nullable=True),
        Datetime("t", lower="1900-01-01", upper="2100-12-31", resolution="second", nullable=True),
        Datetime("zoned", lower="2019-12-25", upper="2020-02-10", resolution="minute", nullable=True),
        Datetime("day", lower="2020-01-05", upper="2020-02-01", missing="2020-01-09"),
    ],
    missing_values=["?"],
)
CODEC = Codec(
    tuple(
        OpenCodec(column, ("p", "ü"))
        if isinstance(column, OpenCategorical)
        else BinnedCodec(column, (0, column.ticks // 3, column.ticks // 2, column.ticks), ())
        if isinstance(column, Numeric | Datetime)
        else closed_codec(column)
        for column in SCHEMA.columns
    )
)
ARROW = pa.schema(
    {
        "person": pa.string(),
        "c": pa.string(),
        "i": pa.int16(),
        "b": pa.bool_(),
        "o": pa.string(),
        "x.y `z`": pa.float64(),
        "text": pa.string(),
        "money": pa.decimal128(12, 3),
        "t": pa.timestamp("us"),
        "zoned": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
    }
)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "person": st.sampled_from(["u", "v", "w", "7", "ß"]),
    "c": st.sampled_from(["a", "ß", "1", "A", "zz", "?", "", None]),
    "i": st.integers(0, 2),
    "b": st.sampled_from([True, False, None]),
    "o": st.sampled_from(["p", "ü", "\U0001f600", "?", "", "ein langer Text", None]),
    "x.y `z`": st.one_of(st.none(), st.floats(-12, 12), st.sampled_from([float("nan"), float("inf"), 0.25])),
    "text": st.sampled_from(["7", " 12 ", "1e1", "?", "", None]),
    "money": st.one_of(st.none(), st.integers(-1100, 1100).map(lambda cents: Decimal(cents).scaleb(-3))),
    "t": st.one_of(st.none(), st.datetimes(dt.datetime(1899, 1, 1), dt.datetime(2102, 1, 1))),
    "zoned": st.one_of(
        st.none(), st.datetimes(dt.datetime(2019, 12, 30), dt.datetime(2020, 2, 1), timezones=st.just(dt.UTC))
    ),
    "day": st.one_of(st.none(), st.dates(dt.date(2020, 1, 1), dt.date(2020, 2, 5))),
}
TABLES = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=25).map(
    lambda rows: pa.Table.from_pylist(rows, schema=ARROW)
)
