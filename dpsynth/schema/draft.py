"""A first schema guessed from private data, for a steward to check: every item in it is marked "unreviewed"."""

from __future__ import annotations

import datetime as dt
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.errors import Problem, SchemaError
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.moments import Resolution
from dpsynth.schema.numeric import MAGNITUDE_LIMIT, TICKS_LIMIT
from dpsynth.schema.provenance import UNREVIEWED
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

FEW_LABELS = 50
FEW_NUMBERS = 10
IDENTIFIER_ROWS = 20
DECIMALS_LIMIT = 6
MISSING_WORDS = frozenset(
    ("?", "-", "--", ".", "N", "NA", "N/A", "na", "n/a", "null", "NULL", "none", "None", "NONE", "missing", "unknown")
)
_FALSE_TRUE = (("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("0", "1"))
_FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"),
    *("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"),
)
_IDENTIFIER_NAME = re.compile(r"(^|[_\W])([iI][dD]|[uUgG][uU][iI][dD])$|[a-z](ID|Id)$")


def draft(data: pd.DataFrame) -> Schema:
    """Guesses a schema from a private table; every item is marked "unreviewed".

    Few distinct labels make a Categorical, many an OpenCategorical (whose values are not listed), yes/no a Boolean,
    values that are all distinct, and many numbers in a column called an id, an Identifier; bounds are widened to round
    numbers. A word such as "?" or "NA" becomes one of `missing_values` when a text column holds at least as many
    other cells and those are all numbers or all dates. Raises SchemaError naming the columns whose names or types
    have no place in a schema.

    Privacy: the draft is read from private data without any noise. It is for the steward's eyes: it must not be
    published, and `Schema.require_reviewed` stops every run until each item is confirmed from a public source.

    >>> import pandas as pd
    >>> schema = draft(pd.DataFrame({"age": [31, 47, 47, 62] * 9, "smoker": ["no", "yes", "no", "no"] * 9}))
    >>> schema.names, schema.unreviewed()[:2]
    (('age', 'smoker'), (('age', 'type'), ('age', 'nullable')))
    """
    problems: list[Problem] = []
    columns: list[Column] = []
    names: list[object] = list(data.columns)
    words = {word for position in range(len(names)) if (word := _missing_word(data.iloc[:, position]))}
    for position, name in enumerate(names):
        if not isinstance(name, str):
            message = f"the name of column {position + 1} must be text; try data.columns = data.columns.astype(str)"
            problems.append(Problem(message, rule="name"))
            continue
        try:
            columns.append(_column(name, data.iloc[:, position], words))
        except SchemaError as error:
            problems.extend(error.problems)
    if problems:
        raise SchemaError("no schema can be drafted:", problems)
    return Schema(columns, missing_values=sorted(words))


def numbers_of(present: pd.Series[str]) -> pd.Series[Any] | None:
    """The numbers that text cells spell; None unless all do and none has a digit after a leading zero, as codes do."""
    import pandas as pd

    if present.empty or present.str.match(r"[+-]?0[0-9]").any():
        return None
    numbers = pd.to_numeric(present, errors="coerce")
    return None if numbers.isna().any() else numbers


def _missing_word(series: pd.Series[Any]) -> str | None:
    """The one word of a text column beside numbers or dates, when at most half of the cells are that word."""
    import pandas as pd

    if pd.api.types.infer_dtype(series, skipna=True) != "string":
        return None
    present = series.dropna().astype(str)
    found = MISSING_WORDS.intersection(present.unique())
    others = present[~present.isin(found)]
    if len(found) != 1 or 2 * len(others) < len(present):
        return None
    return None if numbers_of(others) is None and _moments_of(others) is None else next(iter(found))


def _moments_of(present: pd.Series[str]) -> tuple[pd.Series[Any], str] | None:
    """The moments that text cells spell, with their format; None when no known format reads them all."""
    import pandas as pd

    for pattern in _FORMATS:
        some = pd.to_datetime(present.iloc[:100], format=pattern, errors="coerce")
        if some.notna().all() and (moments := pd.to_datetime(present, format=pattern, errors="coerce")).notna().all():
            return moments, pattern
    return None


def _column(name: str, series: pd.Series[Any], words: set[str]) -> Column:
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    present = series.dropna()
    nullable = len(present) < len(series)
    if len(present) == 0:
        return OpenCategorical(name, nullable=True, source=UNREVIEWED)
    if kind == "boolean":
        return Boolean(name, nullable=nullable, source=UNREVIEWED)
    if kind in ("datetime64", "datetime", "date"):
        return _datetime(name, present, nullable)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _number(name, present, nullable)
    if kind == "categorical":
        labels = present.cat.categories.tolist()
        if {type(label) for label in labels} <= {str, int, bool} and len(labels) <= FEW_LABELS:
            return _labels(name, labels, nullable, ordered=bool(present.cat.ordered))
        return _column(name, series.astype(object), words)
    if kind == "string":
        return _text(name, present.astype(str), nullable, words)
    message = f"values must be all text, all numbers, all dates or all true/false; got {kind}; try converting them"
    raise SchemaError("a column:", [Problem(message, name, "type")])


def _text(name: str, present: pd.Series[Any], nullable: bool, words: set[str]) -> Column:
    others = present[~present.isin(words)]
    marked = len(others) < len(present)
    if len(others) and (found := _moments_of(others)) is not None:
        return _datetime(name, found[0], nullable or marked, found[1])
    if marked and (numbers := numbers_of(others)) is not None:
        return _number(name, numbers, nullable=True)
    if _is_identifier(name, present, nullable):
        return Identifier(name, source=UNREVIEWED)
    labels = present.unique().tolist()
    if len(labels) <= FEW_LABELS and 2 * len(labels) <= len(present):
        return _labels(name, sorted(labels), nullable, ordered=False)
    return OpenCategorical(name, nullable=nullable or marked, source=UNREVIEWED)


def _labels(name: str, labels: list[Any], nullable: bool, ordered: bool) -> Column:
    """A Boolean when the labels are a spelling of no and yes, else a Categorical."""
    by_word = {str(label).casefold(): label for label in labels}
    for false, true in _FALSE_TRUE:
        if len(labels) == 2 and by_word.keys() == {false, true}:
            return Boolean(name, nullable=nullable, labels=(by_word[false], by_word[true]), source=UNREVIEWED)
    return Categorical(name, values=labels, nullable=nullable, ordered=ordered, source=UNREVIEWED)


def _number(name: str, present: pd.Series[Any], nullable: bool) -> Column:
    if _is_identifier(name, present, nullable) and all(
        value == int(value) for value in present if math.isfinite(value)
    ):
        return Identifier(name, source=UNREVIEWED)
    finite = [value for value in present.unique().tolist() if math.isfinite(value) and abs(value) <= 1e299]
    if not finite:
        return Numeric(name, lower=0, upper=1, nullable=nullable, source=UNREVIEWED)
    low, high = Fraction(str(min(finite))), Fraction(str(max(finite)))
    decimals = _decimals(finite)
    if decimals == 0 and 2 <= len(finite) <= FEW_NUMBERS and 2 * len(finite) <= len(present):
        return _labels(name, sorted(map(int, finite)), nullable, ordered=True)
    called_id = _IDENTIFIER_NAME.search(name) is not None and len(finite) > FEW_LABELS
    if decimals == 0 and (called_id or high - low >= TICKS_LIMIT // 2 or max(-low, high) >= 2**62):
        return Identifier(name, source=UNREVIEWED)
    lower, upper = _round_bounds(low, high, decimals)
    if decimals == 0:
        return Numeric(name, lower=int(lower), upper=int(upper), integer=True, nullable=nullable, source=UNREVIEWED)
    return Numeric(
        name, lower=float(lower), upper=float(upper), decimals=decimals, nullable=nullable, source=UNREVIEWED
    )


def _decimals(values: list[Any]) -> int | None:
    """Fewest decimals that hold every value; None when they need more than the limit."""
    exact = [Fraction(str(value)) for value in values]
    for decimals in range(DECIMALS_LIMIT + 1):
        if all((value * 10**decimals).denominator == 1 for value in exact):
            small = max(map(abs, exact)) * 10**decimals <= MAGNITUDE_LIMIT // 16
            return decimals if small or all(isinstance(value, int) for value in values) else None
    return None


def _round_bounds(low: Fraction, high: Fraction, decimals: int | None) -> tuple[Fraction, Fraction]:
    """Bounds moved outwards to multiples of the power of ten just below their distance, and kept apart."""
    finest = max(-low, high, Fraction(1, 10**280)) / 10**7 if decimals is None else Fraction(1, 10**decimals)
    width = max(high - low, finest)
    power = Fraction(10) ** math.floor(math.log10(width))
    lower = math.floor(low / power) * power
    upper = math.ceil(high / power) * power
    return lower, upper if lower < upper else lower + max(power, finest)


def _datetime(name: str, present: pd.Series[Any], nullable: bool, pattern: str | None = None) -> Column:
    """Bounds are whole years; the resolution is the coarsest that holds every value, seconds at the finest."""
    import pandas as pd

    try:
        moments = pd.to_datetime(present)
    except (ValueError, TypeError):
        moments = None
    if moments is None or moments.dt.tz is not None:
        message = "times must all be without time zone; try dt.tz_convert('UTC').dt.tz_localize(None)"
        raise SchemaError("a column:", [Problem(message, name, "type")])
    seconds = moments.to_numpy().astype("datetime64[s]").astype(np.int64)
    units: tuple[tuple[Resolution, int], ...] = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    resolution = next(unit for unit, length in units if not (seconds % length).any())
    return Datetime(
        name,
        lower=dt.date(int(moments.min().year), 1, 1),
        upper=dt.date(int(moments.max().year), 12, 31),
        resolution=resolution,
        nullable=nullable,
        format=pattern,
        source=UNREVIEWED,
    )


def _is_identifier(name: str, present: pd.Series[Any], nullable: bool) -> bool:
    """Every value distinct and none missing, in a table that is large enough or a column called an id."""
    large = len(present) >= IDENTIFIER_ROWS or (len(present) > 1 and _IDENTIFIER_NAME.search(name) is not None)
    return large and not nullable and bool(present.is_unique)
