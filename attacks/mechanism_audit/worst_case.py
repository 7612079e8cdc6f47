"""Neighbouring tables on which a mechanism shows most of what it may show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dpsynth

# Three columns of two values: few cells, so that nothing drowns, and pairs that a selection can choose among.
NARROW = dpsynth.Schema([dpsynth.Boolean(name) for name in ("a", "b", "c")])
# Of either kind of row. So many that rare codes are not merged at usual budgets, and few enough to be counted at once.
ROWS = 100


def worst_case(schema: dpsynth.Schema, relation: str = "add-remove") -> tuple[dict[str, list[Any]], ...]:
    """A table and a neighbour of it: columns that all agree in every row but the last.

    Half of the rows hold each column's first value, half its second, so every pair of columns is as dependent as
    can be. The last row, which is added or takes another's place, holds a value of its own where a column has a
    third one (the largest, for numbers and moments), and else the second value in two columns and the first in the
    others. Its cells are thus full for one pair of columns, and empty for others: what raises one pair's score
    lowers another's, and the choice among them moves as far as it can.
    """
    parts = [_cells(column, place) for place, column in enumerate(schema.columns)]
    common = [cells[0] for cells in parts], [cells[1] for cells in parts]
    unique = [cells[2] for cells in parts]
    rows = [common[0]] * ROWS + [common[1]] * ROWS
    replaced = [cells[0] if cells[2] != cells[0] else cells[1] for cells in parts]
    table = rows if relation == "add-remove" else [*rows, replaced]
    return tuple(_table(schema, each) for each in (table, [*rows, unique]))


def _table(schema: dpsynth.Schema, rows: Iterable[list[Any]]) -> dict[str, list[Any]]:
    columns: Iterable[tuple[Any, ...]] = zip(*rows, strict=True)
    cells = dict(zip(schema.names, map(list, columns), strict=True))
    for column in schema.columns:
        if isinstance(column, dpsynth.Identifier):
            cells[column.name] = [f"row {index}" for index in range(len(cells[column.name]))]
    return cells


def _cells(column: Any, place: int) -> tuple[Any, Any, Any]:
    """Two common values, and that of the last row."""
    match column:
        case dpsynth.OpenCategorical():
            return "value 0", "value 1", "value of its own"
        case dpsynth.Numeric():
            middle = column.value_of(_array(column.ticks // 2))[0]
            return column.lower, middle, column.upper
        case dpsynth.Datetime():
            return tuple(column.value_of(_array(tick))[0] for tick in (0, column.ticks // 2, column.ticks - 1))
        case dpsynth.Identifier():
            return "", "", ""
    values = tuple(column.labels)
    own = values[2] if len(values) > 2 else values[-1] if place < 2 else values[0]
    return values[0], values[min(1, len(values) - 1)], own


def _array(tick: int) -> Any:
    import numpy as np

    return np.array([tick], dtype=np.int64)
