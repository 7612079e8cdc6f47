"""Reading a private table: only the schema's columns, from memory or a file, and no cell in any error.

Readers of pandas and Arrow quote cells in their errors; those are caught here and replaced.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dpsynth.errors import DataError, Problem
from dpsynth.private.columns import Cells, cells_of, rows_of
from dpsynth.private.faults import text_fault
from dpsynth.private.parquet_files import ParquetSource, open_parquet
from dpsynth.private.text_files import open_text_table
from dpsynth.schema.columns import close_to

if TYPE_CHECKING:
    import pyarrow as pa

Data = Any
"""A pandas DataFrame, an Arrow table (or anything that exports one), a mapping of columns, a path, or a URI."""

Answer = TypeVar("Answer")

SUFFIXES = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}


Batches = Iterator[tuple[dict[str, Cells], float]]
"""Cells of the wanted columns, batch by batch in the order of the rows, each with the fraction that is read by then."""


@dataclass(frozen=True, eq=False, repr=False)
class Opened:
    """A private table that has been found, and of which nothing but names has been read.

    problems: one for each wanted column that is absent, repeated or of another length; the others can be read.
    cells: reads them all, batches: reads them batch by batch; either may be called once, and raises DataError when
    the source cannot be read or changes meanwhile. bytes_in_memory: roughly what reading them all needs beyond what
    is in memory already; it follows from the number of rows, so it is as private as that.
    """

    problems: tuple[Problem, ...]
    cells: Callable[[], dict[str, Cells]]
    batches: Callable[[], Batches]
    bytes_in_memory: Callable[[], int]


def open_table(data: Data, names: Sequence[str]) -> Opened:
    """Find the named columns of `data`.

    data: a pandas DataFrame; an Arrow table or any object that exports one; a mapping from name to
    one-dimensional array; the path of a .csv, .tsv (also .gz) or .parquet file, or of a folder of
    Parquet files; the URI of such a folder or Parquet file in a store; an Arrow data set, or a reader of
    batches. Text files are UTF-8 with a header line; their cells are read as text.
    Raises DataError when there is no such source; no message holds a cell.
    """
    found = None if isinstance(data, Mapping) else _found(data, names)
    if found is None:
        cells, problems = _in_memory(data, names)
        return Opened(problems, lambda: cells, lambda: iter([(cells, 1.0)]), lambda: 0)
    problems = absent(names, found.source.names)
    skipped = {problem.column for problem in problems}
    wanted = [name for name in names if name not in skipped] if found.source.readable else []
    if not wanted:
        return Opened(problems, dict, lambda: iter(()), lambda: 0)
    return Opened(
        problems,
        lambda: found.guarded(lambda: _cells(found.source.table(wanted))),
        lambda: found.batches(wanted),
        lambda: found.guarded(lambda: found.source.bytes_in_memory(len(wanted))),
    )


def parquet_files(where: Path | str) -> ParquetSource:
    """Find a Parquet file, or a folder of them, by its path or URI. Raises DataError for anything else."""
    found = _found(where, [])
    if found is None or not isinstance(found.source, ParquetSource):
        raise DataError("where must be the path or URI of Parquet files; got something else; try a .parquet file")
    return found.source


def read(data: Data, names: Sequence[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    """The named columns of `data` in memory, and a problem for each that cannot be read; see `open_table`."""
    opened = open_table(data, names)
    return opened.cells(), opened.problems


def _in_memory(data: Data, names: Sequence[str]) -> tuple[dict[str, Cells], tuple[Problem, ...]]:
    if isinstance(data, Mapping):
        return _same_length({name: cells_of(data[name]) for name in names if name in data}, absent(names, list(data)))
    import pandas as pd
    import pyarrow as pa

    table = pa.table(data) if not isinstance(data, pd.DataFrame) and hasattr(data, "__arrow_c_stream__") else data
    if not isinstance(table, pd.DataFrame | pa.Table):
        raise DataError(
            "data must be a pandas DataFrame, an Arrow table, a mapping of columns or a path; "
            f"got {type(data).__name__}; try pandas.DataFrame(data)"
        )
    problems = absent(names, list(table.columns) if isinstance(table, pd.DataFrame) else table.column_names)
    skipped = {problem.column for problem in problems}
    return {name: cells_of(table[name]) for name in names if name not in skipped}, problems


def absent(names: Sequence[str], found: Sequence[object]) -> tuple[Problem, ...]:
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


def _cells(table: pa.Table | pa.RecordBatch) -> dict[str, Cells]:
    return {name: cells_of(table.column(name)) for name in table.schema.names}


def _found(data: Data, names: Sequence[str]) -> _Found | None:
    """The file, folder, store or reader that `data` names or is; None for a table in memory."""
    import pyarrow as pa
    from pyarrow import dataset

    if isinstance(data, str) and "://" in data:
        called = f"{data.split('://')[0]}://..."  # the rest may hold a key
        return _Found(called, None, None, _guarded(called, None, None, lambda: open_parquet(data)))
    if isinstance(data, str | os.PathLike):
        if not os.fspath(data):
            raise DataError("data ('') must be the path of a file; got an empty path")
        return _found_path(Path(data), names)
    if isinstance(data, dataset.Dataset):
        return _Found("data set", None, None, ParquetSource(tuple(data.schema.names), data, local=True))
    if isinstance(data, pa.RecordBatchReader):
        return _Found("reader", None, None, _Reader(data))
    return None


def _found_path(path: Path, names: Sequence[str]) -> _Found:
    suffix = next((known for known in (*SUFFIXES, ".parquet") if path.name.lower().endswith(known)), None)
    if suffix is None and not path.is_dir():
        raise DataError(f"data ({path.name}) must be a .csv, .tsv, .csv.gz, .tsv.gz or .parquet file")
    delimiter = SUFFIXES.get(suffix or "")
    if delimiter is None:
        return _Found(str(path), path, None, _guarded(str(path), path, None, lambda: open_parquet(path)))
    if path.is_dir():
        raise DataError(f"data ({path.name}) must be a file; it is a folder; try the path of a file in it")
    source = _guarded(str(path), path, delimiter, lambda: open_text_table(path, names, delimiter))
    return _Found(str(path), path, delimiter, source)


@dataclass(frozen=True, eq=False, repr=False)
class _Found:
    """A source and what messages call it. path: None for what is no local path; delimiter: of text."""

    called: str
    path: Path | None
    delimiter: str | None
    source: _Source

    def guarded(self, job: Callable[[], Answer]) -> Answer:
        """What `job` gives; DataError for whatever the readers raise."""
        return _guarded(self.called, self.path, self.delimiter, job)

    def batches(self, names: Sequence[str]) -> Batches:
        """Every batch that has rows."""
        batches = self.source.batches(names)

        def following() -> tuple[dict[str, Cells], float] | None:
            found = next(((batch, done) for batch, done in batches if batch.num_rows), None)
            return None if found is None else (_cells(found[0]), found[1])

        while (batch := self.guarded(following)) is not None:
            yield batch


class _Source(Protocol):
    """A table that is read in whole or in batches; each batch comes with the fraction that is done with it."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def readable(self) -> bool: ...

    def table(self, names: Sequence[str]) -> pa.Table: ...

    def batches(self, names: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, float]]: ...

    def bytes_in_memory(self, columns: int) -> int: ...


