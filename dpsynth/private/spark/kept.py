"""Where the blocks of a table are between one count and the next: with Spark, or in files beside the executors.

Blocks of a frame are kept by Spark, in memory or on its disks. They have to pass through Spark, which is not Python,
on their way there and back, and that takes longer than to count them. Blocks of Parquet files need not: an executor
writes those of its share of the row groups to a file of its own, and maps that file when it counts. The file is no
more than a memory of what has been read. An executor that lacks it, for it is new, or Spark runs a task elsewhere,
reads its share again, which gives the same blocks: the Parquet files are checked to be what they were.

The files lie in the folder that Spark deletes when an executor ends, `spark.local.dir`; only their owner may read
them. Where Spark is to encrypt what it writes there none is written, and each count reads the Parquet files again.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dpsynth.privacy.randomness import OsEntropy
from dpsynth.private.spark.crossing import Job, held_back
from dpsynth.private.spark.sources import Shares

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


class Blocks(Protocol):
    """The blocks of a table, which executors can hand to a job as often as asked."""

    @property
    def tasks(self) -> int | None:
        """How many do it; None where only Spark knows."""
        ...

    def through(self, fields: Sequence[str], job: Job, schema: str) -> DataFrame:
        """What a job makes of the blocks, of which it gets these fields; see `BlockForm`."""
        ...

    def discard(self) -> None:
        """Let the executors delete what they keep."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class SparkBlocks:
    """Blocks that Spark keeps. frame: of blocks, persisted."""

    frame: DataFrame
    tasks: None = None

    def through(self, fields: Sequence[str], job: Job, schema: str) -> DataFrame:
        """A job in `mapInArrow`."""
        return self.frame.select(list(fields)).mapInArrow(held_back(job), schema)

    def discard(self) -> None:
        """Spark deletes them."""
        self.frame.unpersist()


@dataclass(frozen=True, eq=False, repr=False)
class FileBlocks:
    """Blocks of Parquet files, each share of them kept in a file beside the executor that has read it.

    numbers: of the shares. Spark keeps them, and so prefers, for a share, the executor that has its file.
    kept: None where nothing may be written.
    """

    numbers: DataFrame
    shares: Shares
    reading: Job
    kept: KeptFiles | None

    @classmethod
    def of(cls, session: Any, shares: Shares, reading: Job) -> FileBlocks:
        """Blocks that have not been read yet. reading: from cells to blocks, a function of the cells alone."""
        encrypts = session.conf.get("spark.io.encryption.enabled", "false").lower() == "true"
        kept = None if encrypts else KeptFiles(f"dpsynth-{OsEntropy().words(2).tobytes().hex()}")
        return cls(shares.numbers(session).persist(), shares, reading, kept)

    @property
    def tasks(self) -> int:
        """One for each share."""
        return self.shares.count

    def through(self, fields: Sequence[str], job: Job, schema: str) -> DataFrame:
        """A job that is fed by Arrow, from the kept files where they are and from the Parquet files where not."""
        shares, reading, kept, wanted = self.shares, self.reading, self.kept, list(fields)

        def blocks(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in rows:
                for number in batch.column(0).to_pylist():
                    read = partial(_read, reading, shares, number)
                    if kept is None:
                        yield from (block.select(wanted) for block in read())
                    else:
                        yield from kept.blocks(number, wanted, read)

        return self.numbers.mapInArrow(held_back(lambda rows: job(blocks(rows))), schema)

    def discard(self) -> None:
        """Executors that still run delete the files; Spark deletes those of others when they end."""
        kept = self.kept
        if kept is not None:

            def delete(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
                for _ in rows:
                    kept.delete()
                yield from ()

            gone = self.numbers.mapInArrow(held_back(delete), "done int")
            gone.write.format("noop").mode("overwrite").save()
        self.numbers.unpersist()


def _read(reading: Job, shares: Shares, number: int) -> Iterator[pa.RecordBatch]:
    return reading(shares.batches(number))


@dataclass(frozen=True)
class KeptFiles:
    """Arrow files of blocks, one for each share, in a folder of one name on every executor's own disks.

    name: of the folder; nobody can foresee it, so nobody can have put one there.
    """

    name: str

    def blocks(
        self, share: int, fields: Sequence[str], read: Callable[[], Iterator[pa.RecordBatch]]
    ) -> Iterator[pa.RecordBatch]:
        """The blocks of a share, with these fields, from its file.

        read: makes them anew, to be kept if there is room.
        """
        import pyarrow as pa

        path = self._folder(share) / f"{share}.arrow"
        if path.exists() or self._written(path, read()):
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
                for place in range(file.num_record_batches):
                    yield file.get_batch(place).select(list(fields))
        else:
            yield from (block.select(list(fields)) for block in read())

    def delete(self) -> None:
        """Delete the folder on all disks of the executor that calls."""
        for disk in _disks():
            shutil.rmtree(disk / self.name, ignore_errors=True)

    def _folder(self, share: int) -> Path:
        disks = _disks()
        return disks[share % len(disks)] / self.name

    def _written(self, path: Path, blocks: Iterator[pa.RecordBatch]) -> bool:
        """Whether there is a whole file now: not when the disk is full, nor when there are no blocks."""
        import pyarrow as pa

        first = next(blocks, None)
        if first is None:
            return False
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            # Of a name of its own, for another task may write the same share; for its owner's eyes, and gone with it.
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix="unfinished-") as sink:
                with pa.ipc.new_file(sink, first.schema) as file:
                    for block in itertools.chain([first], blocks):
                        file.write_batch(block)
                sink.flush()
                os.link(sink.name, path)
        except FileExistsError:
            return True
        except OSError:
            return False
        return True


def _disks() -> list[Path]:
    """The folders that Spark has given to the executor whose Python calls."""
    return [Path(folder) for folder in os.environ["SPARK_LOCAL_DIRS"].split(",")]
