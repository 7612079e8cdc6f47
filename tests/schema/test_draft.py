from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.errors import SchemaError
from dpsynth.schema import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical, Schema, draft


def guess(values: Any, name: str = "x") -> Column:
    return draft(pd.DataFrame({name: values}))[name]


WHO = "unreviewed"
DAYS = pd.date_range("2015-03-04", periods=40, freq="D")

GUESSES: list[tuple[str, Any, Column]] = [
    (
        "integers",
        [17, 18, 90, 40, 41, 42, 43, 44, 45, 46, 47] * 3,
        Numeric("x", lower=10, upper=90, integer=True, source=WHO),
    ),
    (
        "integers with nulls",
        [*range(12), *range(12), None],
        Numeric("x", lower=0, upper=20, integer=True, nullable=True, source=WHO),
    ),
    ("cents", [0.25, 17.5, 99.99] * 4, Numeric("x", lower=0.0, upper=100.0, decimals=2, source=WHO)),
    ("measurements", [1 / 3, 2 / 3, 1 / 7], Numeric("x", lower=0.1, upper=0.7, source=WHO)),
    ("infinite", [1.5, np.inf, 2.5], Numeric("x", lower=1.0, upper=3.0, decimals=1, source=WHO)),
    ("one number", [7] * 9, Numeric("x", lower=7, upper=8, integer=True, source=WHO)),
    ("money", [Decimal("1.50"), Decimal("3.25")] * 9, Numeric("x", lower=1.0, upper=4.0, decimals=2, source=WHO)),
    ("few codes", [3, 1, 2, 2] * 9, Categorical("x", values=[1, 2, 3], ordered=True, source=WHO)),
    ("few words", ["b", "a", "c", "a"] * 9, Categorical("x", values=["a", "b", "c"], source=WHO)),
    ("words and nulls", ["b", "a", None, "a"] * 9, Categorical("x", values=["a", "b"], nullable=True, source=WHO)),
    ("many words", [f"w{i % 90}" for i in range(200)], OpenCategorical("x", source=WHO)),
    ("rare words", ["a", "b", "c", "c"], OpenCategorical("x", source=WHO)),
    ("booleans", [True, False, True], Boolean("x", source=WHO)),
    ("booleans and nulls", [True, None, False], Boolean("x", nullable=True, source=WHO)),
    ("yes and no", ["Yes", "No", "No"] * 3, Boolean("x", labels=["No", "Yes"], source=WHO)),
    ("zero and one", [0, 1, 1] * 3, Boolean("x", labels=[0, 1], source=WHO)),
    ("zero, one and nulls", [0.0, 1.0, None] * 3, Boolean("x", labels=[0, 1], nullable=True, source=WHO)),
    ("distinct words", [f"P{i}" for i in range(30)], Identifier("x", source=WHO)),
    ("distinct integers", list(range(1000, 1030)), Identifier("x", source=WHO)),
    ("hashes", [2**62 + i % 15 * 2**58 for i in range(40)], Identifier("x", source=WHO)),
    ("days", DAYS, Datetime("x", lower="2015-01-01", upper="2015-12-31", source=WHO)),
    (
        "hours",
        DAYS + pd.Timedelta(hours=5),
        Datetime("x", lower="2015-01-01", upper="2015-12-31", resolution="hour", source=WHO),
    ),
    (
        "dates",
        [dt.date(2015, 3, 4), dt.date(2016, 3, 4)],
        Datetime("x", lower="2015-01-01", upper="2016-12-31", source=WHO),
    ),
    (
        "dates as text",
        ["04.03.2015", "31.12.2016", None],
        Datetime("x", lower="2015-01-01", upper="2016-12-31", format="%d.%m.%Y", nullable=True, source=WHO),
    ),
    ("nothing", [None, None], OpenCategorical("x", nullable=True, source=WHO)),
    ("no rows", [], OpenCategorical("x", nullable=True, source=WHO)),
]


@pytest.mark.parametrize(("values", "expected"), [case[1:] for case in GUESSES], ids=[case[0] for case in GUESSES])
def test_a_guess_fits_the_values(values: Any, expected: Column) -> None:
    assert repr(guess(values)) == repr(expected)
    assert guess(values) == expected


@pytest.mark.parametrize("dtype", ["Int64", "int8", "uint64", "float32", "object"])
def test_every_dtype_of_whole_numbers_is_understood(dtype: str) -> None:
    column = guess(pd.Series(list(range(0, 100, 2)) * 2, dtype=dtype))
    assert column == Numeric("x", lower=0, upper=100, integer=True, source=WHO)


def test_an_identifier_is_known_by_its_name_in_a_small_table() -> None:
    for name in ("id", "patient_id", "patientID", "uuid", "customer id"):
        assert guess(["a", "b", "c"], name).type == "identifier"
    for name in ("paid", "Madrid"):
        assert guess(["a", "b", "c"], name).type == "open-categorical"


def test_many_numbers_that_repeat_are_an_identifier_in_a_column_called_one() -> None:
    many, few = [1000 + i % 60 for i in range(200)], [1000 + i % 50 for i in range(200)]
    for name in ("id", "patient_id", "PatientID"):
        assert guess(many, name) == Identifier(name, source=WHO)
        assert guess([*many, None], name) == Identifier(name, source=WHO)
        assert guess(few, name).type == "numeric"
        assert guess([number + 0.5 for number in many], name).type == "numeric"
    assert guess(many, "paid").type == "numeric"


