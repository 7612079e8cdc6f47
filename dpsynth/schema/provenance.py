"""What a column declares, and who declared each item public."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpsynth.schema.columns import Column

Source = str | Mapping[str, str]

DECLARED = "declared"
UNREVIEWED = "unreviewed"
UNANSWERED = "unanswered"
"""Marks an item that a source does not tell, such as the bounds of a number: its value is a placeholder."""
OPEN = frozenset({UNREVIEWED, UNANSWERED})
"""Marks of what no run starts with."""


def items(column: Column) -> dict[str, Any]:
    """What a column declares beside its name: mandatory items, and those that differ from their default."""
    found = {}
    for one in dataclasses.fields(column):
        value = getattr(column, one.name)
        # Compared as written: labels (0, 1) and (False, True) are equal to Python, and two things to a steward.
        if one.name != "name" and (one.default is dataclasses.MISSING or repr(value) != repr(one.default)):
            found[one.name] = value
    return found


def provenance(column: Column) -> dict[str, str]:
    """Who declared each item of a column public: the column's type, `nullable`, and every item it declares.

    >>> from dpsynth.schema import Boolean
    >>> provenance(Boolean("smoker", source={"labels": "codebook 2019", "nullable": "unreviewed"}))
    {'type': 'declared', 'nullable': 'unreviewed', 'labels': 'codebook 2019'}
    """
    always = ["type"] if column.type == "identifier" else ["type", "nullable"]
    declared = [item for item in items(column) if item != "source"]
    named = [] if isinstance(column.source, str) else list(column.source)
    return {item: source_of(column.source, item) for item in dict.fromkeys([*always, *named, *declared])}


def source_of(source: Source, item: str) -> str:
    """Who declared one item, given the `source` of its column."""
    return source if isinstance(source, str) else source.get(item, DECLARED)


def call_of(column: Column) -> str:
    """The call that makes the column, without long lists and without items that nobody has confirmed as public."""
    parts = [repr(column.name)]
    for item, value in items(column).items():
        if item != "source" and (origin := source_of(column.source, item)) in OPEN:
            parts.append(f"{item}=<{origin}>")
        elif isinstance(value, tuple) and len(value) > 6:
            parts.append(f"{item}=<{len(value)} entries>")
        else:
            parts.append(f"{item}={value!r}")
    return f"{type(column).__name__}({', '.join(parts)})"
