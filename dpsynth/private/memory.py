"""The counter of a table in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes
from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.private.table import PrivateTable, Rows, Ticks
from dpsynth.schema.columns import Datetime, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

# Up to here ticks are counted in one array with an entry for each; beyond, distinct ticks are sorted out first.
DENSE_TICKS = 1 << 22


class MemoryCounter:
    """Exact counts of a PrivateTable (see `Counter`); each column is encoded once for each codec it meets last.

    Every answer is secret. After `table.close()` every method but `schema` raises SessionClosedError.
    """

    def __init__(self, table: PrivateTable) -> None:
        self._table = table
        self._encoded: dict[str, tuple[ColumnCodec, Codes]] = {}

    def __repr__(self) -> str:
        return f"MemoryCounter({self._table!r})"

    @property
    def schema(self) -> Schema:
        """The public description of the columns."""
        return self._table.schema

    def total(self) -> int:
        """Number of rows."""
        return self._rows().count

    def frequencies(self, column: str) -> dict[str, int]:
        """Rows of each value that an open categorical column holds; missing values are left out.

        A value that no bounded row holds any more is left out too: it must not be named.
        """
        rows = self._rows()
        if not isinstance(self.schema[column], OpenCategorical):
            raise SettingError(f"column ({column}) must be an open categorical one to list its values")
        labels = rows.labels[column]
        counts = np.bincount(rows.ticks[column].astype(np.int64) + 1, minlength=len(labels) + 1)[1:]
        return {label: int(count) for label, count in zip(labels, counts, strict=True) if count}

    def histogram(self, column: str, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows with a tick in [edges[i], edges[i+1]), shape (len(edges) - 1,); missing values are left out.

        edges: increasing ticks of a Numeric or Datetime column; SettingError otherwise.
        """
        rows, described = self._rows(), self.schema[column]
        if not isinstance(described, Numeric | Datetime):
            raise SettingError(f"column ({column}) must be numeric or datetime for a histogram")
        if len(edges) < 2 or (np.diff(edges) <= 0).any():
            raise SettingError(f"edges of {column!r} must be at least two ticks that increase")
        ticks, counts = _counted(rows.ticks[column], described.ticks)
        below = np.concatenate([[0], np.cumsum(counts)])
        return np.diff(below[np.searchsorted(ticks, edges)])

    def marginals(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`."""
        from dpsynth.private.kernels import count_cliques

        rows = self._rows()
        needed = {column for clique in cliques for column in clique}
        return count_cliques({column: self._codes(codec, column, rows) for column in needed}, codec.domain, cliques)

    def _rows(self) -> Rows:
        if not self._table.held:
            self._encoded.clear()
        return self._table.rows()

    def _codes(self, codec: Codec, column: str, rows: Rows) -> Codes:
        known = self._encoded.get(column)
        if known is None or known[0] != codec[column]:
            known = (codec[column], codec.encode_column(column, rows.ticks[column], rows.labels.get(column)))
            self._encoded[column] = known
        return known[1]


def _counted(ticks: Ticks, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Increasing ticks and how many rows have each; nulls are left out."""
    if limit <= DENSE_TICKS:
        return np.arange(limit), np.bincount(ticks.astype(np.int64) + 1, minlength=limit + 1)[1:]
    return np.unique(ticks[ticks >= 0], return_counts=True)
