"""The names in the header of a file, and nothing below it."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from dpsynth.errors import DataError
from dpsynth.private.faults import header_fault, open_text
from dpsynth.private.files import SUFFIXES, parquet_files

# Digits with what stands between them in numbers, dates and times.
_VALUE = re.compile(r"[+-]?\d[\d.,:/ T+-]*(e[+-]?\d+)?Z?", re.IGNORECASE)


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The column names of a CSV or Parquet file, in order.

    Of a CSV file its first line is read, which must be a header: in a file without one it is somebody's row.
    Raises DataError when there is no header that can be read, or when one of its names is a number or a date, as rows
    have them; text in a line without names cannot be told from a name.

    Privacy: names of columns are taken as public. No row is looked at.
    """
    path = Path(path)
    suffix = next((known for known in SUFFIXES if path.name.lower().endswith(known)), None)
    if suffix is None:
        return parquet_files(path).names
    fault: str | None = None
    try:
        with open_text(path) as file:
            line = file.readline()
        header = next(csv.reader([line], delimiter=SUFFIXES[suffix], strict=True), [])
        fault = header_fault(path, header, SUFFIXES[suffix])
        if not all(name.strip() and name.isprintable() for name in header):
            fault = fault or "each name in its first line must be printable text"
        if any(_VALUE.fullmatch(name.strip()) for name in header):
            fault = fault or (
                "a name in its first line is a number or a date, as in somebody's row; try adding a line of names, or "
                "giving the names yourself"
            )
    except (OSError, EOFError, UnicodeDecodeError, csv.Error):  # whose text may quote the line
        fault = "its first line must be a readable header"
    if fault is not None:
        raise DataError(f"data ({path.name}) must be a file with a header line; {fault}")
    return tuple(header)
