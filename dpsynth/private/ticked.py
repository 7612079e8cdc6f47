"""Any table on a schema's public grid, for who may see its rows: a synthetic one, or the steward's own in an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import DataError
from dpsynth.private.columns import rows_of
from dpsynth.private.files import Data, read
from dpsynth.private.pooling import cells_digest
from dpsynth.private.table import Ticks
from dpsynth.private.ticks import marked_ticks, present_cells, ruled
from dpsynth.schema.columns import Identifier, OpenCategorical
from dpsynth.schema.schema import Schema


@dataclass(frozen=True, eq=False, repr=False)
class Ticked:
    """Rows as whole numbers on the grid of a schema.

    ticks: for every column that is no identifier, shape (rows,): the grid point of a number or moment, the index
    of a label; -1 for a missing cell, below for one that the schema cannot place. labels: of open columns.
    """

    schema: Schema
    rows: int
    ticks: Mapping[str, Ticks]
    labels: Mapping[str, tuple[str, ...]]

    def __repr__(self) -> str:
        return f"Ticked({self.rows} rows, {len(self.ticks)} columns)"

    def digest(self, places: NDArray[np.int64], key: str) -> str:
        """A keyed digest of the cells at these places, as a run takes them in: `AuditPool.cells` of the same rows."""
        ticks = {name: ruled(self.schema[name], np.asarray(each))[0] for name, each in self.ticks.items()}
        return cells_digest(ticks, self.labels, places, key)


def ticked(data: Data, schema: Schema) -> Ticked:
    """The rows of a table on the grid of a schema; cells that break its rules are marked, and refuse nothing.

    data: a DataFrame, an Arrow table, a mapping of columns, or a path. Raises DataError when a column is absent or
    the source cannot be read; no message holds a cell.

    Privacy: none. What comes back are the rows themselves, so this is for a table that the caller may see.
    """
    counted = [column for column in schema.columns if not isinstance(column, Identifier)]
    cells, problems = read(data, [column.name for column in counted])
    if problems:
        raise DataError("the data does not have the columns of its schema:", problems)
    missing = frozenset(schema.missing_values)
    ticks, labels = {}, {}
    for column in counted:
        own: dict[str, int] = {}
        ticks[column.name] = marked_ticks(column, present_cells(column, cells[column.name], missing), own)
        if isinstance(column, OpenCategorical):
            labels[column.name] = tuple(own)
    return Ticked(schema, next((rows_of(each) for each in cells.values()), 0), ticks, labels)
