"""JSON Schema: an object, or an array of objects, is a table. Pydantic models have one as well.

Source: JSON Schema, draft 2020-12, Core and Validation vocabularies (json-schema.org).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from dpsynth.schema.importers.found import Found, Kind, Table

_KINDS: Mapping[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_FORMATS: Mapping[str, Kind] = {"date": "date", "date-time": "datetime"}


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of a document by name: its own properties, those of its items, or of each definition."""
    top = _resolved(document, document)
    rows = _resolved(top.get("items", {}), document) if top.get("type") == "array" else top
    if isinstance(rows.get("properties"), Mapping):
        return {str(top.get("title", rows.get("title", "table"))): _table(rows, document)}
    definitions = {**document.get("definitions", {}), **document.get("$defs", {})}
    return {
        name: _table(each, document)
        for name, each in definitions.items()
        if isinstance(each, Mapping) and isinstance(each.get("properties"), Mapping)
    }


def _table(rows: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    required = rows.get("required", [])
    return Table(
        tuple(
            _column(name, _resolved(described, document), name in required, document)
            for name, described in rows["properties"].items()
        )
    )


def _column(name: str, described: Mapping[str, Any], required: bool, document: Mapping[str, Any]) -> Found:
    """One property. A choice between null and one thing (anyOf, oneOf, a list of types) is that thing, nullable."""
    choices = [_resolved(each, document) for each in described.get("anyOf", described.get("oneOf", []))]
    others = [each for each in choices if each.get("type") != "null"]
    if len(others) == 1:
        described = {**described, **others[0]}
    types = described.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    values = [described["const"]] if "const" in described else described.get("enum")
    if values is None and others and all("const" in each for each in others):
        values = [each["const"] for each in others]
    nullable = not required or "null" in types or len(others) < len(choices) or None in (values or ())
    known = [each for each in types if each != "null"]
    kind = _KINDS.get(known[0], "unknown") if len(known) == 1 else "unknown"
    form = described.get("format")
    if kind == "text":
        kind = _FORMATS.get(str(form), kind)
    found = Found(name, kind, nullable, values, decimals=_decimals(described.get("multipleOf")), unique=form == "uuid")
    if kind in ("date", "datetime"):  # no keyword of the standard, but two that many use
        return found.bounded(described.get("formatMinimum"), described.get("formatMaximum"))
    return found.bounded(_above(described, kind, 1), _above(described, kind, -1))


def _above(described: Mapping[str, Any], kind: Kind, sign: int) -> Any:
    """The bound of one side (sign 1: the lower); an exclusive one is the next whole number, or else itself."""
    plain, exclusive = ("minimum", "exclusiveMinimum") if sign > 0 else ("maximum", "exclusiveMaximum")
    bound = described.get(exclusive)
    if isinstance(bound, bool) or bound is None:  # draft 4 said so with a flag
        return described.get(plain)
    return bound + sign if kind == "integer" else bound


def _decimals(step: object) -> int | None:
    """Decimals of a grid of 10^-k; None for any other."""
    try:
        exact = Decimal(str(step)).normalize()
    except InvalidOperation:
        return None
    exponent = exact.as_tuple().exponent
    small = isinstance(exponent, int) and -9 <= exponent < 0
    return -exponent if small and exact.as_tuple().digits == (1,) else None  # type: ignore[operator]


def _resolved(described: object, document: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """With the definition that it refers to within the document; an empty one for what is no schema."""
    if not isinstance(described, Mapping) or depth > 8:
        return {}
    alone = described.get("allOf")
    if isinstance(alone, list) and len(alone) == 1:
        return {**_resolved(alone[0], document, depth + 1), **described}
    place = described.get("$ref")
    if not isinstance(place, str) or not place.startswith("#/"):
        return described
    target: Any = document
    for step in place[2:].split("/"):
        target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
    return {**_resolved(target, document, depth + 1), **described}
