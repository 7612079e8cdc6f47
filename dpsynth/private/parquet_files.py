"""Parquet: one file, a folder of files, a folder partitioned by name (key=value), or the same in an object store.

Columns that a partitioned folder keeps in the names of its folders are read as text, as the cells of a CSV file are,
so that a schema's rules decide what "007" is, and not a guess from the names that there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dpsynth.errors import DataError
from dpsynth.private.faults import folder_fault

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1 << 18
# Batches that are decoded ahead, and files that are opened ahead: with BATCH_ROWS this bounds what is in memory.
BATCHES_AHEAD, FILES_AHEAD = 4, 2
Stamp = tuple[str, int | None, int | None]
Stamps = list[Stamp]
UNREAD_BYTES = 8  # of a value once it is read, roughly, whatever it takes in the file


@dataclass(frozen=True, eq=False, repr=False)
class ParquetSource:
    """A data set of Parquet files that has been found and not yet read.

    names: of its columns, as they stand, repeated ones too. files: an Arrow data set, None where names repeat, which
    Arrow cannot read.
    """

    names: tuple[str, ...]
    files: Any
    local: bool

    @property
    def readable(self) -> bool:
        """Whether Arrow can pick columns."""
        return self.files is not None

    def table(self, names: Sequence[str]) -> pa.Table:
        """The named columns in memory."""
        return self.files.to_table(columns=list(names))

    def bytes_in_memory(self, columns: int) -> int:
        """Roughly what so many of its columns need in memory: by the number of rows, so it is as private as that."""
        return int(self.files.count_rows()) * columns * UNREAD_BYTES

    def batches(self, names: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, float]]:
        """The named columns batch by batch, in order, and the fraction of all rows up to each.

        Text comes as dictionaries where the file has them, which saves looking at each row's text. Raises DataError
        when a file is not what it was when the pass began.
        """
        from pyarrow import dataset

        scanned, options = self.files, None
        if isinstance(scanned, dataset.FileSystemDataset) and scanned.format.default_extname == "parquet":
            scanned = _with_dictionaries(scanned, names)
            options = dataset.ParquetFragmentScanOptions(pre_buffer=not self.local)
        before, rows, done = _stamps(scanned), max(scanned.count_rows(), 1), 0
        scanner = scanned.scanner(
            columns=list(names),
            batch_size=BATCH_ROWS,
            batch_readahead=BATCHES_AHEAD,
            fragment_readahead=FILES_AHEAD,
            fragment_scan_options=options,
        )
        for batch in scanner.to_batches():
            done += batch.num_rows
            yield batch, min(done / rows, 1.0)
        _require_same(before, _stamps(scanned))

    def pieces(self, names: Sequence[str]) -> Pieces:
        """The named columns, row group by row group, for processes that share the work."""
        scanned = _with_dictionaries(self.files, names)
        groups = [group for file in scanned.get_fragments() for group in file.split_by_row_group()]
        return Pieces(
            tuple(names), tuple(groups), scanned.schema, scanned.filesystem, {each[0]: each for each in self.stamps}
        )

    @cached_property
    def stamps(self) -> Stamps:
        """Name, size and time of the last change of each file when this was first asked for."""
        return _stamps(self.files)

    def require_unchanged(self) -> None:
        """Raises DataError when a file is not what it was when `stamps` was first asked for."""
        _require_same(self.stamps, _stamps(self.files))


@dataclass(frozen=True, eq=False, repr=False)
class Pieces:
    """Row groups of Parquet files, each to be read by itself in any process that reaches the files as this one does."""

    names: tuple[str, ...]
    groups: tuple[Any, ...]
    schema: Any
    system: Any
    stamps: dict[str, Stamp]

    def __len__(self) -> int:
        return len(self.groups)

    def batches(self, numbers: range) -> Iterator[pa.RecordBatch]:
        """The batches of some row groups, read by one thread.

        Raises DataError when a file is not what it was when it was found; Arrow's own errors pass.
        """
        files = list(dict.fromkeys(self.groups[number].path for number in numbers))
        before = [self.stamps[name] for name in files]
        _require_same(before, _stamps_of(self.system, files))
        for number in numbers:
            scanner = self.groups[number].scanner(
                schema=self.schema, columns=list(self.names), batch_size=BATCH_ROWS, use_threads=False
            )
            yield from scanner.to_batches()
        _require_same(before, _stamps_of(self.system, files))


def open_parquet(where: Path | str) -> ParquetSource:
    """Find the files. where: a local path, or the URI of a file or folder in a store that Arrow or fsspec knows.

    Raises DataError for a folder without Parquet files and for a store that neither knows; Arrow's own errors pass.
    """
    from pyarrow import dataset, fs, parquet

    if isinstance(where, Path):
        if where.is_dir() and (fault := folder_fault(where)) is not None:
            raise DataError(f"data ({where}) cannot be read: {fault}")
        system, base = fs.LocalFileSystem(), str(where)
    else:
        system, base = _store(where)
    is_file = system.get_file_info(base).type == fs.FileType.File
    if is_file:
        names = tuple(parquet.read_schema(base, filesystem=system).names)
        if len(set(names)) < len(names):
            return ParquetSource(names, None, isinstance(where, Path))
    files = dataset.dataset(base, filesystem=system, format="parquet")
    if not is_file:
        keys = [key for key in _keys(base, files.files) if key not in files.schema.names]
        if keys:
            import pyarrow as pa

            by_name = dataset.partitioning(pa.schema([(key, pa.string()) for key in keys]), flavor="hive")
            files = dataset.dataset(base, filesystem=system, format="parquet", partitioning=by_name)
    return ParquetSource(tuple(files.schema.names), files, isinstance(where, Path))


def _store(uri: str) -> tuple[Any, str]:
    """The file system that a URI names, and the path there. Messages name its scheme alone: the rest may hold keys."""
    import pyarrow as pa
    from pyarrow import fs

    try:
        system, path = fs.FileSystem.from_uri(uri)
        return system, path
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        scheme = uri.split("://")[0]
    refusal = f"data ({scheme}://...) must be the URI of a store that Arrow or fsspec knows"
    try:
        import fsspec
    except ImportError:
        fsspec = None
        refusal += "; try pip install fsspec and the package of that store"
    if fsspec is not None:
        try:
            system, path = fsspec.core.url_to_fs(uri)
            return fs.PyFileSystem(fs.FSSpecHandler(system)), path
        except (ValueError, ImportError):
            refusal += "; try one of them, or install the package of that store"
    raise DataError(refusal)


def _keys(base: str, files: Sequence[str]) -> list[str]:
    """The keys in the names of folders below `base`, outermost first."""
    root = base.strip("/")
    parts = [part for file in files for part in PurePosixPath(file.strip("/").removeprefix(root)).parent.parts]
    return list(dict.fromkeys(unquote(part.split("=", 1)[0]) for part in parts if "=" in part))


def _with_dictionaries(files: Any, names: Sequence[str]) -> Any:
    """The same files, with text columns read as dictionaries."""
    import pyarrow as pa
    from pyarrow import dataset

    in_names = files.partitioning.schema.names if files.partitioning is not None else []
    text = [name for name in names if name not in in_names and files.schema.field(name).type == pa.string()]
    if not text:
        return files
    reader = dataset.ParquetFileFormat(dictionary_columns=text)
    fields = [
        pa.field(each.name, pa.dictionary(pa.int32(), pa.string())) if each.name in text else each
        for each in files.schema
    ]
    fragments = [
        reader.make_fragment(each.path, filesystem=files.filesystem, partition_expression=each.partition_expression)
        for each in files.get_fragments()
    ]
    return dataset.FileSystemDataset(fragments, pa.schema(fields), reader, files.filesystem)


def _require_same(before: Stamps, after: Stamps) -> None:
    if before != after:
        raise DataError("files of the data must not change while they are read; try again once nobody writes them")


def _stamps(files: Any) -> Stamps:
    """Name, size and time of the last change of each file."""
    if not hasattr(files, "files"):
        return []
    return _stamps_of(files.filesystem, files.files)


def _stamps_of(system: Any, files: list[str]) -> Stamps:
    return [(each.path, each.size, each.mtime_ns) for each in system.get_file_info(files)]
