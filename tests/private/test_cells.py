"""Readings of single cells: total functions, equal for equal values."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.private.cells import NULL, UNKNOWN, UNREADABLE, label_finder, moment_of, number_of, text_of, unit_of
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
    st.sampled_from([np.complex128(1), Decimal("sNaN"), Decimal("1E+999999999"), Decimal("1E-999999999")]),
    st.sampled_from([np.datetime64(2**62, unit) for unit in ("Y", "D", "s", "ns", "ps", "as")]),
    st.sampled_from([np.timedelta64(1, "s"), np.timedelta64("NaT")]),
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
    assert isinstance(number_of(cell), int | float | None)
    assert isinstance(unit_of(cell), str | None)
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


NUMBERS: list[list[Any]] = [
    [1, 1.0, True, Decimal("1.00"), np.int8(1), np.float32(1), np.float64(1), np.bool_(True)],
    [0, -0.0, False, Decimal("0E-9"), Decimal("-0.0"), np.bool_(False)],
    [2.5, Decimal("2.50"), np.float16(2.5), np.float32(2.5)],
]
LABELS: list[list[Any]] = [
    ["1.0", "0.0", "2.50"],
    ["1", "0", "2.5"],
    ["True", "False", "2.5"],
    [1.0, 0, 2.5],
    [1, 0, "2.5"],
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_a_number_finds_its_label_in_whatever_type_and_spelling(labels: list[Any]) -> None:
    finder = label_finder(Categorical("c", values=labels))
    for tick, cells in enumerate(NUMBERS):
        # Text matches as the label is spelled, and as the number is.
        for cell in (*cells, str(labels[tick]), str(labels[tick]).encode(), "102.5"[tick : tick + 1 + 2 * (tick == 2)]):
            assert finder(cell) == tick


def test_the_exact_text_of_a_label_comes_first() -> None:
    finder = label_finder(Categorical("c", values=["True", "1.0", "1", "01", "1E0"]))
    assert [finder(cell) for cell in ("True", "1.0", "1", "01", "1E0")] == [0, 1, 2, 3, 4]
    assert {finder(cell) for cells in NUMBERS[:1] for cell in cells} == {2}
    finder = label_finder(Categorical("c", values=["1.0", 1, "01"]))
    assert [finder(cell) for cell in ("1.0", "1", 1.0, "01")] == [0, 1, 1, 2]
    finder = label_finder(Categorical("c", values=["01", "1E5", "1_0", "true", "+2"]))
    assert {finder(cell) for cell in (1, 100000, 10, True, 2)} == {UNKNOWN}


@pytest.mark.parametrize("cell", [np.timedelta64(1, "s"), np.timedelta64(1), dt.timedelta(1)])
def test_a_duration_is_no_number(cell: object) -> None:
    assert text_of(cell) is number_of(cell) is moment_of(cell, None) is None


def test_far_moments_do_not_wrap_around() -> None:
    for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms"):
        before, after = (moment_of(np.datetime64(sign * 2**62, unit), None) for sign in (-1, 1))
        assert before is not None
        assert after is not None
        assert before.astype("M8[Y]").astype(int) == -after.astype("M8[Y]").astype(int) == -200_000
