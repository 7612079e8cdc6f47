"""Sets of values as users write them, on the columns that hold them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dpsynth.errors import SettingError
from dpsynth.schema import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.selection import Range, Selection, both, in_words, select, values_of, written

AGE = Numeric("age", lower=0, upper=99, integer=True, nullable=True)
PAY = Numeric("pay", lower=0, upper=1, decimals=1)
DAY = Datetime("day", lower="2020-01-01", upper="2020-12-31")
HOUR = Datetime("hour", lower="2020-01-01", upper="2020-12-31", resolution="hour")
SEX = Categorical("sex", values=["F", "M"])
ROOMS = Categorical("rooms", values=[1, 2, 3, 4], unknown="other")
YEARS = Categorical("years", values=range(85))


@pytest.mark.parametrize(
    ("column", "given", "expected"),
    [
        (AGE, 5, {"spans": ((5, 5),)}),
        (AGE, (60, 90), {"spans": ((60, 90),)}),
        (AGE, (None, 3), {"spans": ((0, 3),)}),
        (AGE, [(90, None), None, 1, 2], {"spans": ((1, 2), (90, 99)), "null": True}),
        (AGE, {"from": 97.5}, {"spans": ((98, 99),)}),
        (PAY, (0.25, 0.5), {"spans": ((3, 5),)}),
        (PAY, np.float64(0.3), {"spans": ((3, 3),)}),
        (DAY, ("2020-01-02", "2020-01-03"), {"spans": ((1, 2),)}),
        (DAY, pd.Timestamp("2020-01-02"), {"spans": ((1, 1),)}),
        (HOUR, ("2020-01-01", "2020-01-01"), {"spans": ((0, 23),)}),
        (SEX, "F", {"labels": ("F",)}),
        (SEX, ("M", "F"), {"labels": ("M", "F")}),
        (ROOMS, ["2", 3.0], {"labels": (2, 3)}),
        (YEARS, (83, None), {"labels": (83, 84)}),
        (Boolean("b"), True, {"labels": (True,)}),
        (
            OpenCategorical("o", known=["x"], nullable=True),
            ["x", "(other)", None],
            {"labels": ("x", "(other)"), "null": True},
        ),
    ],
)
def test_what_users_write_is_understood(column, given, expected):
    assert select(column, values_of(given)) == Selection(column.name, **expected)


@pytest.mark.parametrize(
    ("column", "given", "message"),
    [
        (SEX, "Q", "one of the column's labels"),
        (SEX, None, "not nullable"),
        (SEX, (None, "F"), "open end"),
        (AGE, (90, 60), "hold at least one value"),
        (AGE, 100, "be a value of the column"),
        (AGE, "old", "must be a number"),
        (PAY, 0.25, "be a value of the column"),
        (DAY, "2020-01-02T10:00", "whole day"),
        (YEARS, (85, 99), "at least one of the column's labels"),
        (ROOMS, (1, 2), "open end|labels"),
        (OpenCategorical("o"), "x", "declaring it as known"),
        (Identifier("i"), "x", "identifier"),
    ],
)
def test_what_a_column_cannot_hold_is_refused(column, given, message):
    if column is ROOMS:  # a range over labels with a text among them means its two ends
        assert select(column, values_of(given)).labels == (1, 2)
        return
    with pytest.raises(SettingError, match=message):
        select(column, values_of(given))


def test_empty_lists_and_odd_ranges_are_refused():
    for given in ([], {}, {"form": 1}):
        with pytest.raises(SettingError):
            values_of(given)


def test_values_are_written_as_they_are_read():
    for given in ("F", ["F", "M"], {"from": 1, "to": 2}, [{"from": 1}, None]):
        assert written(values_of(given)) == given
    assert in_words("age", (Range(None, 3), Range(5, None))) == "age is at most 3 or at least 5"


def test_both_is_the_intersection():
    one = Selection("a", spans=((0, 5), (8, 9)), null=True)
    assert both(one, Selection("a", spans=((3, 8),))) == Selection("a", spans=((3, 5), (8, 8)))
    assert both(Selection("s", labels=("x", "y")), Selection("s", labels=("y",))).labels == ("y",)
