"""Ingest of a table larger than memory: batch by batch, in one pass, into a private file.

What is in memory at a time: BATCHES_AHEAD batches of BATCH_ROWS rows that the reader has decoded (see
`parquet_files`; a Parquet writer's pages and dictionaries may add to it), one batch as ticks, the labels of open
columns, each once, 4 KB a batch for the units, and one bit a row where units are bounded. The rows themselves are on
disk, in the narrowest integers, and are decoded once however often they are counted.

A pass that fails or is interrupted leaves nothing behind, neither files nor charges: nothing is measured before the
whole table has been read and found to fit its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from dpsynth.errors import DataError, Problem
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.columns import Cells, rows_of, without_texts
from dpsynth.private.constraints import broken_constraints
from dpsynth.private.files import Opened
from dpsynth.private.partitions import SpooledUnits
from dpsynth.private.spool import Spool, SpooledColumn, compacted
from dpsynth.private.table import Rows, Ticks
from dpsynth.private.ticks import in_order, tick_type, ticks_of
from dpsynth.private.units import NO_UNIT, unit_keys
from dpsynth.processors import usable_processors
from dpsynth.schema.columns import Column
from dpsynth.schema.schema import Schema

SECRET_WORDS = 4

Labels = Mapping[str, Mapping[str, int]]
"""Of each column, from label to tick, in the order of ticks."""


def no_progress(fraction: float) -> None:
    """Says nothing."""


def streamed(
    opened: Opened,
    columns: Sequence[Column],
    schema: Schema,
    unit: PrivacyUnit,
    source: EntropySource,
    progress: Callable[[float], None] = no_progress,
) -> Rows:
    """The bounded rows in a private file, of the same law as those that are bounded in memory.

    columns: those that are counted. Raises DataError with every broken rule, and SettingError when the disk is full.

    Privacy: a row map, then at most `unit.max_rows` rows of each unit; see `dpsynth.private.partitions`.
    """
    spool, unit_spool = Spool(), None
    try:
        ticks = {column.name: SpooledColumn(spool, tick_type(column)) for column in columns}
        units, secret = None, b""
        if unit.column is not None:
            unit_spool, secret = Spool(), source.words(SECRET_WORDS).tobytes()
            units = SpooledUnits(unit_spool)

        def keep(name: str, converted: Ticks) -> None:
            ticks[name].append(converted)

        def keep_units(cells: Cells) -> bool:
            keys, named = unit_keys(cells, secret)
            if units is not None:
                units.append(keys)
            return bool(named.all())

        def say(labels: Labels, done: float) -> None:
            progress(done)

        count, labels, problems = _taken_in(opened, columns, schema, unit.column, keep, keep_units, say)
        if problems:
            raise DataError("the data does not fit its schema:", problems)
        if units is not None:
            dropped, going = units.dropped(unit.max_rows, source)
            if going:
                bounded = Spool()
                kept = compacted(ticks, dropped, count, bounded)
                spool.close()
                spool, ticks, count = bounded, kept, count - going
        return Rows.of(count, ticks, labels, schema, spool)
    except BaseException:
        spool.close()
        raise
    finally:
        if unit_spool is not None:
            unit_spool.close()


def streamed_problems(
    opened: Opened, columns: Sequence[Column], schema: Schema, unit_column: str | None
) -> tuple[Problem, ...]:
    """Every broken rule, and nothing kept; else the constraints that some rows break."""
    batch: dict[str, Ticks] = {}
    constraints: dict[Problem, None] = {}

    def keep(name: str, converted: Ticks) -> None:
        batch[name] = converted

    def look(labels: Labels, done: float) -> None:
        if len(batch) == len(columns):  # no column has broken a rule of its own
            listed = {name: tuple(own) for name, own in labels.items()}
            constraints.update(dict.fromkeys(broken_constraints(schema, batch, listed, whole=False)))
        batch.clear()

    def keep_units(cells: Cells) -> bool:
        return bool(unit_keys(cells, b"")[1].all())

    problems = _taken_in(opened, columns, schema, unit_column, keep, keep_units, look)[2]
    return problems or tuple(constraints)


def _taken_in(
    opened: Opened,
    columns: Sequence[Column],
    schema: Schema,
    unit_column: str | None,
    keep: Callable[[str, Ticks], None],
    keep_units: Callable[[Cells], bool],
    after_batch: Callable[[Labels, float], None],
) -> tuple[int, dict[str, dict[str, int]], tuple[Problem, ...]]:
    """Number of rows, labels and broken rules, once every batch has been handed on as ticks.

    keep_units: takes the cells that name units, and says whether all of them do. after_batch: called with the labels
    so far and the fraction done.
    """
    missing = frozenset(schema.missing_values)
    labels: dict[str, dict[str, int]] = {column.name: {} for column in columns}
    broken: dict[str, set[Problem]] = {column.name: set() for column in columns}
    rows, all_named = 0, True
    with ThreadPoolExecutor(usable_processors()) as pool:
        for cells, done in opened.batches():

            def convert(column: Column, cells: dict[str, Cells] = cells) -> None:
                if column.name in cells:
                    converted, own = ticks_of(column, cells[column.name], missing, labels[column.name])
                    broken[column.name].update(own)
                    if not broken[column.name]:  # a refused table is read on for its other faults alone
                        keep(column.name, converted)

            # Each column by one thread, and a batch after the other: labels get their ticks in the order of the rows.
            list(pool.map(convert, columns))
            if unit_column is not None and unit_column in cells:
                all_named = keep_units(without_texts(cells[unit_column], missing)) and all_named
            rows += next(map(rows_of, cells.values()), 0)
            after_batch(labels, done)
    problems = [*opened.problems, *(problem for column in columns for problem in in_order(broken[column.name]))]
    if unit_column is not None and not all_named:
        problems.append(Problem(NO_UNIT, column=unit_column, rule="unit"))
    return rows, labels, tuple(problems)
