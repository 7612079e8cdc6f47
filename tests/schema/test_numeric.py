from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from dpsynth.errors import SchemaError
from dpsynth.schema.numeric import Numeric


@st.composite
def numerics(draw: st.DrawFn) -> Numeric:
    kind = draw(st.sampled_from(["integer", "decimals", "free"]))
    try:
        if kind == "integer":
            low = draw(st.integers(-(2**62), 2**62))
            return Numeric("x", lower=low, upper=low + draw(st.integers(1, 2**53 - 2)), integer=True)
        if kind == "decimals":
            decimals = draw(st.integers(0, 9))
            limit = 2**48
            low, high = sorted((draw(st.integers(-limit, limit)), draw(st.integers(-limit, limit))))
            return Numeric("x", lower=low / 10**decimals, upper=high / 10**decimals, decimals=decimals)
        bounds = st.floats(-1e300, 1e300, allow_nan=False)
        low_, high_ = sorted((draw(bounds), draw(bounds)))
        return Numeric("x", lower=low_, upper=high_)
    except SchemaError:
        assume(False)
        raise


@given(column=numerics(), data=st.data())
def test_ticks_and_values_are_inverse_on_the_whole_grid(column: Numeric, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.integers(0, column.ticks - 1), max_size=20))
    ticks = np.array([0, column.ticks - 1, *inner])
    values = column.value_of(ticks)
    assert column.tick_of(values).tolist() == ticks.tolist()
    assert values.dtype == (np.int64 if column.integer else np.float64)
    assert (values >= column.lower).all()
    assert (values <= column.upper).all()
    assert column.tick_of(column.lower) == 0
    assert column.tick_of(column.upper) == column.ticks - 1
    assert column.ticks <= 2**53


@given(decimals=st.integers(0, 9), ticks=st.lists(st.integers(0, 2**47), max_size=30))
def test_decimal_values_hold_no_binary_dust(decimals: int, ticks: list[int]) -> None:
    lower = Fraction(-(2**46), 10**decimals)
    column = Numeric("x", lower=float(lower), upper=float(-lower), decimals=decimals)
    values = column.value_of(np.array(ticks, dtype=np.int64))
    for tick, value in zip(ticks, values.tolist(), strict=True):
        assert Fraction(repr(value)) == lower + Fraction(tick, 10**decimals)


def test_shown_decimals_do_not_blur_a_free_grid_far_from_zero() -> None:
    column = Numeric("x", lower=1e8, upper=1e8 + 1.05)
    ticks = np.arange(column.ticks)
    assert (column.tick_of(column.value_of(ticks)) == ticks).all()


def test_a_free_grid_shows_few_decimals() -> None:
    values = Numeric("x", lower=0, upper=1).value_of(np.arange(0, 2**20, 1000))
    assert max(len(repr(value)) for value in values.tolist()) <= len("0.12345678")


@given(st.integers(-(2**62), 2**62), st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.uint64]))
def test_integers_of_every_width_find_their_exact_tick(value: int, dtype: Any) -> None:
    info = np.iinfo(dtype)
    value = min(max(value, info.min), info.max)
    column = Numeric("x", lower=-(2**50), upper=2**50, integer=True)
    expected = min(max(value, -(2**50)), 2**50) + 2**50
    assert column.tick_of(np.array([value], dtype=dtype)).tolist() == [expected]


def test_tick_of_is_total() -> None:
    column = Numeric("x", lower=0, upper=10, integer=True)
    given_values = np.array([np.nan, -np.inf, np.inf, -3.0, 2.4, 2.6, 1e308, -0.0])
    assert column.tick_of(given_values).tolist() == [-1, 0, 10, 0, 2, 3, 10, 0]
    wide = Numeric("x", lower=-1e300, upper=1e300)
    assert wide.tick_of(np.array([1.7e308, -1.7e308, 0.0])).tolist() == [2**20, 0, 2**19]
    assert column.tick_of(np.array([], dtype=np.float64)).tolist() == []
