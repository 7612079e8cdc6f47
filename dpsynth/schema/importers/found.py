"""What the schema of another tool says about a column, and the column of a draft that it makes.

What is not said is not guessed: it becomes an item marked "unanswered", with a placeholder as its value.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from dpsynth.errors import SchemaError
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.moments import Resolution
from dpsynth.schema.provenance import UNANSWERED, UNREVIEWED, provenance

Kind = Literal["text", "integer", "number", "boolean", "date", "datetime", "unknown"]
Bound = float | str


@dataclass(frozen=True)
class Found:
    """What a source says about one column; None is what it does not say.

    values: the only ones allowed. lower, upper: bounds, both included; numbers, or moments as ISO 8601 text.
    labels: how a boolean writes false and true. unique: no two rows have the same. refers: where it points to.
    format: of a date that is text, as strptime knows it.
    """

    name: str
    kind: Kind = "unknown"
    nullable: bool = True
    values: Sequence[Any] | None = None
    ordered: bool = False
    lower: Bound | None = None
    upper: Bound | None = None
    decimals: int | None = None
    labels: tuple[Any, Any] | None = None
    unique: bool = False
    refers: str | None = None
    format: str | None = None

    def bounded(self, lower: object, upper: object) -> Found:
        """With closer bounds, where those are numbers or text."""
        return dataclasses.replace(self, lower=_closer(self.lower, lower, max), upper=_closer(self.upper, upper, min))


@dataclass(frozen=True)
class Table:
    """The columns of one table in a source, in order, and texts that mark a missing cell everywhere."""

    columns: tuple[Found, ...]
    missing_values: tuple[str, ...] = field(default=())


def column_of(found: Found, by: str | None) -> Column:
    """The column of a draft: `by` answers for what the source says, nobody ("unreviewed") when it is None.

    >>> column_of(Found("age", "integer", nullable=False, lower=0), by="codebook 2019").source["upper"]
    'unanswered'
    """
    column, asked = _built(found)
    origin = UNREVIEWED if by is None else by
    if not asked:
        return dataclasses.replace(column, source=origin)
    source = {item: UNANSWERED if item in asked else origin for item in [*provenance(column), *asked]}
    return dataclasses.replace(column, source=source)


def _built(found: Found) -> tuple[Column, tuple[str, ...]]:
    """The column, and the items of it that are placeholders."""
    values = distinct(found.values or ())
    if found.kind == "boolean" or (len(values) == 2 and {type(each) for each in values} == {bool}):
        labels = (False, True) if found.labels is None else found.labels
        return Boolean(found.name, nullable=found.nullable, labels=labels), ()
    if values:
        numbers = found.kind in ("integer", "number") and all(type(each) in (int, float) for each in values)
        if numbers and found.kind == "integer":
            values = [int(each) for each in values]
        ordered = found.ordered or numbers
        return Categorical(found.name, values=values, nullable=found.nullable, ordered=ordered), ()
    if found.refers is not None:
        return Identifier(found.name), ("type",)
    bounded = found.lower is not None or found.upper is not None
    if found.unique and not bounded and found.kind in ("text", "integer", "unknown"):
        return Identifier(found.name), ()
    if found.kind in ("integer", "number"):
        return _number(found)
    if found.kind in ("date", "datetime") or isinstance(found.lower, str) or isinstance(found.upper, str):
        return _moment(found)
    if bounded:
        column, asked = _number(found)
        return column, (*asked, "integer")
    return OpenCategorical(found.name, nullable=found.nullable), ("type",) if found.kind == "unknown" else ()


def distinct(values: Sequence[Any]) -> list[Any]:
    """The labels among the values, each once, in order; dates as the text that they are written as."""
    plain = [str(value) if isinstance(value, dt.date) else value for value in values]
    labels = [value for value in plain if type(value) in (str, int, float, bool)]
    return [value for _, value in {(type(value), value): value for value in labels}.items()]


def _number(found: Found) -> tuple[Column, tuple[str, ...]]:
    integer = found.kind == "integer"
    lower, upper = (_number_of(bound, integer) for bound in (found.lower, found.upper))
    low = lower if lower is not None else 0 if upper is None else upper - 1
    items = {
        "lower": low,
        "upper": low + 1 if upper is None else upper,
        "integer": integer,
        "decimals": None if integer else found.decimals,
        "nullable": found.nullable,
    }
    asked = tuple(item for item, bound in (("lower", lower), ("upper", upper)) if bound is None)
    return _made(Numeric, found.name, items, asked, {"lower": 0, "upper": 1})


def _number_of(bound: object, integer: bool) -> float | None:
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        return None
    return int(bound) if integer or (isinstance(bound, float) and bound == int(bound) and abs(bound) < 2**53) else bound


def _moment(found: Found) -> tuple[Column, tuple[str, ...]]:
    lower, upper = (moment_of(bound) for bound in (found.lower, found.upper))
    low = lower if lower is not None else dt.datetime(1970, 1, 1) if upper is None else upper - dt.timedelta(days=1)
    items = {
        "lower": low.isoformat(timespec="seconds"),
        "upper": (low + dt.timedelta(days=1) if upper is None else upper).isoformat(timespec="seconds"),
        "resolution": "day" if found.kind == "date" else _resolution([low] if upper is None else [low, upper]),
        "nullable": found.nullable,
        "format": found.format,
    }
    asked = tuple(item for item, bound in (("lower", lower), ("upper", upper)) if bound is None)
    if lower is None and upper is None and found.kind != "date":
        items["resolution"] = "second"
    return _made(Datetime, found.name, items, asked, {"lower": "1970-01-01", "upper": "1970-01-02", "format": None})


def moment_of(bound: object) -> dt.datetime | None:
    """The moment that a text in ISO 8601 names; None when it names none, or a time zone."""
    try:
        moment = dt.datetime.fromisoformat(bound) if isinstance(bound, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is not None else moment


def _resolution(moments: Sequence[dt.datetime]) -> Resolution:
    """The coarsest unit in which all are whole."""
    units: tuple[tuple[Resolution, Callable[[dt.datetime], int]], ...] = (
        ("second", lambda moment: moment.second),
        ("minute", lambda moment: moment.minute),
        ("hour", lambda moment: moment.hour),
    )
    return next((unit for unit, part in units if any(map(part, moments))), "day")


def _made(
    kind: type[Column], name: str, items: Mapping[str, Any], asked: tuple[str, ...], placeholders: Mapping[str, Any]
) -> tuple[Column, tuple[str, ...]]:
    """The column; with placeholders and their questions where the bounds that were found break a rule of it."""
    make = cast("Callable[..., Column]", kind)
    try:
        return make(name, **items), asked
    except SchemaError:
        kept = {key: value for key, value in items.items() if key not in ("decimals", "resolution")}
        return make(name, **{**kept, **placeholders}), ("lower", "upper")


def _closer(known: Bound | None, given: object, choose: Callable[..., Any]) -> Bound | None:
    """The closer of two bounds where both are numbers or both are text; what is neither says nothing."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return known
    if known is None:
        return given
    return cast("Bound", choose(known, given)) if isinstance(known, str) == isinstance(given, str) else known
