"""Taking a Spark table in: executors turn its cells into ticks by the rules of the schema, block by block.

Executors run the functions that take in a table in memory, on the Arrow batches that Spark or a file hands them, so a
cell has the same tick everywhere. Moments: Spark's TIMESTAMP is an instant and is read in UTC, as a moment with a time
zone is in pandas or Parquet, whatever the time zone of the session; its TIMESTAMP_NTZ is taken as it stands.

Here arrives, of all rows, which rules are broken, and nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpsynth.errors import DataError, Problem
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.cells import UNREADABLE
from dpsynth.private.columns import cells_of, without_texts
from dpsynth.private.files import absent
from dpsynth.private.spark.blocks import BLOCK_ROWS, FAULTS, BlockForm
from dpsynth.private.spark.bounding import Choice, bounded
from dpsynth.private.spark.crossing import Crossing, spark_schema
from dpsynth.private.spark.kept import Blocks, FileBlocks, SparkBlocks
from dpsynth.private.spark.sources import Cells, FileCells, SparkFiles, cells_of_spark
from dpsynth.private.table import Rows, Ticks
from dpsynth.private.ticks import MARKS, RULES, in_order, ruled, ticks_of
from dpsynth.private.units import NO_UNIT, unit_keys
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

UNIT_FAULT = -1


def take_in(
    crossing: Crossing, data: DataFrame | SparkFiles, schema: Schema, unit: PrivacyUnit, entropy: EntropySource
) -> Blocks:
    """The bounded rows as blocks, kept by the executors in memory or on their disks.

    Raises DataError with every broken rule, as ingest does, and when Spark fails.

    Privacy: a row map, then at most `unit.max_rows` rows of each unit; see `dpsynth.private.spark.bounding`.
    """
    form = BlockForm(schema)
    cells = crossing.guarded(cells_of_spark(data))
    problems, found = _found(cells, form, unit.column)
    if not found:
        raise DataError("the data does not fit its schema:", problems)
    choice = None if unit.column is None else Choice.drawn(unit.max_rows, entropy)
    reading = Reading(form, tuple(found), unit.column, choice)
    blocks = crossing.guarded(lambda: _blocks(cells, reading))
    try:
        faults = crossing.rows(lambda: blocks.through([FAULTS], _faults, "fault int"))
        cells.require_unchanged()
        problems += reading.problems({fault for (fault,) in faults})
        if problems:
            raise DataError("the data does not fit its schema:", problems)
    except BaseException:
        discard(crossing, blocks)
        raise
    return blocks


def discard(crossing: Crossing, blocks: Blocks) -> None:
    """Let the executors delete the blocks that they keep; nothing is said where Spark is gone, and its blocks too."""
    with contextlib.suppress(DataError):
        crossing.guarded(blocks.discard)


@dataclass(frozen=True)
class Reading:
    """What executors do with the cells of some rows: a job for `mapInArrow`, from cells to blocks.

    names: of the columns that are there, the one of the unit among them; the cells come in this order.
    choice: how units are bounded, None where each row is a unit.
    """

    form: BlockForm
    names: tuple[str, ...]
    unit_column: str | None
    choice: Choice | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The blocks of these batches, or of a block that breaks rules their numbers."""
        for cells in _gathered(batches, BLOCK_ROWS):
            rows, faults = self._converted(cells)
            keys = None
            if self.choice is not None and self.unit_column in self.names:
                units = cells_of(cells.column(self.names.index(self.unit_column)))
                keys, named = unit_keys(without_texts(units, self._missing), self.choice.unit_secret)
                faults += [] if named.all() else [UNIT_FAULT]
            if rows is None or faults or (self.choice is not None and keys is None):
                yield from self._faulty(faults)
            elif self.choice is None or keys is None:
                yield self.form.of(rows)
            else:
                yield from self.choice.split(self.form, rows, keys)

    @property
    def schema(self) -> str:
        """Spark's words for the frame that comes out."""
        return spark_schema({**self.form.fields, **({} if self.choice is None else self.choice.fields)})

    def problems(self, faults: Set[int]) -> list[Problem]:
        """The broken rules that have these numbers, in the order of ingest."""
        found = []
        for place, column in enumerate(self.form.columns):
            broken = {RULES[fault % len(RULES)] for fault in faults if fault // len(RULES) == place}
            marks = [problem for mark in range(-MARKS, 0) for problem in ruled(column, np.array([mark]))[1]]
            found += in_order(problem for problem in marks if problem.rule in broken)
        if UNIT_FAULT in faults:
            found.append(Problem(NO_UNIT, column=self.unit_column, rule="unit"))
        return found

    @property
    def _missing(self) -> frozenset[str]:
        return frozenset(self.form.schema.missing_values)

    def _converted(self, cells: pa.Table) -> tuple[Rows | None, list[int]]:
        """The ticks of some rows, None where a column is absent, and the numbers of the rules that they break."""
        ticks: dict[str, Ticks] = {}
        labels: dict[str, dict[str, int]] = {}
        faults = []
        for place, column in enumerate(self.form.columns):
            if column.name in self.names:
                own = labels.setdefault(column.name, {})
                read = cells_of(cells.column(self.names.index(column.name)))
                ticks[column.name], broken = ticks_of(column, read, self._missing, own)
                faults += [place * len(RULES) + RULES.index(str(problem.rule)) for problem in broken]
        whole = len(ticks) == len(self.form.columns)
        return Rows.of(cells.num_rows, ticks, labels, self.form.schema) if whole else None, faults

    def _faulty(self, faults: list[int]) -> Iterator[pa.RecordBatch]:
        block = self.form.of_faults(faults)
        yield block if self.choice is None else self.choice.marked(block)


def _found(cells: Cells, form: BlockForm, unit_column: str | None) -> tuple[list[Problem], list[str]]:
    """What keeps columns from being read, and the names of those that can be."""
    names = [column.name for column in form.columns] + ([] if unit_column is None else [unit_column])
    problems = list(absent(names, cells.names))
    lacking = {problem.column for problem in problems}
    found = []
    for name in names:
        if name in lacking:
            continue
        if cells.readable(name):
            found.append(name)
        elif name == unit_column:
            problems.append(Problem(NO_UNIT, column=name, rule="unit"))
        else:
            problems += ruled(form.schema[name], np.array([UNREADABLE]))[1]
    return problems, found


def _blocks(cells: Cells, reading: Reading) -> Blocks:
    if isinstance(cells, FileCells) and reading.choice is None:
        return FileBlocks.of(cells.session, cells.shares(reading.names), reading)
    blocks = cells.through(reading.names, reading, reading.schema)
    return SparkBlocks((blocks if reading.choice is None else bounded(blocks, reading.form, reading.choice)).persist())


def _faults(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The numbers of the rules that some blocks break, each once."""
    import pyarrow as pa

    broken = sorted({fault for batch in batches for each in batch.column(FAULTS).to_pylist() for fault in each})
    yield pa.RecordBatch.from_arrays([pa.array(broken, pa.int32())], names=["fault"])


def _gathered(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Small batches put together to tables of at least so many rows, but for the last."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= rows:
            yield pa.Table.from_batches(held)
            held = []
    if any(each.num_rows for each in held):
        yield pa.Table.from_batches(held)
