"""A schema in a notebook: each column with what is public about it, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpsynth.markup import Content
from dpsynth.notebook import card, toned
from dpsynth.schema.provenance import OPEN, items, provenance

if TYPE_CHECKING:
    from dpsynth.schema.columns import Column
    from dpsynth.schema.schema import Schema


def schema_card(schema: Schema) -> str:
    """HTML of a schema; values that nobody answers for are not shown, since they may be private."""
    open_items, asked = len(schema.unreviewed()), len(schema.questions())
    warning = None
    if open_items:
        waiting = [f"{open_items - asked} items wait for your review"] if open_items > asked else []
        waiting += [f"{asked} questions wait for an answer"] if asked else []
        warning = f"A draft: {' and '.join(waiting)}. No run starts before."
    facts: list[tuple[str, Content]] = [("columns", str(len(schema)))]
    if schema.public_rows is not None:
        facts.append(("public rows", f"{schema.public_rows:,}"))
    if schema.missing_values:
        facts.append(("missing cells", "not shown" if open_items else ", ".join(map(repr, schema.missing_values))))
    rows: list[list[Content]] = [[column.name, column.type, _public(column), _sources(column)] for column in schema]
    headings = ("column", "type", "taken as public", "declared by")
    return card("Schema", facts, headings=headings, rows=rows, warning=warning)


def _public(column: Column) -> str:
    origins = provenance(column)
    shown = [
        f"{item}: {origins[item] if origins[item] in OPEN else _written(value)}"
        for item, value in items(column).items()
        if item != "source"
    ]
    return "; ".join(shown)


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) if len(value) <= 8 else f"{len(value)} entries"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sources(column: Column) -> list[Content]:
    named = dict.fromkeys(provenance(column).values())
    shown: list[Content] = []
    for each in named:
        shown += [", "] if shown else []
        shown.append(toned(each, "open") if each in OPEN else each)
    return shown
