"""What executors count: jobs from blocks to partial sums, by the kernel and the counters of one machine."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.cover import Cover, lay_out
from dpsynth.private.encoded import encoded
from dpsynth.private.kernels import COMPILED_FROM_INCREMENTS, partial_counts
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.spark.blocks import BlockForm
from dpsynth.private.spark.crossing import Job, shielded, spark_schema
from dpsynth.private.spark.kept import Blocks
from dpsynth.private.table import PrivateTable, Rows
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

Partial = Callable[[Iterator[Rows]], NDArray[np.int64]]

# Sums travel in pieces of half a megabyte, so that many tasks add them up.
PIECE_CELLS = 1 << 16
# Pieces in one batch, 8 MB, for each batch takes Spark several milliseconds.
BATCH_PIECES = 16
# Sums of single tasks that come here as they are, 16 MB: adding them up first takes Spark half a second.
MOST_CELLS = 1 << 21
SUMS = {"piece": "int", "sums": "binary"}
FREQUENCIES = {"label": "string", "rows": "bigint"}


def summed(blocks: Blocks, form: BlockForm, columns: Sequence[str], partial: Partial, length: int) -> DataFrame:
    """The sums over all blocks, in pieces; where tasks are few each sends its own, and `together` adds them up.

    columns: of the schema, that are looked at. partial: sums over some blocks, of this length whichever they are.
    """

    def job(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sums = partial(block for batch in batches for block in form.read(batch))
        split = enumerate(np.split(sums, range(PIECE_CELLS, length, PIECE_CELLS)))
        pieces = [(number, piece) for number, piece in split if piece.any()]
        for start in range(0, len(pieces), BATCH_PIECES):
            yield _batch(pieces[start : start + BATCH_PIECES])

    def added(pieces: pa.Table) -> pa.Table:
        return shielded(lambda: _added(pieces))

    fields = spark_schema(SUMS)
    sums = blocks.through(form.needed(columns), job, fields)
    if blocks.tasks is not None and blocks.tasks * length <= MOST_CELLS:
        return sums
    return sums.groupBy("piece").applyInArrow(added, fields)


def together(pieces: Iterable[tuple[int, bytes]], length: int) -> NDArray[np.int64]:
    """The sums, shape (length,), of the pieces that arrived."""
    sums = np.zeros(length, dtype=np.int64)
    for piece, content in pieces:
        some = np.frombuffer(content, dtype=np.int64)
        sums[piece * PIECE_CELLS :][: len(some)] += some
    return sums


def of_cliques(codec: Codec, schema: Schema, cover: Cover) -> Partial:
    """The counts of a cover's cliques, one after another; see `partial_counts`."""
    domain = codec.domain
    columns = [column for column in domain.columns if any(column in clique for clique in cover.cliques)]

    def partial(blocks: Iterator[Rows]) -> NDArray[np.int64]:
        sums = np.zeros(lay_out(domain, cover).cells, dtype=np.int64)
        increments = 0
        for rows in blocks:
            increments += rows.count * len(cover.cliques)
            # A cluster has a task for each processor, so each counts by one thread.
            compiled = True if increments >= COMPILED_FROM_INCREMENTS else None
            codes = encoded(codec, columns, rows, schema)
            sums += partial_counts(codes, domain, cover, threads=1, compiled=compiled)
        return sums

    return partial


def total(blocks: Iterator[Rows]) -> NDArray[np.int64]:
    """The number of rows, shape (1,)."""
    return np.array([sum(rows.count for rows in blocks)], dtype=np.int64)


def of_counters(schema: Schema, length: int, ask: Callable[[MemoryCounter], NDArray[np.int64]]) -> Partial:
    """What counters of the blocks answer, added up; length: of an answer."""

    def partial(blocks: Iterator[Rows]) -> NDArray[np.int64]:
        sums = np.zeros(length, dtype=np.int64)
        for rows in blocks:
            sums += ask(_counter(schema, rows))
        return sums

    return partial


def frequencies(form: BlockForm, column: str) -> Job:
    """The labels of an open column, each with the number of rows."""

    def job(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        tally: Tally[str] = Tally()
        for batch in batches:
            for rows in form.read(batch):
                tally.update(_counter(form.schema, rows).frequencies(column))
        arrays = [pa.array(list(tally), pa.string()), pa.array(list(tally.values()), pa.int64())]
        yield pa.RecordBatch.from_arrays(arrays, names=list(FREQUENCIES))

    return job


def _counter(schema: Schema, rows: Rows) -> MemoryCounter:
    return MemoryCounter(PrivateTable(schema, PrivacyUnit(), [rows]))


def _batch(pieces: Sequence[tuple[int, NDArray[np.int64]]]) -> pa.RecordBatch:
    import pyarrow as pa

    numbers, contents = [piece for piece, _ in pieces], [sums.tobytes() for _, sums in pieces]
    arrays = [pa.array(numbers, pa.int32()), pa.array(contents, pa.binary())]
    return pa.RecordBatch.from_arrays(arrays, names=list(SUMS))


def _added(pieces: pa.Table) -> pa.Table:
    import pyarrow as pa

    sums = [np.frombuffer(each.as_buffer(), dtype=np.int64) for each in pieces.column("sums")]
    total = np.zeros_like(sums[0])
    for some in sums:
        total += some
    return pa.Table.from_batches([_batch([(pieces.column("piece")[0].as_py(), total)])])
