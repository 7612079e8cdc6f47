"""What one cell of a private table says: as text, as a number, as a moment, as one of some labels.

Each function reads one cell at a time and knows nothing of the others, and none raises.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np

from dpsynth.codec.categorical import spelled
from dpsynth.schema.columns import Boolean, Categorical

# Negative ticks say what is the matter with a cell.
NULL, UNREADABLE, UNKNOWN = -1, -2, -3

REAL = int | float | np.integer | np.floating | np.bool_
NAN = REAL | dt.datetime | np.datetime64  # what can be missing yet of its type; such a value is not equal to itself

FALSE_WORDS, TRUE_WORDS = ("false", "f", "no", "n", "0"), ("true", "t", "yes", "y", "1")


def text_of(value: object) -> str | None:
    """A cell as text, "" when it is missing, None when it has no reading."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None
    if isinstance(value, str):
        return value if value.isascii() or _encodable(value) else None
    if value is None or (value.is_nan() if isinstance(value, Decimal) else isinstance(value, NAN) and value != value):
        return ""
    try:
        return spelled(value) if isinstance(value, REAL | Decimal) else None
    except ValueError:  # a whole number of more digits than Python writes out
        return None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def number_of(value: object) -> float | None:
    """A cell as a number, NaN when it is missing, None when it is not a number."""
    text = text_of(value)
    if text is None or "_" in text:
        return None
    if not text.strip():
        return float("nan")
    try:
        return float(text if isinstance(value, str | bytes) else value)  # type: ignore[arg-type]
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")  # type: ignore[operator]
    except ValueError:
        return None


def moment_of(value: object, spelling: str | None) -> np.datetime64 | None:
    """A cell as a moment in UTC, NaT when it is missing, None when it is not a moment.

    spelling: the strptime format of text, or None for ISO 8601. A moment without time zone is taken as it stands.
    """
    text = text_of(value)
    if text is not None and not text.strip():
        return np.datetime64("NaT", "us")
    if isinstance(value, bytes | str):
        try:
            text = "" if text is None else text.strip()
            value = dt.datetime.strptime(text, spelling) if spelling else dt.datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        with contextlib.suppress(OverflowError):  # within a day of year 1 or 9999, where the shift matters to nobody
            value = value.astimezone(dt.UTC) if value.tzinfo else value
        return np.datetime64(value.replace(tzinfo=None), "us")
    if isinstance(value, dt.date | np.datetime64):
        moment: np.datetime64 = np.datetime64(value).astype("datetime64[us]")
        return moment
    return None


def label_finder(column: Categorical | Boolean) -> Callable[[object], int]:
    """From a cell to the tick of its label: spelled alike, or the same number, or a word for true or false."""
    labels = column.labels
    spellings = {str(label): tick for tick, label in enumerate(labels)}
    numbers = {float(label): tick for tick, label in enumerate(labels) if isinstance(label, int | float)}
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
        for spelling in (text, str(value)):
            if spelling in spellings:
                return spellings[spelling]
        if text == "":
            return NULL
        number = number_of(text) if numbers else None
        if number in numbers:
            return numbers[number]
        return words.get(text.casefold(), unknown)

    return tick_of
