"""Conditions, shares and known columns as they are typed, turned into what `Release.sample` takes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth.errors import DataError, SettingError

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.schema.schema import Schema

MISSING = "missing"


def typed_given(pairs: Iterable[str], schema: Schema) -> dict[str, Any]:
    """COLUMN=VALUE texts as conditions: a value, A,B for several, LOW..HIGH for a range, `missing`.

    A text that is a label of its column is that label, whatever it looks like. Conditions on one column add up.

    >>> from dpsynth.schema import Categorical, Numeric, Schema
    >>> schema = Schema([Numeric("age", lower=0, upper=99, integer=True), Categorical("town", values=["A,B", "C"])])
    >>> typed_given(["age=60..", "town=A,B"], schema)
    {'age': [Range(low='60', high=None)], 'town': ['A,B']}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, text = _split(pair, "--given", "COLUMN=VALUE")
        found.setdefault(name, []).extend(_values(text, name, schema))
    return found


def typed_weights(pairs: Iterable[str], schema: Schema) -> dict[str, dict[Any, float]]:
    """COLUMN=LABEL:SHARE,LABEL:SHARE texts as shares of labels.

    >>> from dpsynth.schema import Categorical, Schema
    >>> typed_weights(["sex=F:0.5,M:0.5"], Schema([Categorical("sex", values=["F", "M"])]))
    {'sex': {'F': 0.5, 'M': 0.5}}
    """
    found: dict[str, dict[Any, float]] = {}
    for pair in pairs:
        name, text = _split(pair, "--weight", "COLUMN=LABEL:SHARE,...")
        for part in text.split(","):
            label, colon, share = part.rpartition(":")
            try:
                number = float(share)
            except ValueError:
                colon = ""
                number = 0.0
            if not colon:
                raise SettingError(f"--weight ({pair}) must look like COLUMN=LABEL:SHARE,...; try sex=F:0.5,M:0.5")
            value = None if label == MISSING and label not in _labels(name, schema) else label
            if value in found.setdefault(name, {}):
                raise SettingError(f"--weight ({pair}) must name each label once")
            found[name][value] = number
    return found


def read_known(path: Path) -> pd.DataFrame:
    """The table of known columns in a CSV or Parquet file; text stays text, so that 007 is no number."""
    import pandas as pd

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise SettingError(f"--known ({path}) must end in .csv or .parquet")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise DataError(f"--known ({path}) must be a readable table; got {type(error).__name__}") from None


def _split(pair: str, option: str, form: str) -> tuple[str, str]:
    name, equals, text = pair.partition("=")
    if not equals or not name.strip() or not text.strip():
        raise SettingError(f"{option} ({pair}) must look like {form}")
    return name.strip(), text.strip()


def _values(text: str, name: str, schema: Schema) -> list[Any]:
    from dpsynth.schema.selection import Range

    labels = _labels(name, schema)
    if text in labels:
        return [text]
    found: list[Any] = []
    for part in map(str.strip, text.split(",")):
        low, dots, high = part.partition("..")
        if part in labels or not (dots or part == MISSING):
            found.append(part)
        else:
            found.append(Range(low.strip() or None, high.strip() or None) if dots else None)
    return found


def _labels(name: str, schema: Schema) -> set[str]:
    from dpsynth.schema.selection import labels_of

    return set(map(str, labels_of(schema[name])))
