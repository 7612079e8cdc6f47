"""Ingest: cells become ticks, row by row, by the rules of the public schema; then units are bounded.

A row's ticks depend on that row and on the schema alone: ingesting two tables one after the other gives
the ticks of both tables together. So nothing is learned from the data here, and nothing is paid for.

Every broken rule of every column is reported at once. Messages name columns and rules. They hold no cell
and no number of rows; still, that a table was refused at all is a fact about private data, for the eyes
of the steward who runs the program and has the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.errors import DataError, Problem, SettingError
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.bounding import bounded_rows
from dpsynth.private.cells import (
    NULL,
    UNKNOWN,
    UNREADABLE,
    declared_texts,
    label_finder,
    moment_of,
    number_of,
    text_of,
    unit_of,
)
from dpsynth.private.columns import Cells, Distinct, Plain, distinct, rows_of, without_texts
from dpsynth.private.files import Data, read
from dpsynth.private.pooling import cells_digest, draw_pool
from dpsynth.private.table import PrivateTable, Rows, Ticks
from dpsynth.schema.columns import UNITS, Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

# With those of `cells`: only NULL remains once the column's rules have dealt with the marks.
OUTSIDE = -4
MARKS = 4

COARSE_UNITS = ("Y", "M", "W", "D", "h", "m", "s")


def ingest(data: Data, schema: Schema, unit: PrivacyUnit, source: EntropySource) -> PrivateTable:
    """Read, check and bound a private table.

    data: see `dpsynth.private.files.read`; source: of the random choice which rows of a unit are kept.
    Raises as `ingest_with_pool` does.
    """
    return ingest_with_pool(data, schema, unit, source, None)[0]


def ingest_with_pool(
    data: Data, schema: Schema, unit: PrivacyUnit, source: EntropySource, size: PoolSize | None
) -> tuple[PrivateTable, AuditPool | None]:
    """Read and check a private table, leave out the tails of an audit pool, and bound the units.

    size: of the pool; None for no pool. The pool that comes back holds who took part, for the steward alone.
    Raises DataError with every broken rule; SchemaError when the schema holds unreviewed items;
    SettingError when the unit column is declared as anything but an identifier.

    Privacy: a row map, then units left out at random (see `draw_pool`), then at most `unit.max_rows` rows of each
    unit (see `bounded_rows`). The unit column and identifiers are dropped.
    """
    schema.require_reviewed()
    if unit.column is not None and unit.column in schema and not isinstance(schema[unit.column], Identifier):
        raise SettingError(f"unit column ({unit.column}) must be declared as an identifier, or left out of the schema")
    rows, problems, units = _converted(data, schema, unit)
    if problems:
        raise DataError("the data does not fit its schema:", problems)
    pool = None
    if size is not None:
        pool, takes_part = draw_pool(np.arange(rows.count) if units is None else units, size, source)
        pool = replace(pool, cells=cells_digest(rows.ticks, rows.labels, pool.rows, pool.salt))
        rows = _at(rows, np.flatnonzero(takes_part))
        units = None if units is None else np.unique(units[takes_part], return_inverse=True)[1].astype(np.int64)
    if units is not None:
        kept = bounded_rows(units, unit.max_rows, source)
        if len(kept) < rows.count:
            rows = _at(rows, kept)
    return PrivateTable(schema, unit, [rows]), pool


def _at(rows: Rows, places: NDArray[np.intp]) -> Rows:
    return Rows(len(places), {name: ticks[places] for name, ticks in rows.ticks.items()}, rows.labels)


def check(data: Data, schema: Schema, unit: str | None = None) -> tuple[Problem, ...]:
    """Every rule of the schema that the data breaks; empty when it fits. For the steward's eyes, without cells.

    unit: the column that says whose row it is, when the run will have one; it must name a unit in every row.
    """
    return _converted(data, schema, PrivacyUnit(column=unit))[1]


def _converted(
    data: Data, schema: Schema, unit: PrivacyUnit
) -> tuple[Rows, tuple[Problem, ...], NDArray[np.int64] | None]:
    """Ticks of every counted column, all broken rules, and dense codes of the units."""
    counted = [column for column in schema.columns if not isinstance(column, Identifier)]
    names = [column.name for column in counted] + ([unit.column] if unit.column is not None else [])
    cells, found = read(data, names)
    missing = frozenset(schema.missing_values)
    problems = list(found)
    ticks: dict[str, Ticks] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for column in counted:
        if column.name in cells:
            present = without_texts(cells[column.name], missing and missing - declared_texts(column))
            marked, own_labels = marked_ticks(column, present)
            ticks[column.name], broken = ruled(column, marked)
            problems += broken
            if own_labels is not None:
                labels[column.name] = own_labels
    units = None
    if unit.column is not None and unit.column in cells:
        units = _unit_codes(without_texts(cells[unit.column], missing))
        if len(units) and units.min() < 0:
            problems.append(Problem("must name a unit in every row; got missing ones", column=unit.column, rule="unit"))
    count = next((rows_of(column) for column in cells.values()), 0)
    return Rows(count, ticks, labels), tuple(problems), units


def marked_ticks(column: Column, cells: Cells) -> tuple[Ticks, tuple[str, ...] | None]:
    """Ticks with marks for troublesome cells, and the private labels of an open column."""
    if isinstance(column, OpenCategorical):
        return _open_ticks(distinct(cells))
    if isinstance(column, Categorical | Boolean):
        if isinstance(cells, Plain) and _is_own_ticks(column, cells):
            return cells.values.astype(_narrow(column.ticks)), None
        return _gathered(distinct(cells), label_finder(column), column.ticks), None
    if isinstance(column, Numeric):
        return _numeric_ticks(column, cells), None
    if isinstance(column, Datetime):
        return _datetime_ticks(column, cells), None
    raise SettingError(f"column {column.name!r} must not be an identifier to be counted")


def ruled(column: Column, ticks: Ticks) -> tuple[Ticks, list[Problem]]:
    """The column's rules applied to the marks: ticks and NULL, and the rules that are broken."""
    if not len(ticks) or ticks.min() >= 0:
        return ticks, []
    problems: list[Problem] = []
    present = {mark for mark in range(-MARKS, 0) if (ticks == mark).any()}
    for mark, rule in ((UNREADABLE, "type"), (UNKNOWN, "unknown"), (OUTSIDE, "out_of_bounds")):
        if mark in present and (rule == "type" or getattr(column, rule, "refuse") == "refuse"):
            message = _MESSAGES.get(f"{rule} {column.type}") or _MESSAGES[rule]
            problems.append(Problem(message, column.name, rule))
    ticks = np.where(ticks < 0, NULL, ticks).astype(ticks.dtype)
    if NULL in present and not column.nullable:  # type: ignore[union-attr]
        fill = _fill_tick(column)
        if fill is None:
            problems.append(Problem(_MESSAGES["missing"], column.name, "missing"))
        else:
            ticks[ticks < 0] = fill
    return ticks, problems


