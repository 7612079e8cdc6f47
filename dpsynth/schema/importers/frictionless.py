"""Frictionless Table Schema, alone or in a data package, as each release has one (datapackage.json).

Source: Table Schema and Data Package, versions 1 and 2.0 (datapackage.org).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dpsynth.schema.importers.found import Found, Kind, Table

_KINDS: Mapping[str, Kind] = {
    "integer": "integer",
    "year": "integer",
    "string": "text",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
_ISO = ("default", "any")


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of a package by the names of its resources, or the one of a table schema."""
    if "resources" not in document:
        return {"table": _table(document)}
    resources = [each for each in document["resources"] if isinstance(each, Mapping)]
    described = {str(each.get("name", f"#{place}")): each.get("schema") for place, each in enumerate(resources, 1)}
    return {name: _table(schema) for name, schema in described.items() if isinstance(schema, Mapping)}


def _table(schema: Mapping[str, Any]) -> Table:
    key = schema.get("primaryKey", [])
    key = [key] if isinstance(key, str) else key
    points = {}
    for each in schema.get("foreignKeys", []):
        fields = [each["fields"]] if isinstance(each["fields"], str) else each["fields"]
        if len(fields) == 1:
            points[fields[0]] = str(each["reference"].get("resource") or "this table")
    missing = [each["value"] if isinstance(each, Mapping) else each for each in schema.get("missingValues", [])]
    columns = tuple(_column(each, key, points) for each in schema.get("fields", []))
    return Table(columns, tuple(text for text in dict.fromkeys(missing) if text != ""))


def _column(field: Mapping[str, Any], key: list[str], points: Mapping[str, str]) -> Found:
    name, rules = field["name"], field.get("constraints", {})
    kind = _KINDS.get(field.get("type", "string"), "unknown")
    labels = categories = field.get("categories", rules.get("enum"))
    if categories and isinstance(categories[0], Mapping):
        labels = [each.get("value") for each in categories]
    written = None
    if kind == "boolean" and {"trueValues", "falseValues"} <= field.keys():
        written = _written(field["falseValues"], field["trueValues"])
    form = field.get("format", "default")
    form = form if kind in ("date", "datetime") and form not in _ISO else None
    found = Found(
        name,
        kind,
        nullable=not (rules.get("required") or name in key),
        values=labels,
        ordered=bool(field.get("categoriesOrdered")),
        labels=written,
        unique=bool(rules.get("unique")) or key == [name],
        refers=points.get(name),
        format=form,
    )
    lower, upper = rules.get("minimum"), rules.get("maximum")
    if kind in ("date", "datetime"):
        return found.bounded(_iso(lower, form), _iso(upper, form))
    return found.bounded(lower, upper)


def _written(false: list[str], true: list[str]) -> tuple[Any, Any] | None:
    """How false and true are written, where that is one spelling each and not the usual one."""
    if len(false) != 1 or len(true) != 1 or (false[0].lower(), true[0].lower()) == ("false", "true"):
        return None
    return false[0], true[0]


def _iso(bound: object, form: str | None) -> object:
    """A bound that is written in the format of its field, as ISO 8601 text; anything else as it is."""
    if form is None or not isinstance(bound, str):
        return bound
    try:
        return dt.datetime.strptime(bound, form).isoformat(timespec="seconds")
    except ValueError:
        return None