@dataclass(frozen=True, eq=False, repr=False)
class _Reader:
    """Batches from somewhere else, which come once."""

    reader: pa.RecordBatchReader
    readable = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.reader.schema.names)

    def table(self, names: Sequence[str]) -> pa.Table:
        return self.reader.read_all().select(list(names))

    def batches(self, names: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, float]]:
        for batch in self.reader:
            yield batch.select(list(names)), 0.0

    def bytes_in_memory(self, columns: int) -> int:
        """As many as there may be: nobody knows before the last batch."""
        return 1 << 62


def _guarded(called: str, path: Path | None, delimiter: str | None, job: Callable[[], Answer]) -> Answer:
    import pyarrow as pa

    try:
        return job()
    except FileNotFoundError:
        refusal: str | None = f"data ({called}) must be an existing file; got no such file"
    except PermissionError:
        refusal = f"data ({called}) must be a file that you may read; got: permission denied"
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError):
        refusal = None
    # The cause quotes cells of the table. Out here it is over, and not even the error's context holds it.
    raise DataError(refusal or _why_unreadable(called, path, delimiter))


def _why_unreadable(called: str, path: Path | None, delimiter: str | None) -> str:
    """The message for a source that the fast readers gave up on. delimiter: None for Parquet."""
    if path is None:
        return f"data ({called}) must be readable, as Parquet where it is a store; try opening it with pyarrow"
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
