"""The synthetic table to and from its two files, CSV for people and Parquet for programs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.errors import ReleaseError
from dpsynth.schema.columns import Datetime
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a text cell as a formula."""


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write the table with its types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, compression="zstd")


def read_parquet(content: bytes, *, rows: int, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table in the bytes of a Parquet file. Raises ReleaseError unless it has these rows and columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        found = tuple(file.schema_arrow.names)
        if file.metadata.num_rows != rows or found != columns:
            raise ReleaseError("synthetic.parquet must have the rows and columns of the release; got others")
        frame: pd.DataFrame = file.read().to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise ReleaseError(f"synthetic.parquet must be a readable Parquet file; got {type(error).__name__}") from None
    for column in frame.columns:
        if frame[column].dtype == "datetime64[ms]":  # Parquet knows no seconds
            frame[column] = frame[column].dt.as_unit("s")
    return frame


def write_csv(
    table: pd.DataFrame, path: Path, *, formats: Mapping[str, str] | None = None, quote_formulas: bool = False
) -> None:
    """Write the table as UTF-8 CSV: text in quotes, a missing value as an empty field without quotes.

    formats: how to write the dates of a column (strftime), so that the file fits the schema it was made with.
    quote_formulas: put an apostrophe before text that a spreadsheet would run as a formula.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    columns = [
        _csv_column(column, (formats or {}).get(name), quote_formulas)
        for name, column in zip(arrow.column_names, arrow.columns, strict=True)
    ]
    names = [as_written(name, quote_formulas) for name in arrow.column_names]
    csv.write_csv(pa.table(columns, names=names), path)


def as_written(text: str, quote_formulas: bool) -> str:
    """A text as it stands in the CSV file: with an apostrophe in front when it is a formula and those are quoted."""
    return f"'{text}" if quote_formulas and text.startswith(FORMULA_STARTS) else text


def date_formats(schema: Schema) -> dict[str, str]:
    """How each date column is written: in its declared format, else ISO 8601 at its resolution."""
    iso = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:%M", "minute": "%Y-%m-%dT%H:%M", "second": "%Y-%m-%dT%H:%M:%S"}
    dates = (column for column in schema.columns if isinstance(column, Datetime))
    return {column.name: column.format or iso[column.resolution] for column in dates}


def _csv_column(column: pa.ChunkedArray, date_format: str | None, quote_formulas: bool) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type) and date_format is not None:
        return pc.strftime(column.cast(pa.timestamp("s")), format=date_format)
    if quote_formulas and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return pc.replace_substring_regex(column, r"^([=+\-@\t\r])", r"'\1")
    return column
