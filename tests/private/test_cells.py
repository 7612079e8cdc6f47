"""Readings of single cells: total functions, equal for equal values."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.private.cells import NULL, UNKNOWN, UNREADABLE, label_finder, moment_of, number_of, text_of
from dpsynth.schema.columns import Boolean, Categorical

ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.text(alphabet="\ud800a"),
    st.binary(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.decimals(),
    st.just(np.complex128(1)),
    st.datetimes(timezones=st.one_of(st.none(), st.just(dt.UTC))),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.complex_numbers(),
    st.tuples(st.integers()),
    st.lists(st.integers()),
    st.sampled_from(
        [object(), np.float16(1), np.int64(-(2**63)), np.datetime64("NaT"), pd.NaT, pd.Timestamp(0), 10**400, 10**5000]
    ),
)
FINDERS = [label_finder(Categorical("c", values=["a", 1, 2.5])), label_finder(Boolean("b"))]


@given(ANYTHING)
def test_no_cell_makes_a_reading_fail(cell: object) -> None:
    assert isinstance(text_of(cell), str | None)
    assert isinstance(number_of(cell), float | None)
    assert isinstance(moment_of(cell, None), np.datetime64 | None)
    assert isinstance(moment_of(cell, "%d.%m.%Y"), np.datetime64 | None)
    assert all(finder(cell) in (0, 1, 2, NULL, UNKNOWN, UNREADABLE) for finder in FINDERS)


@given(st.floats(allow_nan=False))
def test_numbers_survive_as_text(value: float) -> None:
    assert (
        number_of(repr(value)) == number_of(value) == number_of(np.float64(value)) == number_of(Decimal(value)) == value
    )


@given(st.datetimes(timezones=st.timezones()))
def test_moments_with_a_zone_are_brought_to_utc(value: dt.datetime) -> None:
    try:
        expected = np.datetime64(value.astimezone(dt.UTC).replace(tzinfo=None), "us")
    except OverflowError:  # within a day of year 1 or 9999
        return
    assert moment_of(value, None) == expected


@pytest.mark.parametrize("cell", ["", b"", None, float("nan"), Decimal("nan"), np.float32("nan")])
def test_missing_cells(cell: object) -> None:
    assert text_of(cell) == ""
    assert math.isnan(number_of(cell) or 0.0)
    assert np.isnat(moment_of(cell, None) or np.datetime64(0, "us"))
    assert all(finder(cell) == NULL for finder in FINDERS)