_MESSAGES = {
    "type": "cells must be text, numbers or booleans",
    "type numeric": (
        "cells must be numbers, or text that is a number with a decimal point; "
        "try the schema's missing_values for a text that means missing"
    ),
    "type datetime": (
        "cells must be dates, or text in ISO 8601 such as 2024-05-31; "
        "try format=... for another spelling, or the schema's missing_values for a text that means missing"
    ),
    "unknown boolean": "cells must be true or false, or one of the two labels; try labels=..., or Categorical",
    "unknown": "cells must be among the declared values; try unknown='other', unknown='null', or declare more values",
    "out_of_bounds": "cells must lie within the bounds; try out_of_bounds='clip' or 'null', or wider bounds",
    "missing": "cells must not be missing; try nullable=True, or missing=... with a value to fill in",
}


def _fill_tick(column: Column) -> int | None:
    """The tick that stands for a missing value, or None when such values are refused."""
    if isinstance(column, Identifier | OpenCategorical) or column.missing == "refuse":
        return None
    if isinstance(column, Numeric | Datetime):
        return column.tick_of(column.missing)  # type: ignore[arg-type]
    return list(column.labels).index(column.missing)


def _narrow(ticks: int) -> np.dtype[Any]:
    """The narrowest signed integers for `ticks` ticks and the marks."""
    return np.min_scalar_type(-max(ticks, MARKS))


def _gathered(cells: Distinct, tick_of: Callable[[object], int], ticks: int) -> Ticks:
    """The tick of each row, from the tick of each distinct value."""
    known = [tick_of(value) for value in cells.values]
    table: Ticks = np.array([*known, NULL], dtype=_narrow(ticks))
    return np.asarray(table[cells.codes])


def _is_own_ticks(column: Categorical | Boolean, cells: Plain) -> bool:
    """Whether the labels are 0, 1, 2, ... and every cell is one of them, so that cells are ticks already."""
    if cells.missing is not None or cells.values.dtype.kind not in "iu" or not len(cells.values):
        return False
    if column.labels[0] != 0 or column.labels[-1] != column.ticks - 1 or column.labels != tuple(range(column.ticks)):
        return False
    return bool(cells.values.min() >= 0 and cells.values.max() < column.ticks)


