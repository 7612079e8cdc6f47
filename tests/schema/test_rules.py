from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from dpsynth.errors import SchemaError
from dpsynth.schema import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical

# One broken rule each: the call, the item it must name, and words its message must hold.
BROKEN: list[tuple[str, Any, dict[str, Any], str, str]] = [
    ("empty name", Boolean, {"name": " "}, "name", "must be text that is not empty"),
    ("number as name", Boolean, {"name": 3}, "name", "got a whole number"),
    ("line break in name", Boolean, {"name": "a\nb"}, "name", "printable"),
    ("nullable as text", Boolean, {"nullable": "yes"}, "nullable", "must be true or false; got text"),
    ("empty source", Boolean, {"source": ""}, "source", "not empty"),
    ("source of an unknown item", Boolean, {"source": {"labls": "x"}}, "source", "did you mean 'labels'"),
    ("source that is no text", Boolean, {"source": {"labels": 3}}, "source", "source of labels must be text"),
    ("no values", Categorical, {"values": []}, "values", "at least 1 label; got 0"),
    ("values as text", Categorical, {"values": "FM"}, "values", "must be a list; got text"),
    ("values without order", Categorical, {"values": {"F", "M"}}, "values", "must be a list; got a set"),
    ("too many values", Categorical, {"values": range(10**30)}, "values", "at most 1000000"),
    ("repeated value", Categorical, {"values": ["a", "b", "a"]}, "values", "entry 3 of values must be distinct"),
    ("equal numbers", Categorical, {"values": [1, 1.0]}, "values", "entry 2 of values must be distinct"),
    ("spelled alike", Categorical, {"values": [1, "1"]}, "values", "differ from entry 1 when written"),
    ("true beside one", Categorical, {"values": [1, True]}, "values", "must not mix true/false with numbers"),
    ("true beside two", Categorical, {"values": [2, True]}, "values", "must not mix true/false with numbers"),
    ("None in values", Categorical, {"values": ["a", None]}, "values", "entry 2 of values must be text"),
    ("None says nullable", Categorical, {"values": ["a", None]}, "values", "try nullable: true"),
    ("NaN in values", Categorical, {"values": ["a", float("nan")]}, "values", "try nullable: true"),
    ("infinity in values", Categorical, {"values": [float("inf")]}, "values", "must be finite"),
    ("date in values", Categorical, {"values": [dt.date(2020, 1, 1)]}, "values", "got a date"),
    ("giant value", Categorical, {"values": [2**64]}, "values", "64 bits"),
    ("half a surrogate pair", Categorical, {"values": ["\ud800"]}, "values", "valid Unicode"),
    ("ordered as number", Categorical, {"ordered": 1}, "ordered", "must be true or false"),
    ("unknown rule", Categorical, {"unknown": "othr"}, "unknown", "did you mean 'other'"),
    ("null without nullable", Categorical, {"unknown": "null"}, "unknown", "nullable: true"),
    ("other without unknown", Categorical, {"other": "x"}, "other", "try unknown: other"),
    ("other among values", Categorical, {"unknown": "other", "other": "F"}, "other", "must not be in values"),
    ("fill that is no label", Categorical, {"missing": "X"}, "missing", "one of the column's labels"),
    (
        "fill of another type",
        Categorical,
        {"values": [0, 1], "missing": False},
        "missing",
        "one of the column's labels",
    ),
    ("fill and nullable", Categorical, {"missing": "F", "nullable": True}, "missing", "left out of a nullable column"),
    ("numbers in an open column", OpenCategorical, {"known": [1]}, "known", "must be text"),
    ("other among known", OpenCategorical, {"known": ["(other)"]}, "other", "must not be in known"),
    ("cap below known", OpenCategorical, {"known": ["a", "b"], "max_values": 1}, "max_values", "from 2 to"),
    ("true as cap", OpenCategorical, {"max_values": True}, "max_values", "must be a whole number; got true/false"),
    ("bounds crossed", Numeric, {"lower": 5, "upper": 3}, "lower", "lower (5) must be below upper (3)"),
    ("bounds equal", Numeric, {"lower": 3, "upper": 3}, "lower", "must be below"),
    ("NaN bound", Numeric, {"lower": float("nan")}, "lower", "must be finite"),
    ("infinite bound", Numeric, {"upper": float("inf")}, "upper", "must be finite"),
    ("giant bound", Numeric, {"upper": 10**400}, "upper", "must be finite"),
    ("giant negative bound", Numeric, {"lower": -(10**400)}, "lower", "must be finite"),
    ("text bound", Numeric, {"lower": "0"}, "lower", "must be a number; got text"),
    ("true as bound", Numeric, {"lower": True}, "lower", "must be a number; got true/false"),
    ("half as integer", Numeric, {"integer": True, "upper": 9.5}, "upper", "whole number"),
    ("integer beyond int64", Numeric, {"integer": True, "upper": 2**63}, "upper", "64 bits"),
    ("integer with decimals", Numeric, {"integer": True, "decimals": 2}, "decimals", "left out of an integer"),
    ("ten decimals", Numeric, {"decimals": 10}, "decimals", "from 0 to 9"),
    ("bound off the grid", Numeric, {"decimals": 1, "upper": 9.55}, "upper", "at most 1 decimals"),
    ("too many steps", Numeric, {"integer": True, "lower": 0, "upper": 2**53}, "upper", "fewer than 2^53 steps"),
    ("steps below float64", Numeric, {"decimals": 9, "upper": 10**6}, "upper", "fewer decimals"),
    ("bounds too close", Numeric, {"lower": 1e9, "upper": 1e9 + 1e-5}, "upper", "must differ visibly"),
    ("no bin", Numeric, {"bins": 0}, "bins", "from 1 to"),
    ("more bins than points", Numeric, {"integer": True, "bins": 12}, "bins", "from 1 to 11"),
    ("bins and edges", Numeric, {"bins": 2, "edges": [5]}, "bins", "left out when edges are given"),
    ("edges unsorted", Numeric, {"edges": [5, 4]}, "edges", "entry 2 of edges must be above"),
    ("edge outside", Numeric, {"edges": [5, 11]}, "edges", "entry 2 of edges must lie between lower and upper"),
    ("edge as text", Numeric, {"edges": ["5"]}, "edges", "entry 1 of edges must be a number; got text"),
    ("edges between points", Numeric, {"integer": True, "edges": [1.2, 1.8]}, "edges", "one grid step apart"),
    ("atom outside", Numeric, {"integer": True, "atoms": [11]}, "atoms", "between lower and upper"),
    ("atom off the grid", Numeric, {"integer": True, "atoms": [0.5]}, "atoms", "on the grid"),
    ("atom twice", Numeric, {"integer": True, "atoms": [1, 1]}, "atoms", "distinct"),
    ("out of bounds rule", Numeric, {"out_of_bounds": "drop"}, "out_of_bounds", "one of clip, null, refuse"),
    ("fill outside", Numeric, {"missing": 11}, "missing", "missing (11) must lie between"),
    ("fill off the grid", Numeric, {"decimals": 1, "missing": 0.55}, "missing", "on the grid"),
    ("fill as text", Numeric, {"missing": "none"}, "missing", "must be a number; got text"),
    ("dates crossed", Datetime, {"upper": "2014-01-01"}, "lower", "must be below"),
    ("no date", Datetime, {"lower": "yesterday"}, "lower", "must be an ISO 8601 date or time"),
    ("today", Datetime, {"upper": "today"}, "upper", "must be an ISO 8601 date or time"),
    ("13th month", Datetime, {"lower": "2015-13-01"}, "lower", "must be an ISO 8601 date or time"),
    ("number as date", Datetime, {"lower": 2015}, "lower", "must be an ISO 8601 date or time"),
    ("time zone", Datetime, {"lower": "2015-01-01T00:00+02:00"}, "lower", "must not name a time zone"),
    ("not a time", Datetime, {"lower": np.datetime64("NaT")}, "lower", "got a missing value"),
    ("half a day", Datetime, {"lower": "2015-01-01T12:00"}, "lower", "must be a whole day"),
    ("unknown resolution", Datetime, {"resolution": "dy"}, "resolution", "did you mean 'day'"),
    ("date edge outside", Datetime, {"edges": ["2030-01-01"]}, "edges", "entry 1 of edges must lie between"),
    (
        "date edges unsorted",
        Datetime,
        {"edges": ["2017-01-01", "2016-01-01"]},
        "edges",
        "entry 2 of edges must be above",
    ),
    ("date bins and edges", Datetime, {"edges": ["2017-01-01"], "bins": 4}, "bins", "left out when edges"),
    ("date fill outside", Datetime, {"missing": "2030-01-01"}, "missing", "must lie between"),
    ("format without day", Datetime, {"format": "%Y-%m"}, "format", "must keep every date"),
    ("format with zone", Datetime, {"format": "%Y-%m-%d %z"}, "format", "must keep every date"),
    ("one label", Boolean, {"labels": ["yes"]}, "labels", "at least 2 labels; got 1"),
    ("three labels", Boolean, {"labels": [0, 1, 2]}, "labels", "must be two"),
    ("equal labels", Boolean, {"labels": [1, 1]}, "labels", "distinct"),
    ("prefix as number", Identifier, {"prefix": 3}, "prefix", "must be text"),
]
SOUND: dict[Any, dict[str, Any]] = {
    Categorical: {"values": ["F", "M"]},
    Numeric: {"lower": 0, "upper": 10},
    Datetime: {"lower": "2015-01-01", "upper": "2024-12-31"},
}


