"""The counter of a table in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes
from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.features import FeatureMap
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.table import PrivateTable, Rows, Ticks
from dpsynth.schema.columns import Datetime, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

# Up to here ticks are counted in one array with an entry for each; beyond, distinct ticks are sorted out first.
DENSE_TICKS = 1 << 22
# Exact marginals that are kept in case they are asked for again: 240 MB at most.
KEPT_CELLS = 30_000_000
# Rows whose feature vectors are summed at a time: a few thousand features of each stay in some 100 MB.
FEATURE_ROWS = 4_096


class MemoryCounter:
    """Exact counts of a PrivateTable (see `Counter`); each column is encoded once for each codec it meets last.

    Marginals of those codecs are kept, up to KEPT_CELLS cells, so that asking again reads no rows. Every
    answer is secret. After `table.close()` every method but `schema` raises SessionClosedError.
    """

    def __init__(self, table: PrivateTable) -> None:
        self._table = table
        self._encoded: dict[str, tuple[ColumnCodec, Codes]] = {}
        self._kept: dict[Clique, NDArray[np.int64]] = {}

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
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`; the arrays are read-only."""
        from dpsynth.private.kernels import count_cliques

        rows = self._rows()
        wanted = list(dict.fromkeys(map(tuple, cliques)))
        self._forget_other_codecs(codec, {column for clique in wanted for column in clique})
        counted: dict[Clique, NDArray[np.int64]] = {}
        unknown = [clique for clique in wanted if clique and clique not in self._kept]
        if unknown:
            needed = {column for clique in unknown for column in clique}
            counted = count_cliques({c: self._codes(codec, c, rows) for c in needed}, codec.domain, unknown)
        if () in wanted:
            counted[()] = np.array(rows.count, dtype=np.int64)
        # A view of a read-only array cannot be made writable again, so nobody can change what is kept.
        for table in counted.values():
            table.setflags(write=False)
        answers = {clique: (counted[clique] if clique in counted else self._kept[clique]).view() for clique in wanted}
        self._keep({clique: counted[clique] for clique in unknown})
        return answers

    def sums(self, codec: Codec, features: FeatureMap) -> NDArray[np.int64]:
        """Sum over all rows of the feature vector of the row's codes, int64 of shape (features.length,)."""
        rows = self._rows()
        self._forget_other_codecs(codec, set(features.domain.columns))
        columns = {column: self._codes(codec, column, rows) for column in features.domain}
        summed = np.zeros(features.length, dtype=np.int64)
        for first in range(0, rows.count, FEATURE_ROWS):
            block = slice(first, first + FEATURE_ROWS)
            summed += features.sums({column: codes[block] for column, codes in columns.items()})
        return summed

    def coded_rows(self, codec: Codec) -> CodedRows:
        """The codes of every row: for mechanisms that look at rows one by one."""
        rows = self._rows()
        self._forget_other_codecs(codec, set(codec.domain.columns))
        matrix = np.zeros((rows.count, len(codec.domain)), dtype=np.uint32)
        for place, column in enumerate(codec.domain):
            matrix[:, place] = self._codes(codec, column, rows)
        return CodedRows(matrix)

    def _forget_other_codecs(self, codec: Codec, columns: set[str]) -> None:
        """Let go of the codes of these columns, and of the marginals, that were made with another codec."""
        changed = {c for c in columns if c in self._encoded and self._encoded[c][0] != codec[c]}
        for column in changed:
            del self._encoded[column]
        if changed:
            self._kept = {clique: table for clique, table in self._kept.items() if changed.isdisjoint(clique)}

    def _keep(self, counted: Mapping[Clique, NDArray[np.int64]]) -> None:
        """Keep marginals as far as there is room."""
        held = sum(table.size for table in self._kept.values())
        for clique, table in counted.items():
            if held + table.size <= KEPT_CELLS:
                self._kept[clique] = table
                held += table.size

    def close(self) -> None:
        """Close the table and drop all that was derived from it; every later call raises SessionClosedError."""
        self._table.close()
        self._encoded.clear()
        self._kept.clear()

    def _rows(self) -> Rows:
        if not self._table.held:
            self.close()
        return self._table.rows()

    def _codes(self, codec: Codec, column: str, rows: Rows) -> Codes:
        if column not in self._encoded:
            source = codec[column].source
            codes = codec.encode_column(column, rows.ticks[source], rows.labels.get(source))
            self._encoded[column] = codec[column], codes
        return self._encoded[column][1]


def _counted(ticks: Ticks, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Increasing ticks and how many rows have each; nulls are left out."""
    if limit <= DENSE_TICKS:
        return np.arange(limit), np.bincount(ticks.astype(np.int64) + 1, minlength=limit + 1)[1:]
    return np.unique(ticks[ticks >= 0], return_counts=True)
