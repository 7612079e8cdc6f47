"""Ticks: the cells of one column as integers on the public grid, by the rules of the schema.

A row's tick depends on that row's cell and on the schema alone, so a column may be converted in any number of batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import Problem, SettingError
from dpsynth.private.cells import (
    NULL,
    UNKNOWN,
    UNREADABLE,
    declared_texts,
    label_finder,
    moment_of,
    number_of,
    text_of,
)
from dpsynth.private.columns import Cells, Distinct, Plain, distinct, without_texts
from dpsynth.private.table import Ticks
from dpsynth.schema.columns import UNITS, Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical

# With those of `cells`: only NULL remains once the column's rules have dealt with the marks.
OUTSIDE = -4
MARKS = 4

COARSE_UNITS = ("Y", "M", "W", "D", "h", "m", "s")
RULES = ("type", "unknown", "out_of_bounds", "missing")


def ticks_of(column: Column, cells: Cells, missing: Set[str], labels: dict[str, int]) -> tuple[Ticks, list[Problem]]:
    """The ticks of some rows of a column with -1 for a missing cell, shape (rows,), and the rules that they break.

    missing: the schema's texts that stand for a missing cell. labels: of an open column, from label to tick; labels
    that are new are added to it, so that it is to be handed on from batch to batch.
    """
    return ruled(column, marked_ticks(column, present_cells(column, cells, missing), labels))


def present_cells(column: Column, cells: Cells, missing: Set[str]) -> Cells:
    """The cells with nothing where one is a text that stands for a missing cell, and is no label of the column."""
    return without_texts(cells, missing and missing - declared_texts(column))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each broken rule of a column once, in the order of the rules, whichever batch broke it first."""
    return sorted(set(problems), key=lambda problem: RULES.index(problem.rule or ""))


def tick_type(column: Column) -> np.dtype[Any]:
    """The narrowest signed integers that hold all ticks of a column; those of an open column may become many."""
    if isinstance(column, Identifier | OpenCategorical):
        return np.dtype(np.int32)
    return _narrow(column.ticks)


def marked_ticks(column: Column, cells: Cells, labels: dict[str, int]) -> Ticks:
    """Ticks with marks for troublesome cells; the private labels of an open column are added to `labels`."""
    if isinstance(column, OpenCategorical):
        return _open_ticks(distinct(cells), labels)
    if isinstance(column, Categorical | Boolean):
        if isinstance(cells, Plain) and _is_own_ticks(column, cells):
            return cells.values.astype(_narrow(column.ticks))
        return _gathered(distinct(cells), label_finder(column), column.ticks)
    if isinstance(column, Numeric):
        return _numeric_ticks(column, cells)
    if isinstance(column, Datetime):
        return _datetime_ticks(column, cells)
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


def _open_ticks(cells: Distinct, labels: dict[str, int]) -> Ticks:
    def tick_of(value: object) -> int:
        text = text_of(value)
        return UNREADABLE if text is None else NULL if text == "" else labels.setdefault(text, len(labels))

    return _gathered(cells, tick_of, len(labels) + len(cells.values))


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
