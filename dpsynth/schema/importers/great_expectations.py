"""An expectation suite of Great Expectations, as `schema export --to great-expectations` writes one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dpsynth.schema.importers.found import Found, Kind, Table

_TYPES: Mapping[str, Kind] = {
    **dict.fromkeys(("str", "object", "string", "TEXT", "VARCHAR"), "text"),
    **dict.fromkeys(("int", "int32", "int64", "INTEGER", "BIGINT"), "integer"),
    **dict.fromkeys(("float", "float64", "DOUBLE", "NUMERIC"), "number"),
    **dict.fromkeys(("bool", "boolean", "BOOLEAN"), "boolean"),
    **dict.fromkeys(("datetime64", "datetime64[ns]", "TIMESTAMP"), "datetime"),
    "DATE": "date",
}


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """The one table of a suite, by the name of the suite."""
    columns: dict[str, Found] = {}
    for each in document["expectations"]:
        kind, rules = each.get("type", each.get("expectation_type", "")), each.get("kwargs", {})
        for name in rules.get("column_list", rules.get("column_set", [])):
            columns.setdefault(name, Found(name))
        if "column" in rules:
            before = columns.get(rules["column"], Found(rules["column"]))
            columns[rules["column"]] = _with(before, str(kind).removeprefix("expect_"), rules)
    return {str(document.get("name", document.get("expectation_suite_name", "table"))): Table(tuple(columns.values()))}


def _with(found: Found, kind: str, rules: Mapping[str, Any]) -> Found:
    if rules.get("mostly", 1) != 1:  # what may be broken says nothing about each cell
        return found
    if kind == "column_values_to_not_be_null":
        return dataclasses.replace(found, nullable=False)
    if kind == "column_values_to_be_unique":
        return dataclasses.replace(found, unique=True)
    if kind == "column_values_to_be_in_set":
        return dataclasses.replace(found, values=rules["value_set"])
    if kind == "column_values_to_be_of_type":
        return dataclasses.replace(found, kind=_TYPES.get(str(rules.get("type_")), found.kind))
    if kind == "column_values_to_be_between":
        return found.bounded(rules.get("min_value"), rules.get("max_value"))
    return found
