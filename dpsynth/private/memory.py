"""The counter of a private table, whether its rows lie in memory or in a private file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.features import FeatureMap
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.encoded import encoded
from dpsynth.private.kept_marginals import KeptMarginals
from dpsynth.private.kernels import CodeColumn, count_cliques
from dpsynth.private.spool import Column, slices
from dpsynth.private.table import PrivateTable, Rows
from dpsynth.schema.columns import Datetime, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

# Up to here ticks are counted in one array with an entry for each; beyond, distinct ticks are sorted out first.
DENSE_TICKS = 1 << 22
# Rows whose ticks are tallied at a time.
TALLY_ROWS = 1 << 20
# Rows whose feature vectors are summed at a time: a few thousand features of each stay in some 100 MB.
FEATURE_ROWS = 4_096


class MemoryCounter:
    """Exact counts of a PrivateTable (see `Counter`); each column is encoded once for each codec it meets last.

    Marginals of those codecs are kept, so that asking again reads no rows. Every answer is secret. After
    `table.close()` every method but `schema` raises SessionClosedError.
    """

    def __init__(self, table: PrivateTable) -> None:
        self._table = table
        self._encoded: dict[str, tuple[ColumnCodec, CodeColumn]] = {}
        self._kept = KeptMarginals()

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
        require_open(self.schema, column)
        labels = rows.labels[column]
        counts = _tallied(rows.ticks[column], len(labels))
        return {label: int(count) for label, count in zip(labels, counts, strict=True) if count}

    def histogram(self, column: str, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows with a tick in [edges[i], edges[i+1]), shape (len(edges) - 1,); missing values are left out.

        edges: increasing ticks of a Numeric or Datetime column; SettingError otherwise.
        """
        rows, described = self._rows(), require_histogram(self.schema, column, edges)
        if described.ticks <= DENSE_TICKS:
            below = np.concatenate([[0], np.cumsum(_tallied(rows.ticks[column], described.ticks))])
            return np.diff(below[np.clip(edges, 0, described.ticks)])
        return _between(rows.ticks[column], np.asarray(edges))

    def marginals(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`; the arrays are read-only."""
        rows = self._rows()

        def count(unknown: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
            needed = list(dict.fromkeys(column for clique in unknown for column in clique))
            self._forget_other_codecs(codec, set(needed))
            return count_cliques(self._codes(codec, needed, rows), codec.domain, unknown)

        return self._kept.answer(codec, cliques, lambda: rows.count, count)

    def sums(self, codec: Codec, features: FeatureMap) -> NDArray[np.int64]:
        """Sum over all rows of the feature vector of the row's codes, int64 of shape (features.length,)."""
        rows = self._rows()
        self._forget_other_codecs(codec, set(features.domain.columns))
        columns = self._codes(codec, features.domain.columns, rows)
        summed = np.zeros(features.length, dtype=np.int64)
        for part in slices(rows.count):
            held = {column: codes[part] for column, codes in columns.items()}
            for block in slices(part.stop - part.start, FEATURE_ROWS):
                summed += features.sums({column: codes[block] for column, codes in held.items()})
        return summed

    def coded_rows(self, codec: Codec) -> CodedRows:
        """The codes of every row: for mechanisms that look at rows one by one. SettingError for rows on disk."""
        rows = self._rows()
        if rows.spool is not None:
            raise SettingError(
                "rows must be in memory for a mechanism that looks at them one by one; got rows on disk; "
                "try the setting rows_in='memory', or a synthesizer that counts"
            )
        self._forget_other_codecs(codec, set(codec.domain.columns))
        matrix = np.zeros((rows.count, len(codec.domain)), dtype=np.uint32)
        for place, (_, codes) in enumerate(self._codes(codec, codec.domain.columns, rows).items()):
            matrix[:, place] = codes[:]
        return CodedRows(matrix)

    def _forget_other_codecs(self, codec: Codec, columns: set[str]) -> None:
        """Let go of the codes of these columns that were made with another codec."""
        for column in columns & self._encoded.keys():
            if self._encoded[column][0] != codec[column]:
                del self._encoded[column]

    def close(self) -> None:
        """Close the table and drop all that was derived from it; every later call raises SessionClosedError."""
        self._table.close()
        self._encoded.clear()
        self._kept.clear()

    def _rows(self) -> Rows:
        if not self._table.held:
            self.close()
        return self._table.rows()

    def _codes(self, codec: Codec, columns: Sequence[str], rows: Rows) -> dict[str, CodeColumn]:
        """The codes of these columns, encoded now where they are not yet."""
        new = [column for column in columns if column not in self._encoded]
        for column, codes in encoded(codec, new, rows, self.schema).items():
            self._encoded[column] = codec[column], codes
        return {column: self._encoded[column][1] for column in columns}


def require_open(schema: Schema, column: str) -> None:
    """Raises SettingError for a column whose values are not to be listed."""
    if not isinstance(schema[column], OpenCategorical):
        raise SettingError(f"column ({column}) must be an open categorical one to list its values")


def require_histogram(schema: Schema, column: str, edges: NDArray[np.int64]) -> Numeric | Datetime:
    """The column of a histogram; SettingError for another kind of column, and for edges that do not increase."""
    described = schema[column]
    if not isinstance(described, Numeric | Datetime):
        raise SettingError(f"column ({column}) must be numeric or datetime for a histogram")
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise SettingError(f"edges of {column!r} must be at least two ticks that increase")
    return described


def _tallied(ticks: Column, limit: int) -> NDArray[np.int64]:
    """How many rows have each tick, shape (limit,); nulls are left out."""
    counts = np.zeros(limit + 1, dtype=np.int64)
    for part in slices(len(ticks), TALLY_ROWS):
        counts += np.bincount(ticks[part].astype(np.int64) + 1, minlength=limit + 1)
    return counts[1:]


def _between(ticks: Column, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows have a tick in [edges[i], edges[i+1]); nulls are left out."""
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    for part in slices(len(ticks), TALLY_ROWS):
        held = ticks[part]
        found, times = np.unique(held[held >= 0], return_counts=True)
        below = np.concatenate([[0], np.cumsum(times)])
        counts += np.diff(below[np.searchsorted(found, edges)])
    return counts
