"""Columns as they come: cells are merged only when they read alike, and what cannot be read does not fail."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import DataError
from dpsynth.private.cells import is_missing, moment_of, number_of, text_of, unit_of
from dpsynth.private.columns import Cells, cells_of, distinct

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
FIRST_ONE_THIRTY = dt.datetime(2023, 11, 5, 1, 30, tzinfo=NEW_YORK, fold=0)

CELLS: list[Any] = [
    0, 1, 5, True, False, 1.0, 5.0, 0.1, 2**53 + 1, 2**70, float("inf"), float("nan"), None, "1", "5.0", b"1", "",
    np.int8(5), np.float32(0.1), float(np.float32(0.1)), np.bool_(True), np.str_("1"), np.timedelta64(1, "s"),
    Decimal("1"), Decimal("1.00"), Decimal("1E+1"), Decimal("0.1"), Decimal.from_float(0.1),
    Decimal("NaN"), Decimal("sNaN"),
    dt.date(2023, 11, 5), dt.datetime(2023, 11, 5), FIRST_ONE_THIRTY, FIRST_ONE_THIRTY.replace(fold=1),
    FIRST_ONE_THIRTY.astimezone(dt.UTC), pd.Timestamp(FIRST_ONE_THIRTY), pd.Timestamp(0), np.datetime64(7, "as"),
    np.datetime64("2023-11-05"), np.datetime64(2**62, "D"), pd.NaT, pd.NA, [1], (1, 2), 1j, dt.timedelta(1), dt.time(3),
]  # fmt: skip


def readings(cell: object) -> tuple[object, ...]:
    """All that a cell says, alone."""
    if cell is pd.NA or is_missing(cell):
        return ("missing",)
    number, moment = number_of(cell), moment_of(cell, None)
    return text_of(cell), "NaN" if number != number else number, type(number), str(moment), unit_of(cell)


def listed(cells: Cells) -> list[tuple[object, ...]]:
    found = distinct(cells)
    return [("missing",) if code < 0 else readings(found.values[code]) for code in found.codes]


@given(st.lists(st.sampled_from(CELLS), max_size=6))
def test_every_cell_of_a_list_says_what_it_says_alone(cells: list[Any]) -> None:
    assert [reading[:2] for reading in listed(cells_of(cells))] == [readings(cell)[:2] for cell in cells]
    series = pd.Series([None, *cells], dtype=object)[1:]
    assert [reading[3:] for reading in listed(cells_of(series))] == [readings(cell)[3:] for cell in cells]


@pytest.mark.parametrize("unit", ["ps", "fs", "as"])
def test_the_finest_moments_are_read_in_seconds(unit: Any) -> None:
    moments = np.array([np.datetime64(0, unit), np.datetime64(-1, unit), np.datetime64("NaT", unit)])
    found = cells_of(moments)
    assert found.values[:2].tolist() == [dt.datetime(1970, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59)]  # type: ignore[index,attr-defined]
    assert np.isnat(found.values[2])  # type: ignore[arg-type]
    assert str(moment_of(moments[1], None)) == "1969-12-31T23:59:59.000000"


def test_masked_moments_stay_moments() -> None:
    cells = np.ma.masked_array(np.array(["2020-01-02", "2020-01-03"], dtype="M8[ns]"), mask=[False, True])
    assert [reading[-1] for reading in listed(cells_of(cells))] == ["2020-01-02", "missing"]


def invalid_text(kind: Any) -> pa.Array:
    """Arrow text that is not UTF-8, which Arrow itself does not check."""
    offsets = np.array([0, 6, 9], dtype=np.int64 if kind in (pa.large_string(),) else np.int32)
    return pa.Array.from_buffers(kind, 2, [None, pa.py_buffer(offsets), pa.py_buffer(b"SECRET\xff\xfe1")])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_arrow_text_that_is_not_utf8_has_no_reading(kind: Any) -> None:
    for column in (invalid_text(kind), invalid_text(kind).dictionary_encode()):
        assert [reading[0] for reading in listed(cells_of(column))] == ["SECRET", None]


@pytest.mark.parametrize(
    "values", [pa.array([2**60], pa.timestamp("us")), pa.array([2**30], pa.date32()), pa.array([7], pa.timestamp("ns"))]
)
def test_moments_in_an_arrow_dictionary_are_read_as_outside_of_one(values: pa.Array) -> None:
    assert listed(cells_of(values.dictionary_encode())) == listed(cells_of(values))


@pytest.mark.parametrize(
    "kind", [pa.decimal128(10, 2), pa.string(), pa.string_view(), pa.binary(), pa.float64(), pa.date32()]
)
@pytest.mark.parametrize("chunks", [[], [[]]])
def test_an_arrow_column_may_have_no_rows(kind: Any, chunks: Any) -> None:
    assert listed(cells_of(pa.chunked_array(chunks, type=kind))) == []


def test_what_is_no_sequence_is_refused_without_its_cells() -> None:
    for column in ({"SECRET"}, frozenset({"SECRET"}), {"SECRET": 1}):
        with pytest.raises(DataError, match="a column of the data must be") as caught:
            cells_of(column)
        assert "SECRET" not in str(caught.value)
        assert caught.value.__context__ is None
