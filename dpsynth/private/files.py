"""Reading a private table: only the schema's columns, from memory or a file, and no cell in any error.

Readers of pandas and Arrow quote cells in their errors; those are caught here and replaced.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth.errors import DataError, Problem
from dpsynth.private.columns import Cells, cells_of, rows_of
from dpsynth.private.faults import folder_fault, header_fault, open_quote_fault, open_text, text_fault
from dpsynth.schema.columns import close_to

if TYPE_CHECKING:
    import pyarrow as pa

Data = Any
"""A pandas DataFrame, an Arrow table (or anything that exports one), a mapping of columns, or a path."""

SUFFIXES = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}


def read(data: Data, names: Sequence[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    """The named columns of `data`, and a problem for each that is absent, repeated or of another length.

    data: a pandas DataFrame; an Arrow table or any object that exports one; a mapping from name to
    one-dimensional array; or the path of a .csv, .tsv (also .gz) or .parquet file, or of a folder of
    Parquet files. Text files are UTF-8 with a header line; their cells are read as text.
    Raises DataError when the source as a whole cannot be read; no message holds a cell.
    """
    if isinstance(data, str | os.PathLike):
        if not os.fspath(data):
            raise DataError("data ('') must be the path of a file; got an empty path")
        return _read_file(Path(data), names)
    if isinstance(data, Mapping):
        return _same_length({name: cells_of(data[name]) for name in names if name in data}, _absent(names, list(data)))
    import pandas as pd
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):
        problems = _absent(names, list(data.columns))
        skipped = {problem.column for problem in problems}
        return {name: cells_of(data[name]) for name in names if name not in skipped}, problems
    if hasattr(data, "__arrow_c_stream__"):
        return _from_table(pa.table(data), names)
    raise DataError(
        "data must be a pandas DataFrame, an Arrow table, a mapping of columns or a path; "
        f"got {type(data).__name__}; try pandas.DataFrame(data)"
    )


def _absent(names: Sequence[str], found: Sequence[object]) -> tuple[Problem, ...]:
    """A problem for each wanted name that is not there, or there more than once.

    A similar name is proposed only beside another that is there: in a file without a header line, the names
    are the first row's cells.
    """
    problems = []
    spelled_alike = {str(other).lower() for other in found}
    is_header = any(name.lower() in spelled_alike for name in names)
    for name in names:
        times = sum(other == name for other in found)
        if times == 0:
            others = [other for other in found if is_header and isinstance(other, str) and other not in names]
            problems.append(Problem(f"must be in the data{close_to(name, others)}", column=name, rule="present"))
        elif times > 1:
            problems.append(Problem("must be in the data once; try renaming the others", column=name, rule="unique"))
    return tuple(problems)


def _same_length(
    columns: dict[str, Cells], problems: tuple[Problem, ...]
) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    if len({rows_of(cells) for cells in columns.values()}) > 1:
        raise DataError("columns of the data must all have the same number of rows")
    return columns, problems


def _from_table(table: pa.Table, names: Iterable[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    problems = _absent(list(names), table.column_names)
    skipped = {problem.column for problem in problems}
    return {name: cells_of(table.column(name)) for name in names if name not in skipped}, problems


def _read_file(path: Path, names: Sequence[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    import pyarrow as pa

    suffix = next((known for known in (*SUFFIXES, ".parquet") if path.name.lower().endswith(known)), None)
    if suffix is None and not path.is_dir():
        raise DataError(f"data ({path.name}) must be a .csv, .tsv, .csv.gz, .tsv.gz or .parquet file")
    if suffix in SUFFIXES and path.is_dir():
        raise DataError(f"data ({path.name}) must be a file; it is a folder; try the path of a file in it")
    try:
        return _read_text(path, names, SUFFIXES[suffix]) if suffix in SUFFIXES else _read_parquet(path, names)
    except FileNotFoundError:
        refusal: str | None = f"data ({path}) must be an existing file; got no such file"
    except PermissionError:
        refusal = f"data ({path}) must be a file that you may read; got: permission denied"
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError):
        refusal = None
    # The cause quotes cells of the table. Out here it is over, and not even the error's context holds it.
    raise DataError(refusal or _why_unreadable(path, SUFFIXES.get(suffix or "")))


def _why_unreadable(path: Path, delimiter: str | None) -> str:
    """The message for a file that the fast readers gave up on. delimiter: None for Parquet."""
    if delimiter is not None:
        fault = text_fault(path, delimiter)
        kind = "UTF-8 text with as many fields in every row as in the header"
    elif path.is_dir():
        fault, kind = None, "a folder of Parquet files with the same columns"
    else:
        fault, kind = None if path.stat().st_size else "it is empty", "Parquet"
    if fault is not None:
        return f"data ({path.name}) cannot be read: {fault}"
    return f"data ({path.name}) must be readable as {kind}; try opening it with pandas"


def _read_text(path: Path, names: Sequence[str], delimiter: str) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with open_text(path) as file:
        header = next(csv.reader(file, delimiter=delimiter), [])
    # First, for an open quote in the header makes cells of it.
    fault = open_quote_fault(path, delimiter)
    if fault is None and header not in [[name] for name in names]:
        fault = header_fault(path, header, delimiter)
    if fault is not None:
        raise DataError(f"data ({path.name}) cannot be read: {fault}")
    problems = _absent(names, header)
    skipped = {problem.column for problem in problems}
    wanted = [name for name in names if name not in skipped]
    if not wanted:
        return {}, problems
    table = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            # In a file of one column an empty line is a missing value.
            ignore_empty_lines=len(header) > 1,
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.dictionary(pa.int32(), pa.string())),
            strings_can_be_null=False,
        ),
    )
    columns, _ = _from_table(table, wanted)
    return columns, problems


def _read_parquet(path: Path, names: Sequence[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    from pyarrow import dataset, parquet

    if path.is_file():
        problems = _absent(names, parquet.read_schema(path).names)
        if any(problem.rule == "unique" for problem in problems):
            return {}, problems  # Arrow cannot pick columns from a file in which names repeat
    elif path.is_dir():
        fault = folder_fault(path)
        if fault is not None:
            raise DataError(f"data ({path}) cannot be read: {fault}")
    table = dataset.dataset(path, format="parquet")
    found = table.schema.names
    columns, _ = _from_table(table.to_table(columns=[name for name in names if name in found]), names)
    return columns, _absent(names, found)
