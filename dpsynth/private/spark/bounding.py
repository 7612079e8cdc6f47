"""Contribution bounding on a cluster: rows meet by unit in parts, and each part is bounded by one task.

Executors split their blocks into PARTS by the key of each row's unit, and Spark's grouping brings all of a part into
one call. A unit's key is a function of its name and of a secret, so no unit is in two parts, and each part is bounded
by `bounded_rows`, as on one machine (see `dpsynth.private.partitions` for why the law is the same).

Spark runs a task again when it failed, and computes blocks again when it lost them. Then rows may come in another
order, and in other batches. Still the same rows are kept:

1. The rows of units with too many of them are put in the order of the unit's key and then of their content, each
   column's tick or label. This order depends on the set of rows alone, up to rows of one unit that are equal.
2. `bounded_rows` decides by such a row's place in that order, with words that a secret and the part decide.
3. So the places that stay are the same, and where two rows are equal it is the same which of them stays.

The secret is drawn from the session's entropy source and goes to the executors with the task; it is as private as the
rows, which are there too. To anybody else the words are random ones: the choice is uniform within each unit and
independent of the other units. And should a table itself change from one reading to the next, every part that is ever
counted still holds at most `max_rows` rows of a unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.privacy.randomness import EntropySource, ExpandedEntropy
from dpsynth.private.bounding import bounded_rows
from dpsynth.private.partitions import PARTS, dense_units, part_of
from dpsynth.private.spark.blocks import FAULTS, BlockForm
from dpsynth.private.spark.crossing import shielded, spark_schema
from dpsynth.private.spool import slices
from dpsynth.private.table import Rows, Ticks

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

SECRET_WORDS = 4
PART, KEYS = "part", "unit_keys"


@dataclass(frozen=True)
class Choice:
    """Which rows of a unit stay: at most `max_rows`, as the two secrets decide."""

    max_rows: int
    unit_secret: bytes = field(repr=False)
    row_secret: bytes = field(repr=False)

    @classmethod
    def drawn(cls, max_rows: int, entropy: EntropySource) -> Choice:
        """A choice with new secrets."""
        return cls(max_rows, entropy.words(SECRET_WORDS).tobytes(), entropy.words(SECRET_WORDS).tobytes())

    @property
    def fields(self) -> dict[str, str]:
        """Name and Spark type of what a block has besides its own before it is bounded."""
        return {PART: "int", KEYS: "binary"}

    def marked(self, block: pa.RecordBatch, part: int = 0, keys: bytes = b"") -> pa.RecordBatch:
        """A block with the part that it belongs to and the keys of its units."""
        import pyarrow as pa

        return block.append_column(PART, pa.array([part], pa.int32())).append_column(
            KEYS, pa.array([keys], pa.binary())
        )

    def split(self, form: BlockForm, rows: Rows, keys: NDArray[np.uint64]) -> Iterator[pa.RecordBatch]:
        """Some rows as one small block for each part that has any. keys: see `unit_keys`."""
        part = part_of(keys)
        order = np.argsort(part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=PARTS))
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            if end > start:
                places = order[start:end]
                yield self.marked(form.of(_at(rows, places)), number, keys[places].tobytes())

    def kept(self, form: BlockForm, part: int, blocks: list[tuple[Rows, NDArray[np.uint64]]]) -> Rows:
        """The rows of one part that stay."""
        rows = joined(form, [rows for rows, _ in blocks])
        first, second = np.concatenate([keys for _, keys in blocks]).T
        units = dense_units(first, second)
        crowded = np.flatnonzero((np.bincount(units) > self.max_rows)[units])
        content = [ticks[crowded] for ticks in rows.in_memory().values()]
        crowded = crowded[np.lexsort((*content, second[crowded], first[crowded]))]
        alone = np.setdiff1d(np.arange(len(units)), crowded, assume_unique=True)
        stay = bounded_rows(units[crowded], self.max_rows, ExpandedEntropy(self.row_secret, part))
        return _at(rows, np.concatenate([alone, crowded[stay]]))


def bounded(blocks: DataFrame, form: BlockForm, choice: Choice) -> DataFrame:
    """The frame of blocks in which each unit has at most `choice.max_rows` rows; blocks with faults are handed on.

    blocks: as `Choice.split` and `Choice.marked` make them.
    """

    def of_part(blocks: pa.Table) -> pa.Table:
        return shielded(lambda: _bounded_part(blocks, form, choice))

    return blocks.groupBy(PART).applyInArrow(of_part, spark_schema(form.fields))


def _bounded_part(blocks: pa.Table, form: BlockForm, choice: Choice) -> pa.Table:
    import pyarrow as pa

    faults = sorted({fault for faults in blocks.column(FAULTS).to_pylist() for fault in faults})
    if faults:
        return pa.Table.from_batches([form.of_faults(faults)])
    rows = [each for batch in blocks.to_batches() for each in form.read(batch)]
    if not rows:
        return pa.Table.from_batches([form.of_faults([])])
    keys = [np.frombuffer(each.as_buffer(), dtype=np.uint64).reshape(-1, 2) for each in blocks.column(KEYS)]
    part = blocks.column(PART)[0].as_py()
    kept = choice.kept(form, part, list(zip(rows, keys, strict=True)))
    return pa.Table.from_batches([form.of(_at(kept, np.arange(kept.count)[some])) for some in slices(kept.count)])


def joined(form: BlockForm, blocks: list[Rows]) -> Rows:
    """Blocks as one, with labels in the order of their texts, so that ticks do not depend on the order of blocks."""
    ticks: dict[str, Ticks] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for column in form.columns:
        name = column.name
        own = [rows.in_memory()[name] for rows in blocks]
        if name in blocks[0].labels:
            labels[name] = tuple(sorted({label for rows in blocks for label in rows.labels[name]}))
            place = {label: number for number, label in enumerate(labels[name])}
            # The last for a missing cell, whose tick is -1.
            tables = [np.array([*(place[label] for label in rows.labels[name]), -1]) for rows in blocks]
            own = [table[held] for table, held in zip(tables, own, strict=True)]
        ticks[name] = np.concatenate(own)
    return Rows(sum(rows.count for rows in blocks), ticks, labels)


def _at(rows: Rows, places: NDArray[np.intp]) -> Rows:
    """Some of the rows, with those labels alone that they hold."""
    ticks, labels = {}, {}
    for name, held in rows.in_memory().items():
        ticks[name] = held[places]
        if name in rows.labels:
            known, codes = np.unique(ticks[name], return_inverse=True)
            named = known[known >= 0]
            ticks[name] = codes.reshape(-1) - (len(known) - len(named))
            labels[name] = tuple(rows.labels[name][tick] for tick in named)
    return Rows(len(places), ticks, labels)