def _open_ticks(cells: Distinct) -> tuple[Ticks, tuple[str, ...]]:
    labels: dict[str, int] = {}

    def tick_of(value: object) -> int:
        text = text_of(value)
        return UNREADABLE if text is None else NULL if text == "" else labels.setdefault(text, len(labels))

    ticks = _gathered(cells, tick_of, len(cells.values))
    return ticks, tuple(labels)


def _numeric_ticks(column: Numeric, cells: Cells) -> Ticks:
    if isinstance(cells, Distinct):
        numbers = [number_of(value) for value in cells.values]
        values = np.array([float("nan") if number is None else number for number in numbers], dtype=np.float64)
        ticks = np.append(_grid_ticks(column, values), NULL)
        whole = [place for place, number in enumerate(numbers) if isinstance(number, int)]
        ticks[whole] = _grid_ticks(column, np.array([numbers[place] for place in whole], dtype=np.int64))
        ticks[:-1][[number is None for number in numbers]] = UNREADABLE
        table: Ticks = ticks.astype(_narrow(column.ticks))
        return np.asarray(table[cells.codes])
    if cells.values.dtype.kind == "M":
        return _of_wrong_kind(cells)
    values = cells.values.view(np.uint8) if cells.values.dtype.kind == "b" else cells.values
    return _without(_grid_ticks(column, values), cells.missing).astype(_narrow(column.ticks))


def _grid_ticks(column: Numeric, values: NDArray[Any]) -> NDArray[np.int64]:
    """Nearest grid points; a value is outside when it is nearer to a grid point beyond the bounds."""
    ticks = column.tick_of(values)
    if column.out_of_bounds != "clip":
        half = float(column.step) / 2
        ticks[(values < column.lower - half) | (values > column.upper + half)] = OUTSIDE
    return ticks


def _datetime_ticks(column: Datetime, cells: Cells) -> Ticks:
    if isinstance(cells, Plain):
        if cells.values.dtype.kind != "M":
            return _of_wrong_kind(cells)
        return _without(_moment_ticks(column, cells.values), cells.missing).astype(_narrow(column.ticks))
    moments = [moment_of(value, column.format) for value in cells.values]
    known = np.array([np.datetime64("NaT") if moment is None else moment for moment in moments], dtype="M8[us]")
    ticks = np.append(_moment_ticks(column, known), NULL)
    ticks[:-1][[moment is None for moment in moments]] = UNREADABLE
    table: Ticks = ticks.astype(_narrow(column.ticks))
    return np.asarray(table[cells.codes])


def _moment_ticks(column: Datetime, moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    lower, upper = column.value_of(np.array([0, column.ticks - 1]))
    if np.datetime_data(moments.dtype)[0] in COARSE_UNITS:
        # A far date would wrap around in finer units, so it is first brought to one unit beyond the bounds.
        moments = np.clip(moments, lower.astype(moments.dtype) - 1, upper.astype(moments.dtype) + 1)
    ticks = column.tick_of(moments)
    if column.out_of_bounds != "clip":
        units = moments.astype(f"datetime64[{UNITS[column.resolution]}]")
        ticks[(units < lower) | (units > upper)] = OUTSIDE
    return ticks


def _of_wrong_kind(cells: Plain) -> Ticks:
    """Marks for numbers among dates, or dates among numbers: what is missing is missing all the same."""
    return _without(np.where(cells.values != cells.values, NULL, UNREADABLE), cells.missing)


def _without(ticks: NDArray[np.int64], missing: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    if missing is not None:
        ticks[missing] = NULL
    return ticks


def _unit_codes(cells: Cells) -> NDArray[np.int64]:
    """Dense codes of the units, -1 where a row names none.

    Units spelled alike are one: equal numbers of any type, the text of such a number as `spelled` writes it, and
    moments that are equal in UTC to the microsecond. Text is taken as it stands: "5.0" is not the unit 5.
    """
    found = distinct(cells)
    if isinstance(cells, Plain) and cells.values.dtype.kind in "biu":
        return found.codes.astype(np.int64)
    texts: dict[str, int] = {}

    def code_of(value: object) -> int:
        text = unit_of(value)
        return texts.setdefault(text, len(texts)) if text else -1

    table = np.array([*map(code_of, found.values), -1], dtype=np.int64)
    return np.asarray(table[found.codes])
