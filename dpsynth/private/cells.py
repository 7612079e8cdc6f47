"""What one cell of a private table says: as text, as a number, as a moment, as one of some labels.

Each function reads one cell at a time and knows nothing of the others, and none raises.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from dpsynth.codec.categorical import spelled
from dpsynth.schema.columns import Boolean, Categorical, Column, Label, OpenCategorical
from dpsynth.schema.moments import without_finest_units

# Negative ticks say what is the matter with a cell.
NULL, UNREADABLE, UNKNOWN = -1, -2, -3

REAL = int | float | np.integer | np.floating | np.bool_
NAN = REAL | dt.datetime | np.datetime64  # what can be missing yet of its type; such a value is not equal to itself

# Numbers and booleans as Python and pandas write them: such a label also stands for the number itself.
WRITTEN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-][0-9]+)?")
WRITTEN_BOOLEANS = {"False": "0", "True": "1"}

FALSE_WORDS, TRUE_WORDS = ("false", "f", "no", "n", "0"), ("true", "t", "yes", "y", "1")


def is_missing(value: object) -> bool:
    """Whether a cell is None, NaN or NaT; the empty text is not yet missing, for it may be a declared value."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or (isinstance(value, NAN) and bool(value != value))


def is_number(value: object) -> bool:
    """Whether a cell is a number or a boolean; a duration is not one, though numpy derives it from the integers."""
    return isinstance(value, REAL | Decimal) and not isinstance(value, np.timedelta64)


def is_moment(value: object) -> bool:
    """Whether a cell is a date or a moment."""
    return isinstance(value, dt.date | np.datetime64)


def text_of(value: object) -> str | None:
    """A cell as text, "" when it is missing, None when it has no reading; equal numbers are the same text."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None
    if isinstance(value, str):
        return value if value.isascii() or _encodable(value) else None
    if is_missing(value):
        return ""
    try:
        return spelled(value) if is_number(value) else None
    except ValueError:  # a number of more digits than Python writes out
        return None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def number_of(value: object) -> int | float | None:
    """A cell as a number, exact when it is whole and fits 64 bits; NaN when missing, None when not a number."""
    if is_missing(value):
        return float("nan")
    if is_number(value):
        return _exact(value)
    text = text_of(value) if isinstance(value, str | bytes) else None
    if text is None or "_" in text:
        return None
    if not text.strip():
        return float("nan")
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return _exact(read(text))
    return None


def _exact(number: Any) -> int | float:
    """The number as int when that loses nothing and 64 bits hold it, else as the nearest float."""
    number = int(number) if isinstance(number, np.integer | np.bool_) else number
    try:
        nearest = float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")
    if not nearest.is_integer() or abs(nearest) > 2**63:
        return nearest
    whole = int(number)
    return whole if whole == number and -(2**63) <= whole < 2**63 else nearest


def moment_of(value: object, spelling: str | None) -> np.datetime64 | None:
    """A cell as a moment in UTC, NaT when it is missing, None when it is not a moment.

    spelling: the strptime format of text, or None for ISO 8601. A moment without time zone is taken as it stands.
    """
    if is_missing(value):
        return np.datetime64("NaT", "us")
    if isinstance(value, bytes | str):
        text = text_of(value)
        if text is None:
            return None
        if not text.strip():
            return np.datetime64("NaT", "us")
        try:
            text = text.strip()
            value = dt.datetime.strptime(text, spelling) if spelling else dt.datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        with contextlib.suppress(OverflowError):  # within a day of year 1 or 9999, where the shift matters to nobody
            value = value.astimezone(dt.UTC) if value.tzinfo else value
        return np.datetime64(value.replace(tzinfo=None), "us")
    return _in_microseconds(np.datetime64(value)) if isinstance(value, dt.date | np.datetime64) else None


def _in_microseconds(moment: np.datetime64) -> np.datetime64 | None:
    """The moment to the microsecond; beyond 200,000 years from 1970, where microseconds would wrap, that year."""
    moments = without_finest_units(np.array([moment]))
    unit = np.datetime_data(moments.dtype)[0]
    if unit == "generic":
        return None
    if unit != "ns":
        moments = np.clip(moments, *np.array([-200_000, 200_000], dtype="M8[Y]").astype(moments.dtype))
    in_microseconds: np.datetime64 = moments.astype("datetime64[us]")[0]
    return in_microseconds


def unit_of(value: object) -> str | None:
    """The name of the unit in a cell: its text, or the moment in UTC to the microsecond; "" when missing."""
    moment = moment_of(value, None) if is_moment(value) and not is_missing(value) else None
    return text_of(value) if moment is None else str(moment).removesuffix("T00:00:00.000000")


def declared_texts(column: Column) -> frozenset[str]:
    """The labels that a column declares, as text: in such a column none of them stands for a missing cell."""
    labels: Sequence[Label] = ()
    if isinstance(column, Categorical | Boolean):
        labels = column.labels
    elif isinstance(column, OpenCategorical):
        labels = (*column.known, column.other)
    return frozenset({*map(str, labels), *map(spelled, labels)})


def label_finder(column: Categorical | Boolean) -> Callable[[object], int]:
    """From a cell to the tick of its label.

    A label that is exactly the cell's text comes first, then one that stands for the same number or boolean, of
    several the one declared first; then, for text, another spelling of a declared number, or a word for true or false.
    """
    labels = column.labels
    spellings = {label: tick for tick, label in enumerate(labels) if isinstance(label, str)}
    for spelling in (spelled, number_written, str):
        for tick, label in enumerate(labels):
            spellings.setdefault(spelling(label), tick)
    numbers = {label: tick for tick, label in enumerate(labels) if isinstance(label, int | float)}
    words: Mapping[str, int] = {}
    if all(isinstance(label, bool) for label in labels):
        words = {word: labels.index(meant) for meant in labels for word in (FALSE_WORDS, TRUE_WORDS)[bool(meant)]}
    elif isinstance(column, Boolean) and not numbers:
        words = {"false": 0, "0": 0, "true": 1, "1": 1}
    unknown = spellings[str(column.other)] if isinstance(column, Categorical) and column.other is not None else UNKNOWN

    def tick_of(value: object) -> int:
        text = text_of(value)
        if text is None:
            return UNREADABLE
        if text in spellings:
            return spellings[text]
        if text == "":
            return NULL
        number = number_of(text) if numbers else None
        if number is not None and number in numbers:
            return numbers[number]
        return words.get(text.casefold(), unknown)

    return tick_of


def number_written(label: Label) -> str:
    """The spelling of the number or boolean that a text label writes out; any other label as it is."""
    text = str(label)
    with contextlib.suppress(ValueError):
        return spelled(Decimal(text)) if WRITTEN_NUMBER.fullmatch(text) else WRITTEN_BOOLEANS.get(text, text)
    return text
