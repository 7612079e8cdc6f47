"""Types of databases and of pandas, by their names."""

from __future__ import annotations

import re

from dpsynth.schema.importers.found import Kind

# The first that matches the beginning of a name, in lower case.
_KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(pattern), kind)  # type: ignore[misc]
    for pattern, kind in (
        (r"bool|tinyint ?\(1\)|bit$", "boolean"),
        (r"u?(tiny|small|medium|big|huge)?int(?!erval)|u?int\d|(small|big)?serial|integer|long$", "integer"),
        (r"numeric|decimal|number|dec\b|fixed|float|double|real|(small)?money", "number"),
        (r"datetime|timestamp", "datetime"),
        (r"date(32|64)?\b", "date"),
        (r"(n|var|nvar|bp)?char|(tiny|medium|long)?text|str|object|category|categorical|uuid|clob|citext", "text"),
        (r"uniqueidentifier|guid|enum", "text"),
    )
)
_SCALE = re.compile(r"(?:numeric|decimal|number|dec|fixed) ?\( ?\d+ ?(?:, ?(\d+) ?)?\)")


def kind_of_type(name: str) -> tuple[Kind, int | None]:
    """The kind of a column with a type of this name, and its decimals where the name says how many.

    >>> kind_of_type("NUMERIC(10, 2)"), kind_of_type("datetime64[ns]"), kind_of_type("geometry")
    (('number', 2), ('datetime', None), ('unknown', None))
    """
    name = name.strip().lower()
    kind: Kind = next((kind for pattern, kind in _KINDS if pattern.match(name)), "unknown")
    scale = _SCALE.match(name)
    if scale is None:
        return kind, None
    decimals = int(scale[1] or 0)
    return ("integer", None) if decimals == 0 else ("number", decimals if decimals <= 9 else None)


def is_uuid(name: str) -> bool:
    """Whether a type holds universally unique identifiers."""
    return name.strip().lower() in ("uuid", "uniqueidentifier", "guid")
