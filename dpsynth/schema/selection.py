"""Sets of values of a column, as constraints and conditions name them: values, lists of values, ranges, missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Label, Numeric, OpenCategorical
from dpsynth.schema.grid import first_tick_from, last_tick_to, number_of_value
from dpsynth.schema.rules import plain
from dpsynth.schema.wording import close_to, kind_of


class Range(NamedTuple):
    """Values from `low` to `high`, both included; None leaves an end open."""

    low: Any
    high: Any


Values = tuple[Any, ...]
"""Labels, numbers, dates, Ranges and None (missing), before anybody looked at the column."""


@dataclass(frozen=True)
class Selection:
    """Values of one column of a schema.

    labels: of a labelled column. spans: of a number or date, as (first, last) ticks, both included. null: whether a
    missing value is among them.
    """

    column: str
    labels: tuple[Label, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    null: bool = False


def values_of(given: Any) -> Values:
    """What a user wrote for a set of values: one value, a list of them, a range as (low, high) or {from:, to:}.

    >>> values_of("F"), values_of(["F", None]), values_of((60, 90)), values_of({"from": 60})
    (('F',), ('F', None), (Range(low=60, high=90),), (Range(low=60, high=None),))
    """
    if isinstance(given, Range) or (isinstance(given, tuple) and len(given) == 2):
        return (Range(plain(given[0]), plain(given[1])),)
    if isinstance(given, Mapping):
        unknown = sorted(set(map(str, given)) - {"from", "to"})
        if unknown or not given:
            raise SettingError(f"a range must have the keys from and to, or one of them; got {unknown or 'none'}")
        return (Range(plain(given.get("from")), plain(given.get("to"))),)
    given = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(given, list | set | frozenset | tuple):
        if not given:
            raise SettingError("a list of values must hold at least one value")
        return tuple(one for entry in given for one in (values_of(entry) if not isinstance(entry, list) else (entry,)))
    return (None,) if _missing(given) else (plain(given),)


def written(values: Values) -> Any:
    """The values as a schema file has them: one value alone, or a list."""
    entries = [_written_range(one) if isinstance(one, Range) else one for one in values]
    return entries[0] if len(entries) == 1 else entries


def in_words(column: str, values: Values) -> str:
    """The condition in plain words.

    >>> in_words("age", (Range(60, 90), None))
    'age is 60 to 90 or missing'
    """
    return f"{column} is {' or '.join(map(_words, values))}"


def select(column: Column, values: Values) -> Selection:
    """The values as a selection of a column; raises SettingError for those that the column cannot hold."""
    if isinstance(column, Identifier):
        raise SettingError(f"column ({column.name!r}) must not be an identifier, which no model holds")
    null = any(one is None for one in values)
    if null and not column.nullable:
        raise SettingError(f"{column.name} must be a value; got missing, and the column is not nullable")
    wanted = [one for one in values if one is not None]
    if isinstance(column, Numeric | Datetime):
        return Selection(column.name, spans=_merged([_span(column, one) for one in wanted]), null=null)
    labels = [label for one in wanted for label in _labels_of(column, one)]
    return Selection(column.name, labels=tuple(dict.fromkeys(labels)), null=null)


def labels_of(column: Column) -> tuple[Label, ...]:
    """Every label that a labelled column declares, `other` included; empty for numbers and dates.

    >>> labels_of(OpenCategorical("city", known=["Oslo"]))
    ('Oslo', '(other)')
    """
    match column:
        case Categorical():
            return column.labels
        case Boolean():
            return tuple(column.labels)
        case OpenCategorical():
            return (*column.known, column.other)
    return ()


def _labels_of(column: Categorical | Boolean | OpenCategorical, wanted: Any) -> list[Label]:
    labels = labels_of(column)
    if isinstance(wanted, Range):
        numbers = [label for label in labels if isinstance(label, int | float) and not isinstance(label, bool)]
        if len(numbers) < len(labels):
            if None in wanted:
                raise SettingError(f"{column.name} must be a list of labels; got a range with an open end")
            return [*_labels_of(column, wanted.low), *_labels_of(column, wanted.high)]
        low = -np.inf if wanted.low is None else _number(column, wanted.low)
        high = np.inf if wanted.high is None else _number(column, wanted.high)
        found: list[Label] = [label for label in numbers if low <= label <= high]
        if not found:
            raise SettingError(f"{column.name} ({_words(wanted)}) must hold at least one of the column's labels")
        return found
    same = [label for label in labels if type(label) is type(wanted) and label == wanted]
    close = [label for label in labels if str(label) == str(wanted) or _equal_numbers(label, wanted)]
    if not same and not close:
        raise SettingError(
            f"{column.name} ({wanted!r:.60}) must be one of the column's labels{close_to(wanted, map(str, labels))}"
            + ("; try declaring it as known" if isinstance(column, OpenCategorical) else "")
        )
    return same[:1] or close[:1]


def _span(column: Numeric | Datetime, wanted: Any) -> tuple[int, int]:
    bounds = wanted if isinstance(wanted, Range) else Range(wanted, wanted)
    low, high = (
        end if value is None else number_of_value(column, _as_number(column, value), last=last)
        for value, end, last in ((bounds.low, -np.inf, False), (bounds.high, np.inf, True))
    )
    span = int(first_tick_from(column, np.array([low]))[0]), int(last_tick_to(column, np.array([high]))[0])
    if span[0] > span[1]:
        what = "hold at least one value" if isinstance(wanted, Range) else "be a value"
        raise SettingError(f"{column.name} ({_words(wanted)}) must {what} of the column, on its grid and in its bounds")
    return span


def _as_number(column: Numeric | Datetime, value: Any) -> Any:
    return _number(column, value) if isinstance(column, Numeric) else value


def _number(column: Column, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise SettingError(f"{column.name} ({value!r:.60}) must be a number; got {kind_of(value)}") from None


def _merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, those that touch joined."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


def _equal_numbers(label: Label, wanted: Any) -> bool:
    numbers = isinstance(label, int | float) and isinstance(wanted, int | float)
    return numbers and not isinstance(label, bool) and not isinstance(wanted, bool) and label == wanted


def _missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA, without importing pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return bool(np.ndim(value) == 0 and value != value)  # NaN alone differs from itself


def _written_range(one: Range) -> dict[str, Any]:
    return {key: end for key, end in (("from", one.low), ("to", one.high)) if end is not None}


def _words(one: Any) -> str:
    if isinstance(one, Range):
        if one.low is None or one.high is None:
            return f"at most {one.high}" if one.low is None else f"at least {one.low}"
        return f"{one.low} to {one.high}"
    return "missing" if one is None else str(one)


def both(one: Selection, two: Selection) -> Selection:
    """The values of a column that are in both selections; it may be empty."""
    spans = [(max(a, c), min(b, d)) for a, b in one.spans for c, d in two.spans if max(a, c) <= min(b, d)]
    labels = tuple(label for label in one.labels if label in two.labels)
    return Selection(one.column, labels, tuple(spans), one.null and two.null)