@pytest.mark.parametrize(
    ("column_type", "broken", "item", "words"), [c[1:] for c in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_a_broken_rule_names_column_item_and_remedy(
    column_type: Any, broken: dict[str, Any], item: str, words: str
) -> None:
    sound = {"name": "a column", **SOUND.get(column_type, {})}
    column_type(**sound)
    with pytest.raises(SchemaError) as caught:
        column_type(**(sound | broken))
    messages = [problem.message for problem in caught.value.problems if problem.rule == item]
    assert any(words in message for message in messages), str(caught.value)
    if item != "name":
        assert {problem.column for problem in caught.value.problems} == {"a column"}


def test_all_broken_rules_of_a_column_are_reported_at_once() -> None:
    with pytest.raises(SchemaError) as caught:
        Numeric("age", lower="a", upper=float("inf"), integer="no", bins=0, nullable=None, missing="x")  # type: ignore[arg-type]
    assert {problem.rule for problem in caught.value.problems} >= {"lower", "upper", "integer", "nullable", "missing"}


def test_a_bound_read_from_data_appears_in_no_message_and_no_repr() -> None:
    secret = 87_312_455
    column = Numeric("wage", lower=0, upper=secret, source={"upper": "unreviewed"})
    assert str(secret) not in repr(column)
    with pytest.raises(SchemaError) as caught:
        Numeric("wage", lower=secret, upper=secret, integer=True, missing=-secret, source="unreviewed")
    assert str(secret) not in str(caught.value)
    label = "Jane Doe of Elm Street"
    assert label not in repr(Categorical("c", values=[label], source="unreviewed"))
    with pytest.raises(SchemaError) as caught:
        Categorical("c", values=[label, label], missing=label + "?", source="unreviewed")
    assert label not in str(caught.value)
