"""Why a file cannot be read as a table, and where: by line, never by a cell.

Slow and plain: these functions read the file once more, after the fast reader has given up.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from itertools import chain
from pathlib import Path
from typing import IO

_UNDECODED = re.compile("[\udc80-\udcff]")  # what errors="surrogateescape" makes of bytes that are not UTF-8
_END = "\ue000 end of file \ue000"
_CHUNK = 1 << 20


def is_gzip(path: Path) -> bool:
    """Whether the file's name says that it is compressed."""
    return path.name.lower().endswith(".gz")


def open_text(path: Path, errors: str = "strict") -> IO[str]:
    """The file as UTF-8 text, unpacked when its name ends in .gz, with its line ends as they are."""
    opened = gzip.open if is_gzip(path) else open
    return opened(path, "rt", encoding="utf-8-sig", errors=errors, newline="")


def text_fault(path: Path, delimiter: str) -> str | None:
    """The first reason why a text file is no table, with its line; None when nothing is found."""
    try:
        return _kind_fault(path) or _encoding_fault(path) or _field_fault(path, delimiter)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "it is a .gz file that is cut off or damaged; try copying it again"
    except OSError as error:
        return f"the system says: {error.strerror or type(error).__name__}"


def open_quote_fault(path: Path, delimiter: str) -> str | None:
    """Where a quote is opened and never closed, which swallows all later rows; None when all are closed.

    Only a file with an odd number of quotes is looked at row by row.
    """
    quotes = 0
    with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            quotes += chunk.count(b'"')
    return _field_fault(path, delimiter, widths=False) if quotes % 2 else None


def header_fault(path: Path, header: list[str], delimiter: str) -> str | None:
    """What is wrong with a header that cannot be one; None when it can."""
    if not header:
        with open_text(path) as file:
            return "line 1 is blank; it must be the header" if file.read(1) else "it is empty"
    if len(header) > 1:
        return None
    other = next((mark for mark in (",", ";", "\t") if mark != delimiter and mark in header[0]), None)
    if other is None:
        return None
    wanted, suffix, kind = ("tabs", ".csv", "commas") if delimiter == "\t" else ("commas", ".tsv", "tabs")
    found = "a tab" if other == "\t" else f"'{other}'"
    return (
        f"expected {wanted}; got one field with {found} in it: save with {wanted}, or name the file {suffix} for {kind}"
    )


def folder_fault(path: Path) -> str | None:
    """What keeps a folder from being a folder of Parquet files; None when nothing is found."""
    files = sorted(each.relative_to(path) for each in path.rglob("*") if each.is_file())
    files = [each for each in files if not any(part.startswith((".", "_")) for part in each.parts)]  # as Arrow does
    if not any(_starts_with(path / each, b"PAR1") for each in files):
        return "it is a folder that holds no Parquet files"
    other = next((each for each in files if not _starts_with(path / each, b"PAR1")), None)
    if other is None:
        return None
    return f"it is a folder, and {str(other)!r} in it is no Parquet file; try the path of one file"


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _kind_fault(path: Path) -> str | None:
    if path.stat().st_size == 0:
        return "it is empty"
    packed = _starts_with(path, b"\x1f\x8b")
    if packed != is_gzip(path):
        return f"it is {'' if packed else 'not '}gzip; try its name with{'' if packed else 'out'} .gz"
    return None


def _encoding_fault(path: Path) -> str | None:
    with open_text(path, errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if _UNDECODED.search(line):
                return f"line {number} is not UTF-8; save the file as UTF-8, for example with iconv -f latin1 -t utf8"
    return None


def _field_fault(path: Path, delimiter: str, *, widths: bool = True) -> str | None:
    """The first row with a quote that stays open or, with `widths`, with more or fewer fields than the header."""
    header = 0
    with open_text(path, errors="surrogateescape") as file:
        rows = csv.reader(chain(file, [_END]), delimiter=delimiter)
        while True:
            start = rows.line_num + 1
            try:
                row = next(rows)
            except csv.Error:  # the reader's limit on the length of a field
                return f"a quote in line {start} is not closed"
            if row == [_END]:
                return None
            if row and row[-1].endswith(_END):
                return f"a quote in line {start} is not closed"
            header = header or len(row)
            fields = len(row) or (1 if header == 1 else header)  # blank lines: a missing value, or skipped
            if widths and fields != header:
                return f"line {start} has {_fields(fields)}, the header has {header}"


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"
