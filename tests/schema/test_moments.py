from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dpsynth.schema.moments import Datetime


@st.composite
def datetimes(draw: st.DrawFn) -> Datetime:
    resolution = draw(st.sampled_from(["day", "hour", "minute", "second"]))
    low, high = sorted((draw(st.dates()), draw(st.dates())))
    assume(low < high)
    return Datetime("t", lower=low, upper=high, resolution=resolution)  # type: ignore[arg-type]


@given(column=datetimes(), data=st.data())
def test_moments_and_ticks_are_inverse_on_the_whole_grid(column: Datetime, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.integers(0, column.ticks - 1), max_size=20))
    ticks = np.array([0, column.ticks - 1, *inner])
    moments = column.value_of(ticks)
    assert moments.dtype == np.dtype("datetime64[s]")
    assert column.tick_of(moments).tolist() == ticks.tolist()
    assert dataclasses.replace(column) == column


@pytest.mark.parametrize(
    ("resolution", "ticks"), [("day", 366), ("hour", 366 * 24), ("minute", 366 * 1440), ("second", 366 * 86400)]
)
def test_an_upper_date_means_the_whole_day(resolution: Any, ticks: int) -> None:
    column = Datetime("t", lower="2024-01-01", upper="2024-12-31", resolution=resolution)
    assert column.ticks == ticks
    assert column.tick_of(np.array(["2024-12-31T23:59:59"], dtype="datetime64[s]")).tolist() == [ticks - 1]


def test_moments_round_down_also_before_1970() -> None:
    column = Datetime("t", lower="1969-12-30", upper="1970-01-02")
    moments = np.array(["1969-12-31T23:59:59", "1970-01-01T00:00:01", "1900-01-01", "2100-01-01", "NaT"], "M8[ns]")
    assert column.tick_of(moments).tolist() == [1, 2, 0, 3, -1]
    assert column.tick_of(dt.datetime(1969, 12, 31, 12)) == 1
    assert column.tick_of(dt.date(1970, 1, 1)) == 2


def test_bounds_are_kept_as_iso_text() -> None:
    column = Datetime("t", lower=dt.datetime(2024, 1, 1), upper=np.datetime64("2024-01-03T10"), resolution="hour")
    assert (column.lower, column.upper) == ("2024-01-01T00", "2024-01-03T10")
    assert column.ticks == 59
