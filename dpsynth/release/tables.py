"""The synthetic table to and from its two files, CSV for people and Parquet for programs."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dpsynth.errors import ReleaseError
from dpsynth.processors import in_turn
from dpsynth.schema.columns import Datetime
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a text cell as a formula."""
# Rows that are turned into text at a time: numbers take twice as long with a thousand.
CSV_ROWS = 1 << 13


def as_arrow(table: pd.DataFrame) -> pa.Table:
    """The table with its types, to be written."""
    import pyarrow as pa

    return pa.Table.from_pandas(table, preserve_index=False)


def write_parquet(parts: Iterable[pa.Table], path: Path) -> None:
    """Write parts of one table, at least one, each as row groups of its own; one part is in memory at a time."""
    import pyarrow.parquet as pq

    first, rest = _opened(parts)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for part in chain([first], rest):
            writer.write_table(part)


def read_parquet(content: bytes, *, rows: int, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table in the bytes of a Parquet file. Raises ReleaseError unless it has these rows and columns."""
    file = _parquet(io.BytesIO(content), rows=rows, columns=columns)
    with _readable():
        frame: pd.DataFrame = _in_seconds(file.read()).to_pandas()
    return frame


def parquet_parts(stream: BinaryIO, *, rows: int, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    """The row groups of a Parquet file, one at a time. Raises ReleaseError unless it has these rows and columns."""
    file = _parquet(stream, rows=rows, columns=columns)
    if not file.num_row_groups:
        yield file.schema_arrow.empty_table()
    for group in range(file.num_row_groups):
        with _readable():
            part = _in_seconds(file.read_row_group(group))
        yield part


def write_csv(
    parts: Iterable[pa.Table], path: Path, *, formats: Mapping[str, str] | None = None, quote_formulas: bool = False
) -> None:
    """Write parts of one table, at least one, as UTF-8 CSV: text in quotes, a missing value empty without quotes.

    formats: how to write the dates of a column (strftime), so that the file fits the schema it was made with.
    quote_formulas: put an apostrophe before text that a spreadsheet would run as a formula.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    def text(part: pa.Table, *, header: bool = False) -> pa.Buffer:
        columns = [
            _csv_column(column, (formats or {}).get(name), quote_formulas)
            for name, column in zip(part.column_names, part.columns, strict=True)
        ]
        named = pa.table(columns, names=[as_written(name, quote_formulas) for name in part.column_names])
        stream = pa.BufferOutputStream()
        csv.write_csv(named, stream, csv.WriteOptions(include_header=header, batch_size=CSV_ROWS))
        return stream.getvalue()

    first, rest = _opened(parts)
    with path.open("wb") as file:
        file.write(text(first.slice(0, 0), header=True))
        for written in in_turn(text, chain([first], rest)):
            file.write(written)


def as_written(text: str, quote_formulas: bool) -> str:
    """A text as it stands in the CSV file: with an apostrophe in front when it is a formula and those are quoted."""
    return f"'{text}" if quote_formulas and text.startswith(FORMULA_STARTS) else text


def date_formats(schema: Schema) -> dict[str, str]:
    """How each date column is written: in its declared format, else ISO 8601 at its resolution."""
    iso = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:%M", "minute": "%Y-%m-%dT%H:%M", "second": "%Y-%m-%dT%H:%M:%S"}
    dates = (column for column in schema.columns if isinstance(column, Datetime))
    return {column.name: column.format or iso[column.resolution] for column in dates}


def _opened(parts: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    rest = iter(parts)
    return next(rest), rest


def _parquet(stream: BinaryIO, *, rows: int, columns: tuple[str, ...]) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    with _readable():
        file = pq.ParquetFile(stream)
    if file.metadata.num_rows != rows or tuple(file.schema_arrow.names) != columns:
        raise ReleaseError("synthetic.parquet must have the rows and columns of the release; got others")
    return file


def _in_seconds(part: pa.Table) -> pa.Table:
    """With moments in seconds again, which Parquet does not know."""
    import pyarrow as pa

    seconds = pa.timestamp("s")
    fields = [field.with_type(seconds) if field.type == pa.timestamp("ms") else field for field in part.schema]
    return part.cast(pa.schema(fields, metadata=part.schema.metadata))


@contextmanager
def _readable() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise ReleaseError(f"synthetic.parquet must be a readable Parquet file; got {type(error).__name__}") from None


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
