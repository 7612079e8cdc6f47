"""A first schema guessed from a private table or file: for the steward's eyes, every item to be reviewed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth.errors import DataError
from dpsynth.private.columns import without_views
from dpsynth.private.faults import folder_fault, header_fault, open_quote_fault, text_fault
from dpsynth.schema.draft import draft as draft_from_frame
from dpsynth.schema.draft import numbers_of
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd


def draft(data: Any) -> Schema:
    """Guess a schema from a private table; every item is marked "unreviewed".

    data: a pandas DataFrame, anything that exports an Arrow table (polars), or the path of a CSV (.gz) or Parquet file.
    Raises DataError when the file cannot be read, SchemaError when a column has no place in a schema.

    Privacy: the draft holds values of the table without any noise. It is private until each item has been
    confirmed from a public source, and no run starts before that.
    """
    if isinstance(data, str) and "://" in data:  # of which no more is shown, for it may hold a password
        raise DataError(
            f"data ({data.partition('://')[0]}://...) must be a DataFrame or the path of a file; got an address; "
            "try a file with a sample of its rows"
        )
    if isinstance(data, str | os.PathLike):
        return draft_from_frame(_read(Path(data)))
    return draft_from_frame(_as_pandas(data))


def _as_pandas(data: Any) -> pd.DataFrame:
    """A table in memory as a frame of pandas, whole numbers beside nulls as whole numbers."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        raise DataError(f"data must be a DataFrame, an Arrow table or a path; got {type(data).__name__}")
    table = pa.table(data)
    table = pa.table([without_views(column) for column in table.columns], names=table.column_names)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    return frame


def _read(path: Path) -> pd.DataFrame:
    """The table with numbers as numbers, except that digits after a leading zero stay text, as in a run."""
    import pandas as pd

    name = path.name.lower()
    separator = "\t" if name.endswith((".tsv", ".tsv.gz")) else ","
    fault = folder_fault(path) if path.is_dir() else None
    if fault:
        raise DataError(f"data ({path}) must be a CSV or Parquet file; {fault}")
    try:
        if name.endswith(".parquet") or path.is_dir():
            return pd.read_parquet(path)
        frame = pd.read_csv(
            path, sep=separator, dtype="string", keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
        names = list(frame.columns)
        fault = open_quote_fault(path, separator) or header_fault(path, names, separator) or _name_fault(names)
        if not fault:
            return frame.apply(_as_numbers)
        refusal = f"data ({path.name}) must be a CSV or Parquet file; {fault}"
    except OSError as error:
        refusal = f"data ({path}) must be a readable file; got: {error.strerror}"
    except (ValueError, ArithmeticError, EOFError, zlib.error):
        fault = None if name.endswith(".parquet") else text_fault(path, separator)
        refusal = f"data ({path.name}) must be a CSV or Parquet file; {fault or 'it cannot be read as one'}"
    # The cause may quote cells. Out here it is over, and not even the error's context holds it.
    raise DataError(refusal)


def _name_fault(names: Sequence[str]) -> str | None:
    """Which name of a header cannot be one, by its place: a stray quote makes a name of cells, never to be shown."""
    place = next((place for place, name in enumerate(names, 1) if not name.isprintable()), None)
    return None if place is None else f"field {place} of its header must be one line of printable characters"


def _as_numbers(column: pd.Series[str]) -> pd.Series[Any]:
    numbers = numbers_of(column.dropna())
    return column if numbers is None else numbers.reindex(column.index)
