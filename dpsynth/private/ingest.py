"""Ingest: cells become ticks, row by row, by the rules of the public schema; then units are bounded.

A row's ticks depend on that row and on the schema alone: ingesting two tables one after the other gives
the ticks of both tables together. So nothing is learned from the data here, and nothing is paid for.

Every broken rule of every column is reported at once. Messages name columns and rules. They hold no cell
and no number of rows; still, that a table was refused at all is a fact about private data, for the eyes
of the steward who runs the program and has the table.

Where the rows are to lie, in memory or in a private file, follows from how large the table is. That is private,
so nothing but time and space may depend on it: both ways convert cells by the same functions and bound units by the
same law, and a counter gives the same integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.errors import DataError, Problem, SettingError
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.bounding import bounded_rows
from dpsynth.private.columns import rows_of, without_texts
from dpsynth.private.constraints import broken_constraints
from dpsynth.private.files import Data, Opened, open_table
from dpsynth.private.pooling import cells_digest, draw_pool
from dpsynth.private.streaming import no_progress, streamed, streamed_problems
from dpsynth.private.table import PrivateTable, Rows, Ticks
from dpsynth.private.ticks import in_order, ticks_of
from dpsynth.private.units import NO_UNIT, unit_codes
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.taken_in import broken_rules
from dpsynth.schema.columns import Column, Identifier
from dpsynth.schema.schema import Schema

# A file that would take more than this in memory is read batch by batch; reading needs about as much again.
MEMORY_BYTES = 1_000_000_000


class RowsIn(str, Enum):
    """Where the rows lie while they are counted: in memory, in a private temporary file, or as their size demands."""

    AUTO = "auto"
    MEMORY = "memory"
    DISK = "disk"

    @classmethod
    def asked(cls, place: str, synthesizer: str, *, one_by_one: bool) -> RowsIn:
        """Where the rows are to lie, of what was asked for and whether the synthesizer looks at them one by one.

        Raises SettingError for an unknown place, and for rows on disk that are to be looked at one by one.
        """
        try:
            rows_in = cls(place)
        except ValueError:
            raise SettingError(f"rows_in ({place!r}) must be one of {[one.value for one in cls]}") from None
        if one_by_one and rows_in is cls.DISK:
            raise SettingError(
                f"rows_in ('disk') must be 'memory' for {synthesizer!r}, which looks at rows one by one; try that, "
                "or a synthesizer that counts"
            )
        return cls.MEMORY if one_by_one else rows_in


def ingest(data: Data, schema: Schema, unit: PrivacyUnit, source: EntropySource) -> PrivateTable:
    """Read, check and bound a private table in memory.

    data: see `dpsynth.private.files.open_table`; source: of the random choice which rows of a unit are kept.
    Raises as `ingest_with_pool` does.
    """
    return ingest_with_pool(data, schema, unit, source, None, RowsIn.MEMORY)[0]


def ingest_with_pool(
    data: Data,
    schema: Schema,
    unit: PrivacyUnit,
    source: EntropySource,
    size: PoolSize | None,
    rows_in: RowsIn = RowsIn.AUTO,
    progress: Callable[[float], None] = no_progress,
) -> tuple[PrivateTable, AuditPool | None]:
    """Read and check a private table, leave out the tails of an audit pool, and bound the units.

    size: of the pool; None for no pool. The pool that comes back holds who took part, for the steward alone. With a
    pool the rows lie in memory. progress: called with the fraction that is read, where that takes long.
    Raises DataError with every broken rule; SchemaError when the schema holds unreviewed items;
    SettingError when the unit column is declared as anything but an identifier, or for a pool of rows on disk.

    Privacy: a row map, then units left out at random (see `draw_pool`), then at most `unit.max_rows` rows of each
    unit (see `bounded_rows`, and `dpsynth.private.partitions` for rows on disk). The unit column and identifiers are
    dropped.
    """
    require_unit(schema, unit)
    if size is not None and rows_in is RowsIn.DISK:
        raise SettingError("rows_in ('disk') must be 'memory' with an audit pool; try that, or no pool")
    opened = open_table(data, _names(schema, unit.column))
    if size is None and _on_disk(opened, rows_in):
        return PrivateTable(schema, unit, [streamed(opened, _counted(schema), schema, unit, source, progress)]), None
    rows, problems, units = _converted(opened, schema, unit)
    if problems:
        raise DataError("the data does not fit its schema:", problems)
    pool = None
    if size is not None:
        pool, takes_part = draw_pool(np.arange(rows.count) if units is None else units, size, source)
        pool = replace(pool, cells=cells_digest(rows.in_memory(), rows.labels, pool.rows, pool.salt))
        rows = _at(rows, np.flatnonzero(takes_part))
        units = None if units is None else np.unique(units[takes_part], return_inverse=True)[1].astype(np.int64)
    if units is not None:
        kept = bounded_rows(units, unit.max_rows, source)
        if len(kept) < rows.count:
            rows = _at(rows, kept)
    return PrivateTable(schema, unit, [rows]), pool


def require_unit(schema: Schema, unit: PrivacyUnit) -> None:
    """Raises SchemaError for unreviewed items, SettingError for a unit column that would be counted; reads no data."""
    schema.require_reviewed()
    if unit.column is not None and unit.column in schema and not isinstance(schema[unit.column], Identifier):
        raise SettingError(f"unit column ({unit.column}) must be declared as an identifier, or left out of the schema")


def _at(rows: Rows, places: NDArray[np.intp]) -> Rows:
    return Rows(len(places), {name: ticks[places] for name, ticks in rows.in_memory().items()}, rows.labels)


def check(data: Data, schema: Schema, unit: str | None = None) -> tuple[Problem, ...]:
    """Every rule of the schema that the data breaks; empty when it fits. For the steward's eyes, without cells.

    Where no column breaks a rule of its own, constraints that some rows break are named too; a run takes such rows in.
    Of rows that stay in a warehouse constraints are not checked, and of those read batch by batch not `Unique`.
    unit: the column that says whose row it is, when the run will have one; it must name a unit in every row.
    """
    warehouse = Warehouse.of(data)
    if warehouse is not None:
        return broken_rules(warehouse, schema, unit)
    opened = open_table(data, _names(schema, unit))
    if _on_disk(opened, RowsIn.AUTO):
        return streamed_problems(opened, _counted(schema), schema, unit)
    rows, problems, _ = _converted(opened, schema, PrivacyUnit(column=unit))
    return problems or tuple(broken_constraints(schema, rows.in_memory(), rows.labels, whole=True))


def _on_disk(opened: Opened, rows_in: RowsIn) -> bool:
    return rows_in is RowsIn.DISK or (rows_in is RowsIn.AUTO and opened.bytes_in_memory() > MEMORY_BYTES)


def _counted(schema: Schema) -> list[Column]:
    return [column for column in schema.columns if not isinstance(column, Identifier)]


def _names(schema: Schema, unit: str | None) -> list[str]:
    return [column.name for column in _counted(schema)] + ([unit] if unit is not None else [])


def _converted(
    opened: Opened, schema: Schema, unit: PrivacyUnit
) -> tuple[Rows, tuple[Problem, ...], NDArray[np.int64] | None]:
    """Ticks of every counted column, all broken rules, and dense codes of the units."""
    cells, problems = opened.cells(), list(opened.problems)
    missing = frozenset(schema.missing_values)
    ticks: dict[str, Ticks] = {}
    labels: dict[str, dict[str, int]] = {}
    for column in _counted(schema):
        if column.name in cells:
            own = labels.setdefault(column.name, {})
            ticks[column.name], broken = ticks_of(column, cells[column.name], missing, own)
            problems += in_order(broken)
    units = None
    if unit.column is not None and unit.column in cells:
        units = unit_codes(without_texts(cells[unit.column], missing))
        if len(units) and units.min() < 0:
            problems.append(Problem(NO_UNIT, column=unit.column, rule="unit"))
    count = next((rows_of(column) for column in cells.values()), 0)
    return Rows.of(count, ticks, labels, schema), tuple(problems), units