MARKED: list[tuple[str, list[str], Column]] = [
    (
        "numbers",
        [str(i % 40) for i in range(99)],
        Numeric("x", lower=0, upper=40, integer=True, nullable=True, source=WHO),
    ),
    (
        "cents",
        ["0.25", "17.5", "99.99"] * 20,
        Numeric("x", lower=0.0, upper=100.0, decimals=2, nullable=True, source=WHO),
    ),
    ("codes", ["3", "1", "2"] * 20, Categorical("x", values=[1, 2, 3], nullable=True, ordered=True, source=WHO)),
    ("zero and one", ["0", "1"] * 20, Boolean("x", labels=[0, 1], nullable=True, source=WHO)),
    (
        "dates",
        ["04.03.2015", "31.12.2016"] * 20,
        Datetime("x", lower="2015-01-01", upper="2016-12-31", format="%d.%m.%Y", nullable=True, source=WHO),
    ),
]


@pytest.mark.parametrize("word", ["?", "N", "NA", "n/a", "-", "null", "none"])
@pytest.mark.parametrize(("cells", "expected"), [case[1:] for case in MARKED], ids=[case[0] for case in MARKED])
def test_one_word_beside_numbers_or_dates_is_a_missing_value(word: str, cells: list[str], expected: Column) -> None:
    schema = draft(pd.DataFrame({"x": [*cells, word, word]}))
    assert schema.missing_values == (word,)
    assert schema["x"] == expected


@pytest.mark.parametrize(
    "cells",
    [
        [*map(str, range(60)), "top"],
        [*map(str, range(60)), "?", "NA"],
        [*map(str, range(20)), *["?"] * 21],
        [*(f"{i:02}" for i in range(60)), "?"],
        [*(f"w{i}" for i in range(60)), "?"],
        ["?"] * 9,
    ],
    ids=["another word", "two words", "mostly the word", "codes with leading zeros", "words", "nothing else"],
)
def test_other_words_are_values(cells: list[str]) -> None:
    schema = draft(pd.DataFrame({"x": cells}))
    assert schema.missing_values == ()
    assert schema["x"].type in ("identifier", "open-categorical", "categorical")


def test_a_missing_value_of_one_column_is_a_label_where_labels_are_listed() -> None:
    ages = [*map(str, range(60)), *["N"] * 40]
    free = [*(f"w{i % 80}" for i in range(99)), "N"]
    schema = draft(pd.DataFrame({"age": ages, "smoker": ["N", "Y"] * 50, "free": free, "two": [*ages[1:99], "N", "?"]}))
    assert schema.missing_values == ("N",)
    assert schema["age"].type == "numeric"
    assert schema["smoker"] == Boolean("smoker", labels=["N", "Y"], source=WHO)
    assert schema["free"] == OpenCategorical("free", nullable=True, source=WHO)
    assert schema["two"] == OpenCategorical("two", nullable=True, source=WHO)


def test_the_file_of_a_draft_says_what_to_think_of(tmp_path: Path) -> None:
    data = pd.DataFrame({"patient_id": [i % 70 for i in range(140)], "age": [*map(str, range(70)), *["?"] * 70]})
    schema = draft(data)
    schema.save(tmp_path / "draft.yaml")
    comments = [line for line in (tmp_path / "draft.yaml").read_text().splitlines() if line.startswith("#")]
    assert any("# patient_id: looks like an identifier" in line and "--unit" in line for line in comments)
    assert any(line.startswith("# missing_values: ") for line in comments)
    assert Schema.load(tmp_path / "draft.yaml") == schema
    schema.confirmed(by="codebook 2019").save(tmp_path / "schema.yaml")
    text = (tmp_path / "schema.yaml").read_text()
    assert text.count("#") == 1
    assert "missing_values: ['?']" in text


def test_an_ordered_category_keeps_its_order() -> None:
    values = pd.Series(["low", "high"] * 3).astype(pd.CategoricalDtype(["low", "mid", "high"], ordered=True))
    assert guess(values) == Categorical("x", values=["low", "mid", "high"], ordered=True, source=WHO)


def test_every_item_of_a_draft_is_unreviewed(tmp_path: Path) -> None:
    data = pd.DataFrame({str(position): case[1] for position, case in enumerate(GUESSES) if len(case[1]) == 9})
    schema = draft(data)
    assert {origin for _, _, origin in schema.provenance()} == {"unreviewed"}
    with pytest.raises(SchemaError, match="confirmed by nobody"):
        schema.require_reviewed()
    schema.save(tmp_path / "draft.yaml")
    assert Schema.load(tmp_path / "draft.yaml") == schema
    assert schema.public_rows is None


def test_a_table_that_fits_no_schema_is_refused_without_quoting_it() -> None:
    data = pd.DataFrame({"a": ["secret", 1], "b": [b"secret", b"x"], "c": [["secret"], []], 4: [1, 2]})
    data["zone"] = pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC")
    with pytest.raises(SchemaError) as caught:
        draft(data)
    assert [problem.column for problem in caught.value.problems] == ["a", "b", "c", None, "zone"]
    assert "secret" not in str(caught.value)
    assert "tz_localize(None)" in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(), max_size=30)
    | st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30)
    | st.lists(st.none() | st.text(max_size=3), max_size=30)
    | st.lists(st.none() | st.datetimes(), max_size=30)
    | st.lists(st.none() | st.booleans(), max_size=30)
)
def test_every_plain_column_can_be_drafted(values: list[Any]) -> None:
    column = guess(values)
    if isinstance(column, Numeric | Datetime):
        assert column.ticks >= 2
