"""CSV and TSV: UTF-8 text with a header line, plain or packed; every cell is read as text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth.errors import DataError
from dpsynth.private.faults import header_fault, is_gzip, open_quote_fault, open_text

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 1 << 24  # of text that are read at a time in a stream
PACKED = 6  # how many times larger a .gz file is once it is unpacked, roughly


@dataclass(frozen=True, eq=False, repr=False)
class TextSource:
    """A text file whose header has been read, and nothing else."""

    names: tuple[str, ...]
    path: Path
    delimiter: str
    readable: bool = True

    def table(self, names: Sequence[str]) -> pa.Table:
        """The named columns in memory, as dictionaries of text."""
        from pyarrow import csv as arrow_csv

        return arrow_csv.read_csv(self.path, **self._options(names))

    def bytes_in_memory(self, columns: int) -> int:
        """Roughly what its columns need in memory, by the size of the file, so it is private."""
        return self.path.stat().st_size * (PACKED if is_gzip(self.path) else 1)

    def batches(self, names: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, float]]:
        """The named columns batch by batch, in order, and the fraction of the file up to each (0 when packed).

        Raises DataError when the file is not what it was when the pass began.
        """
        from pyarrow import csv as arrow_csv

        before = self.path.stat()
        blocks = max(before.st_size // BLOCK_BYTES, 1)
        read = arrow_csv.ReadOptions(block_size=BLOCK_BYTES)
        with arrow_csv.open_csv(self.path, read_options=read, **self._options(names)) as reader:
            for place, batch in enumerate(reader, start=1):
                yield batch, 0.0 if is_gzip(self.path) else min(place / blocks, 1.0)
        after = self.path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise DataError(
                f"data ({self.path.name}) must not change while it is read; try again once nobody writes it"
            )

    def _options(self, names: Sequence[str]) -> dict[str, Any]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        return {
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                # In a file of one column an empty line is a missing value.
                ignore_empty_lines=len(self.names) > 1,
            ),
            "convert_options": arrow_csv.ConvertOptions(
                include_columns=list(names),
                column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())),
                strings_can_be_null=False,
            ),
        }


def open_text_table(path: Path, names: Sequence[str], delimiter: str) -> TextSource:
    """Read the header. names: the wanted columns. Raises DataError for a quote that is never closed or a bad header."""
    with open_text(path) as file:
        header = next(csv.reader(file, delimiter=delimiter), [])
    # First, for an open quote in the header makes cells of it.
    fault = open_quote_fault(path, delimiter)
    if fault is None and header not in [[name] for name in names]:
        fault = header_fault(path, header, delimiter)
    if fault is not None:
        raise DataError(f"data ({path.name}) cannot be read: {fault}")
    return TextSource(tuple(header), path, delimiter)
