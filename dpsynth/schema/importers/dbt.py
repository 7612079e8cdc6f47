"""dbt: properties in a schema.yml, and the manifest.json that dbt compiles.

Source: dbt documentation, model properties and data tests; dbt_utils and dbt_expectations for ranges.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from dpsynth.schema.importers.found import Found, Table
from dpsynth.schema.importers.types import is_uuid, kind_of_type

Rule = tuple[str, Mapping[str, Any]]


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """The models, seeds, snapshots and source tables of a schema.yml or of a manifest, by name."""
    if "nodes" in document:
        return _of_manifest(document)
    described = [each for kind in ("models", "seeds", "snapshots") for each in document.get(kind) or []]
    described += [each for source in document.get("sources") or [] for each in source.get("tables") or []]
    return {each["name"]: _table(each.get("columns") or []) for each in described if each.get("columns")}


def _table(columns: Iterable[Mapping[str, Any]]) -> Table:
    return Table(
        tuple(
            _column(each, [_rule(test) for test in each.get("data_tests") or each.get("tests") or []])
            for each in columns
        )
    )


def _of_manifest(document: Mapping[str, Any]) -> dict[str, Table]:
    """Tables are nodes; so are tests, which name what they are attached to."""
    rules: dict[tuple[str, str], list[Rule]] = {}
    for node in document["nodes"].values():
        told = node.get("test_metadata")
        if told is not None:
            arguments = told.get("kwargs") or {}
            place = str(node.get("attached_node")), str(arguments.get("column_name", node.get("column_name")))
            package = told.get("namespace")
            rules.setdefault(place, []).append((f"{package}.{told['name']}" if package else told["name"], arguments))
    found = {}
    for key, node in [*document["nodes"].items(), *(document.get("sources") or {}).items()]:
        columns = node.get("columns") or {}
        if columns and "test_metadata" not in node:
            found[node["name"]] = Table(
                tuple(_column(each, rules.get((key, each["name"]), [])) for each in columns.values())
            )
    return found


def _rule(test: object) -> Rule:
    """A data test as its name and arguments, which stand beside its other keys or under `arguments`."""
    if isinstance(test, Mapping) and test:
        name = test.get("test_name") or next(iter(test))
        given = test if "test_name" in test else test[name]
        given = given if isinstance(given, Mapping) else {}
        nested = given.get("arguments")
        return str(name), {**given, **(nested if isinstance(nested, Mapping) else {})}
    return str(test), {}


def _column(described: Mapping[str, Any], rules: Iterable[Rule]) -> Found:
    type_name = str(described.get("data_type") or "")
    kind, decimals = kind_of_type(type_name)
    found = Found(described["name"], kind, decimals=decimals, unique=is_uuid(type_name))
    constraints: list[Rule] = [(str(each.get("type")), each) for each in described.get("constraints") or []]
    for name, given in [*constraints, *rules]:
        if given.get("where") or (given.get("config") or {}).get("where"):
            continue  # of some rows only
        found = _with(found, name.rpartition(".")[2], given)
    return found


def _with(found: Found, rule: str, given: Mapping[str, Any]) -> Found:
    if rule in ("not_null", "expect_column_values_to_not_be_null"):
        return dataclasses.replace(found, nullable=False)
    if rule in ("unique", "expect_column_values_to_be_unique"):
        return dataclasses.replace(found, unique=True)
    if rule == "primary_key":
        return dataclasses.replace(found, unique=True, nullable=False)
    if rule in ("relationships", "foreign_key"):
        return dataclasses.replace(found, refers=str(given.get("to") or "another table"))
    if rule in ("accepted_values", "expect_column_values_to_be_in_set"):
        values = given.get("values") or given.get("value_set") or []
        return dataclasses.replace(found, values=[_literal(each) for each in values] if _bare(given) else values)
    if rule in ("accepted_range", "expect_column_values_to_be_between"):
        lower, upper = _literal(given.get("min_value")), _literal(given.get("max_value"))
        if given.get("inclusive", True) is False and found.kind == "integer":
            lower, upper = (each + step if isinstance(each, int) else each for each, step in ((lower, 1), (upper, -1)))
        return found.bounded(lower, upper)
    return found


def _bare(given: Mapping[str, Any]) -> bool:
    return given.get("quote", given.get("quote_values", True)) is False


def _literal(value: object) -> Any:
    """A literal of SQL as what it stands for: text in single quotes, a number; other text as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
