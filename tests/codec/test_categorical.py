"""Labels to codes and back, and the dtype of what comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.codec.categorical import CategoricalCodec, OpenCodec, spelled, text_dtype
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, OpenCategorical


@given(st.integers(1, 400), st.booleans(), st.data())
def test_round_trip(size: int, nullable: bool, data: st.DataObject) -> None:
    codec = CategoricalCodec(Categorical("c", values=[f"v{i}" for i in range(size)], nullable=nullable))
    ticks = np.array(data.draw(st.lists(st.integers(-1 if nullable else 0, size - 1))), dtype=np.int64)
    codes = codec.encode(ticks)
    assert codec.size == size + nullable == len(codec.code_labels())
    assert codes.dtype == (np.uint8 if codec.size <= 256 else np.uint16)
    values = codec.decode(codes, np.random.default_rng(0))
    assert [-1 if pd.isna(value) else int(value[1:]) for value in values] == ticks.tolist()


@pytest.mark.parametrize(
    ("labels", "plain", "nullable"),
    [
        (["a", "b"], text_dtype(), text_dtype()),
        ([3, 1], "int64", "Int64"),
        ([0.5, 1], "float64", "float64"),
        ([False, True], "bool", "boolean"),
        ([1, "one"], text_dtype(), text_dtype()),
    ],
)
def test_dtype_depends_on_the_labels_alone(labels: list[Any], plain: str, nullable: str) -> None:
    for column, dtype in (
        (Categorical("c", values=labels), plain),
        (Categorical("c", values=labels, nullable=True), nullable),
        (Boolean("c", labels=labels), plain),
    ):
        codec = CategoricalCodec(column)
        for codes in ([], [0, 1], [codec.size - 1]):
            series = codec.decode(np.array(codes, dtype=np.uint8), np.random.default_rng(0))
            assert series.dtype == dtype
            assert series.isna().sum() == (len(codes) == 1 and column.nullable)
    assert CategoricalCodec(Categorical("c", values=labels)).decode(
        np.array([1]), np.random.default_rng(0)
    ).tolist() in (
        [labels[1]],
        [str(labels[1])],
    )


def test_other_has_a_code_before_null() -> None:
    codec = CategoricalCodec(Categorical("c", values=[1, 2], unknown="other", nullable=True))
    assert codec.code_labels() == ("1", "2", "(other)", "missing")
    assert codec.decode(np.array([0, 2]), np.random.default_rng(0)).tolist() == ["1", "(other)"]


@given(st.booleans(), st.lists(st.text(max_size=3), unique=True, max_size=6), st.data())
def test_open_codec_knows_found_values_only(nullable: bool, labels: list[str], data: st.DataObject) -> None:
    found = tuple(data.draw(st.lists(st.sampled_from([*labels, "absent"]), unique=True)))
    codec = OpenCodec(OpenCategorical("c", nullable=nullable, other="(rest)"), found)
    least = -1 if nullable or not labels else 0
    ticks = np.array(data.draw(st.lists(st.integers(least, len(labels) - 1))), dtype=np.int64)
    codes = codec.encode(ticks[ticks >= 0] if not nullable else ticks, labels)
    expected = [
        codec.size - 1 if tick < 0 else found.index(labels[tick]) if labels[tick] in found else len(found)
        for tick in ticks
        if nullable or tick >= 0
    ]
    assert codes.tolist() == expected
    assert codec.code_labels() == (*found, "(rest)", *(["missing"] if nullable else []))
    assert codec.decode(codes, np.random.default_rng(0)).dtype == text_dtype()


def test_open_codec_refuses_what_is_not_distinct_text() -> None:
    column = OpenCategorical("c")
    for values in ((1,), ("a", "a")):
        with pytest.raises(SettingError, match="values of 'c'"):
            OpenCodec(column, values)
    with pytest.raises(SettingError, match="labels of 'c'"):
        OpenCodec(column, ("a",)).encode(np.array([0]))


def test_spelled_writes_equal_values_alike() -> None:
    assert {spelled(value) for value in (1, 1.0, True, np.int8(1), np.float32(1), np.True_)} == {"1"}
    assert [spelled(value) for value in (0.1, "1.0", float("inf"), -0.0)] == ["0.1", "1.0", "inf", "0"]
    assert {spelled(Decimal(text)) for text in ("1", "1.00", "0.1E+1", "100E-2")} == {"1"}
    assert [spelled(Decimal(text)) for text in ("2.50", "1E+3", "-0.0", "1E-7", "Infinity")] == [
        "2.5", "1000", "0", "0.0000001", "inf",
    ]  # fmt: skip
    assert spelled(Decimal("12345678901234567890.10")) == "12345678901234567890.1"
    assert spelled(2.0**70) == spelled(2**70) == spelled(np.float32(2**70)) == spelled(Decimal(2**70)) == str(2**70)
    assert spelled(np.float32(0.1)) == spelled(float(np.float32(0.1))) == spelled(Decimal(float(np.float32(0.1))))
    for number in (10**5000, Decimal("1E+5000"), Decimal("1E-5000")):
        with pytest.raises(ValueError, match="digits"):
            spelled(number)


@given(st.floats(allow_nan=False), st.decimals(allow_nan=False, min_value=-(10**30), max_value=10**30))
def test_spelled_keeps_the_value_and_writes_no_exponent(number: float, decimal: Decimal) -> None:
    assert float(spelled(number)) == number
    assert spelled(Decimal(number)) == spelled(number)
    assert Decimal(spelled(decimal)) == decimal or decimal == float(decimal) == float(spelled(decimal))
    assert "e" not in spelled(decimal).casefold()
