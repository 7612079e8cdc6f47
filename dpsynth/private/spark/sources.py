"""Where the cells of a Spark table come from: a frame of Spark, or Parquet files that executors read by Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dpsynth.private.files import parquet_files
from dpsynth.private.parquet_files import ParquetSource, Pieces
from dpsynth.private.spark.crossing import Job, held_back

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

# What Spark hands over by Arrow as what it is; a column of another type has no reading.
READABLE = {
    "void", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal", "string", "char",
    "varchar", "binary", "date", "timestamp", "timestamp_ntz",
}  # fmt: skip


MOST_PIECES = 64


@dataclass(frozen=True, eq=False, repr=False)
class SparkFiles:
    """Parquet files for the executors of a Spark session to read by themselves.

    where: a path or a URI that every executor can reach as this process can; a file, or a folder of files. Several
    times faster than `session.read.parquet(where)`, whose rows have to be handed from Spark to Python one by one.
    """

    session: Any
    where: Path | str


class Cells(Protocol):
    """A table whose cells executors can hand to a job, batch by batch."""

    @property
    def names(self) -> Sequence[str]:
        """Of the columns, as they stand, repeated ones too."""
        ...

    def readable(self, name: str) -> bool:
        """Whether the column is of a type that has a reading."""
        ...

    def through(self, names: Sequence[str], job: Job, schema: str) -> DataFrame:
        """What a job makes of the cells of these columns, which come to it in this order."""
        ...

    def require_unchanged(self) -> None:
        """Raises DataError when the table is no longer what it was."""
        ...


def cells_of_spark(data: DataFrame | SparkFiles) -> Callable[[], Cells]:
    """The cells of a table, found when called, for that may fail in Spark."""
    if isinstance(data, SparkFiles):
        source = parquet_files(data.where)
        return lambda: FileCells(data.session, source)
    return lambda: FrameCells(data, {field.name: field.dataType.simpleString() for field in data.schema.fields})


@dataclass(frozen=True, eq=False, repr=False)
class FrameCells:
    """The cells of a frame. kinds: of its columns by name, in Spark's words."""

    frame: DataFrame
    kinds: dict[str, str]

    @property
    def names(self) -> Sequence[str]:
        """Of the columns."""
        return list(self.frame.columns)

    def readable(self, name: str) -> bool:
        """Whether Spark hands the column over as what it is."""
        return self.kinds[name].partition("(")[0] in READABLE

    def through(self, names: Sequence[str], job: Job, schema: str) -> DataFrame:
        """A job in `mapInArrow`."""
        # Columns go by number: Spark takes names that differ in case for one, and dots in them for paths.
        numbered = self.frame.toDF(*map(str, range(len(self.names))))
        chosen = [numbered[str(self.names.index(name))] for name in names]
        return numbered.select(chosen).mapInArrow(held_back(job), schema)

    def require_unchanged(self) -> None:
        """Spark alone knows."""


@dataclass(frozen=True, eq=False, repr=False)
class FileCells:
    """The cells of Parquet files."""

    session: Any
    source: ParquetSource

    @property
    def names(self) -> Sequence[str]:
        """Of the columns."""
        return self.source.names

    def readable(self, name: str) -> bool:
        """Whether Arrow can pick columns; what it reads is looked at by the job."""
        return self.source.readable

    def through(self, names: Sequence[str], job: Job, schema: str) -> DataFrame:
        """A job that is fed by Arrow: all that comes from Spark are the numbers of shares."""
        shares = self.shares(names)

        def read(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in rows:
                for number in batch.column(0).to_pylist():
                    yield from shares.batches(number)

        return shares.numbers(self.session).mapInArrow(held_back(lambda rows: job(read(rows))), schema)

    def shares(self, names: Sequence[str]) -> Shares:
        """The cells of these columns, dealt out to tasks."""
        pieces = self.source.pieces(names)
        return Shares(pieces, _tasks(self.session, len(pieces)))

    def require_unchanged(self) -> None:
        """Raises DataError when a file has changed since it was found."""
        self.source.require_unchanged()


@dataclass(frozen=True, eq=False, repr=False)
class Shares:
    """Row groups dealt out to tasks: each has a share of those that follow each other."""

    pieces: Pieces
    count: int

    def numbers(self, session: Any) -> DataFrame:
        """A frame of the shares' numbers, one for each task."""
        return session.range(0, self.count, 1, self.count)

    def batches(self, number: int) -> Iterator[pa.RecordBatch]:
        """The batches of one share; see `Pieces.batches`."""
        start, end = (len(self.pieces) * place // self.count for place in (number, number + 1))
        return self.pieces.batches(range(start, end))


def _tasks(session: Any, pieces: int) -> int:
    """One task for each processor, for a task costs time, but no more than MOST_PIECES pieces for one."""
    from pyspark.errors import PySparkException

    try:
        processors = int(session.sparkContext.defaultParallelism)
    except PySparkException:  # a remote session does not say
        processors = pieces
    return max(1, min(pieces, max(processors, -(-pieces // MOST_PIECES))))
