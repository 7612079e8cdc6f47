"""Ticks in SQL: what `dpsynth.private.ticks` makes of a cell, as an expression that an engine evaluates to the same.

An engine reads columns of native types. What is supported: whole numbers of at most 64 signed bits, float64 and
decimals for Numeric; dates and timestamps to the microsecond, in UTC where they have a time zone, for Datetime; text,
whole numbers and booleans for labels; text and whole numbers for open columns. Other types are refused, and with them
text that holds numbers or dates: whether an engine reads " 1e3" as Python does is nothing to build counts on.

Why the integers are equal. A float is compared with the same float64 constants as in memory, multiplied or divided
once and subtracted from once, both in IEEE double precision, which leaves one answer; it is rounded by a cast to a
whole number, which both engines do half to even as numpy.rint does. A decimal of at most 15 digits is a whole number
below 2^53 over a power of ten up to 10^15: its cast is the nearest float64, as Python's is; a longer one goes through
`Dialect.nearest`. Moments are whole microseconds. All else is whole numbers and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from dpsynth.errors import Problem
from dpsynth.private.cells import NULL, UNREADABLE, declared_texts
from dpsynth.private.readings import text_readings, unknown_tick, whole_readings
from dpsynth.private.ticks import MARKS, OUTSIDE, in_order, ruled
from dpsynth.private.warehouse.dialect import Dialect, case, lookup, real, text_bytes
from dpsynth.schema.columns import UNITS, Boolean, Categorical, Column, Datetime, Numeric, OpenCategorical

# Whole numbers up to here are told apart from their neighbours' halves in float64, as the rule for bounds needs.
WHOLE_LIMIT = 2**52
# Smaller numbers are taken as 0 where a step is above SMALL_STEP: PostgreSQL refuses to round a quotient to 0.
TINY, SMALL_STEP = 1e-250, 1e-100


class Kind(Enum):
    """What a column of a table holds, whatever its engine calls it."""

    BOOLEAN = "booleans"
    WHOLE = "whole numbers"
    REAL = "numbers"
    DECIMAL = "decimals"
    TEXT = "text"
    DATE = "dates"
    TIMESTAMP = "timestamps"
    ZONED = "timestamps with time zone"
    OTHER = "values of another type"


@dataclass(frozen=True)
class Marked:
    """The SQL of what a column becomes. join: what it has to be joined. values: those to be bound, by name."""

    expression: str
    join: str = ""
    values: Mapping[str, Sequence[int]] = field(default_factory=dict)


def marked(column: Column, cell: str, kind: Kind, missing: Set[str], dialect: Dialect, place: int) -> Marked | Problem:
    """The expression for a cell, or what keeps the column from being counted. place: of the column, a number."""
    if isinstance(column, Categorical | Boolean):
        return _labelled(column, cell, kind, missing, dialect, f"labels{place}") or _refused(column, kind)
    if isinstance(column, OpenCategorical):
        return _open(column, cell, kind, missing, dialect) or _refused(column, kind)
    if isinstance(column, Numeric):
        return _numeric(column, cell, kind, dialect) or _refused(column, kind)
    if isinstance(column, Datetime):
        return _moment(column, cell, kind, dialect) or _refused(column, kind)
    return _refused(column, kind)


def broken(column: Column, marks: Sequence[int]) -> list[Problem]:
    """The rules that a column breaks whose rows have these marks among them."""
    return in_order(ruled(column, np.array(marks, dtype=np.int64))[1])


def settled(column: Column, tick: str) -> str:
    """The expression for a tick once the column's rules have dealt with the marks; see `ruled`."""
    if isinstance(column, OpenCategorical):
        return tick
    marks = [mark for mark in range(-MARKS, 0) if not broken(column, [mark])]
    return case([(f"{tick} = {mark}", int(ruled(column, np.array([mark]))[0][0])) for mark in marks], tick)


def _refused(column: Column, kind: Kind) -> Problem:
    advice = {
        "numeric": "a view with CAST(... AS DOUBLE PRECISION)",
        "datetime": "a view with CAST(... AS DATE), or AS TIMESTAMP",
        "categorical": "a view with CAST(... AS BIGINT) where labels are numbers or booleans, else AS VARCHAR",
        "boolean": "a view with CAST(... AS BOOLEAN)",
        "open-categorical": "a view with CAST(... AS VARCHAR)",
    }[column.type]
    return Problem(
        f"must be of a type that the warehouse counts exactly; got {kind.value}; try {advice}", column.name, "type"
    )


def _labelled(
    column: Categorical | Boolean, cell: str, kind: Kind, missing: Set[str], dialect: Dialect, name: str
) -> Marked | None:
    unknown = unknown_tick(column)
    if kind is Kind.BOOLEAN:
        of = whole_readings(column)
        return Marked(case([(f"{cell} IS NULL", NULL), (cell, of.get(1, unknown))], of.get(0, unknown)))
    if kind is Kind.WHOLE:
        numbers = whole_readings(column)
        if list(numbers.items()) == [(tick, tick) for tick in range(len(numbers))]:  # the cells are ticks already
            branches = [(f"{cell} IS NULL", NULL), (f"{cell} < 0 OR {cell} >= {len(numbers)}", unknown)]
            return Marked(case(branches, cell))
        pairs, key = [(f"CAST({number} AS BIGINT)", tick) for number, tick in numbers.items()], cell
    elif kind is Kind.TEXT and (readings := text_readings(column)) is not None:
        texts = {"": NULL, **readings, **dict.fromkeys(missing - declared_texts(column), NULL)}
        pairs, key = [(text_bytes(dialect, text), tick) for text, tick in texts.items()], dialect.utf8(cell)
    else:
        return None
    found = case([(f"{cell} IS NULL", NULL)], f"COALESCE({name}.number, {unknown})")
    return Marked(found, f"LEFT JOIN {lookup(pairs, name)} ON {name}.value = {key}" if pairs else "")


def _open(column: OpenCategorical, cell: str, kind: Kind, missing: Set[str], dialect: Dialect) -> Marked | None:
    if kind is Kind.WHOLE:
        return Marked(dialect.utf8(cell))
    if kind is not Kind.TEXT:
        return None
    absent = sorted({"", *(missing - declared_texts(column))})
    inside = ", ".join(text_bytes(dialect, text) for text in absent)
    return Marked(f"CASE WHEN {dialect.utf8(cell)} IN ({inside}) THEN NULL ELSE {dialect.utf8(cell)} END")


def _numeric(column: Numeric, cell: str, kind: Kind, dialect: Dialect) -> Marked | None:
    if kind in (Kind.DATE, Kind.TIMESTAMP, Kind.ZONED):
        return Marked(case([(f"{cell} IS NULL", NULL)], UNREADABLE))
    if kind not in (Kind.BOOLEAN, Kind.WHOLE, Kind.REAL, Kind.DECIMAL):
        return None
    last, clips = column.ticks - 1, column.out_of_bounds == "clip"
    below, above = (0, last) if clips else (OUTSIDE, OUTSIDE)
    cell = f"CAST({cell} AS INTEGER)" if kind is Kind.BOOLEAN else cell
    if column.integer and kind in (Kind.BOOLEAN, Kind.WHOLE):
        if max(abs(column.lower), abs(column.upper)) > WHOLE_LIMIT:
            return None
        lower, upper = int(column.lower), int(column.upper)
        outside = [(f"{cell} < {lower}", below), (f"{cell} > {upper}", above)]
        return Marked(case([(f"{cell} IS NULL", NULL), *outside], f"CAST({cell} AS BIGINT) - ({lower})"))
    number = dialect.nearest(cell) if kind is Kind.DECIMAL else f"CAST({cell} AS DOUBLE PRECISION)"
    half = float(column.step) / 2
    branches: list[tuple[str, str | int]] = [
        (f"{cell} IS NULL OR {number} = CAST('NaN' AS DOUBLE PRECISION)", NULL),
        (f"{number} < {real(column.lower - half)}", below),
        (f"{number} <= {real(column.lower)}", 0),
        (f"{number} > {real(column.upper + half)}", above),
        (f"{number} >= {real(column.upper)}", last),
    ]
    if column.integer:
        if max(abs(column.lower), abs(column.upper)) > WHOLE_LIMIT:
            return None
        return Marked(case(branches, f"CAST({number} AS BIGINT) - ({int(column.lower)})"))
    plain = number
    if float(column.step) > SMALL_STEP:
        plain = case([(f"ABS({number}) < {real(TINY)}", real(0))], number)
    declared = column.decimals is not None
    scaled = f"({plain}) * {real(float(1 / column.step))}" if declared else f"({plain}) / {real(float(column.step))}"
    return Marked(case(branches, f"CAST({scaled} - {real(column.first_position)} AS BIGINT)"))


def _moment(column: Datetime, cell: str, kind: Kind, dialect: Dialect) -> Marked | None:
    if kind in (Kind.BOOLEAN, Kind.WHOLE, Kind.REAL, Kind.DECIMAL):
        return Marked(case([(f"{cell} IS NULL", NULL)], UNREADABLE))
    if kind not in (Kind.DATE, Kind.TIMESTAMP, Kind.ZONED):
        return None
    cell = dialect.utc(cell) if kind is Kind.ZONED else cell
    below, above = (0, column.ticks - 1) if column.out_of_bounds == "clip" else (OUTSIDE, OUTSIDE)
    unit = UNITS[column.resolution]
    first, last = column.value_of(np.array([0, column.ticks - 1]))
    after = last + np.timedelta64(1, unit)
    if kind is Kind.DATE:  # as days, of which a date may have more than a timestamp has microseconds
        days = (first.astype("M8[D]"), after.astype("M8[D]"))
        rounded_up = [day if day == moment else day + 1 for day, moment in zip(days, (first, after), strict=True)]
        low, high = (f"DATE '{day}'" for day in rounded_up)
    else:
        low, high = (f"TIMESTAMP '{str(moment).replace('T', ' ')}'" for moment in (first, after))
    since = f"{dialect.microseconds(f'CAST({cell} AS TIMESTAMP)')} - ({int(first.astype('M8[us]').astype(np.int64))})"
    step = int(np.timedelta64(1, unit) / np.timedelta64(1, "us"))
    outside = [(f"{cell} < {low}", below), (f"{cell} >= {high}", above)]
    return Marked(case([(f"{cell} IS NULL", NULL), *outside], dialect.quotient(since, step)))
