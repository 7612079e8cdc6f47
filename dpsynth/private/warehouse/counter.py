"""The counter of a table that stays in its database: statements go in, counts come out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import DataError, SessionClosedError, SettingError
from dpsynth.features import FeatureMap
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.cover import Cover, Layout, lay_out, plan_cover
from dpsynth.private.ingest import require_unit
from dpsynth.private.kept_marginals import KeptMarginals
from dpsynth.private.memory import FEATURE_ROWS, require_histogram, require_open
from dpsynth.private.spool import slices
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.codes_sql import coded, search
from dpsynth.private.warehouse.connect import connect
from dpsynth.private.warehouse.connection import Connection
from dpsynth.private.warehouse.dialect import whole_type
from dpsynth.private.warehouse.taken_in import BOUNDED, TickNames, take_in
from dpsynth.schema.schema import Schema

# Cliques that are counted in one statement, each in a scan of its own; grouping sets took twice to three times as long.
CLIQUES_PER_STATEMENT = 16
# The codes of all rows by one codec, in a temporary table.
CODES = "dpsynth_codes"
# Up to so many cells in all, sums of features are taken from the counts of the cells.
FEATURE_CELLS = 1 << 16


class WarehouseCounter:
    """Exact counts of a table in a database (see `Counter`), encoded and bounded there; see `take_in` for how.

    What arrives: for `total` one number; for `histogram` and `marginals` two whole numbers for each cell that holds
    rows, its place and its count, and of no other cells than those that were asked for. `frequencies` is the one
    exception: it names the values of an open column, each with its count, as the protocol demands of every counter, for
    partition selection to decide which may be named.

    Codes of the codec met last are a temporary table, and marginals of it are kept, so that asking again reads no rows.
    After `close`, which drops the temporary tables, every method but `schema` raises SessionClosedError.
    """

    def __init__(self, connection: Connection, schema: Schema, names: TickNames) -> None:
        self._held = [connection]
        self._schema = schema
        self._names = names
        self._encoded: Codec | None = None
        self._kept = KeptMarginals()

    @classmethod
    def of(cls, warehouse: Warehouse, schema: Schema, unit: PrivacyUnit, source: EntropySource) -> WarehouseCounter:
        """The counter of a table, once it fits its schema.

        Raises DataError with every broken rule; SchemaError when the schema holds unreviewed items; SettingError when
        the unit column is declared as anything but an identifier; MissingExtraError.

        Privacy: a row map, then at most `unit.max_rows` rows of each unit; see `take_in`.
        """
        require_unit(schema, unit)
        connection = connect(warehouse)
        try:
            return cls(connection, schema, take_in(connection, schema, unit, source))
        except BaseException:
            connection.close()
            raise

    def __repr__(self) -> str:
        return f"WarehouseCounter({'open' if self._held else 'closed'})"

    @property
    def schema(self) -> Schema:
        """The public description of the columns."""
        return self._schema

    def total(self) -> int:
        """Number of rows."""
        return int(self._connection().rows(f"SELECT count(*) FROM {self._rows()}")[0][0])

    def frequencies(self, column: str) -> dict[str, int]:
        """Rows of each value that an open categorical column holds; missing values are left out."""
        connection = self._connection()
        require_open(self.schema, column)
        name = self._names[column]
        found = connection.rows(f"SELECT {name}, count(*) FROM {self._rows()} WHERE {name} IS NOT NULL GROUP BY {name}")
        return {bytes(value).decode("utf-8"): int(count) for value, count in found}

    def histogram(self, column: str, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows with a tick in [edges[i], edges[i+1]), shape (len(edges) - 1,); missing values are left out.

        edges: increasing ticks of a Numeric or Datetime column; SettingError otherwise.
        """
        connection = self._connection()
        require_histogram(self.schema, column, edges)
        ends = [int(edge) for edge in edges]
        name = self._names[column]
        inside = f"{name} >= {max(ends[0], 0)} AND {name} < {ends[-1]}"
        pieces = [(start, number) for number, start in enumerate(ends[:-1])]
        number = search(name, pieces, connection.dialect, "pieces")
        found = connection.rows(
            f"SELECT {number.expression} AS place, count(*) FROM (SELECT {name} FROM {self._rows()} WHERE {inside}) "
            f"AS ticks {number.join} GROUP BY 1",
            number.values,
        )
        return _counts(found, len(ends) - 1)

    def marginals(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`; the arrays are read-only.

        PlanTooLargeError past 2^63 cells.
        """
        self._connection()
        return self._kept.answer(codec, cliques, self.total, lambda unknown: self._counted(codec, unknown))

    def sums(self, codec: Codec, features: FeatureMap) -> NDArray[np.int64]:
        """Sum over all rows of the feature vector of the row's codes, int64 of shape (features.length,).

        Taken from the counts of all cells; SettingError where there are more than FEATURE_CELLS of them, for then the
        rows themselves would have to leave the warehouse.
        """
        columns = features.domain.columns
        cells = codec.domain.cells(columns)
        if cells > FEATURE_CELLS:
            raise SettingError(
                f"columns of features must have at most {FEATURE_CELLS} cells for sums in a warehouse; got {cells}; "
                "try a synthesizer that counts marginals, or rows outside the warehouse"
            )
        counts = self.marginals(codec, [columns])[columns]
        held = np.nonzero(counts)
        times = counts[held]
        summed = np.zeros(features.length, dtype=np.int64)
        # Bit by bit of the counts, for a map sums vectors and does not weigh them: at most 63 sums of all cells.
        for bit in range(int(times.max(initial=0)).bit_length()):
            (chosen,) = np.nonzero(times >> bit & 1)
            for block in slices(len(chosen), FEATURE_ROWS):
                codes = [places[chosen[block]].astype(np.uint32) for places in held]
                summed += features.sums(dict(zip(columns, codes, strict=True))) << bit
        return summed

    def coded_rows(self, codec: Codec) -> CodedRows:
        """Always SettingError: rows do not leave the warehouse."""
        self._connection()
        raise SettingError(
            "rows must be in memory for a mechanism that looks at them one by one; got rows in a warehouse; "
            "try a synthesizer that counts"
        )

    def close(self) -> None:
        """Drop the temporary tables by closing the connection; closing twice is harmless."""
        for connection in self._held:
            connection.close()
        self._held.clear()
        self._kept.clear()

    def _connection(self) -> Connection:
        if not self._held:
            raise SessionClosedError("private rows must be read before the table is closed; try a new session")
        return self._held[0]

    def _rows(self) -> str:
        return self._connection().dialect.own(BOUNDED)

    def _encode(self, codec: Codec) -> None:
        """Write the codes of all rows, k0, k1, ... in the order of the codec's domain, unless they are there."""
        if self._encoded == codec:
            return
        connection = self._connection()
        codes = connection.dialect.own(CODES)
        if self._encoded is not None:
            self._encoded = None
            connection.run(f"DROP TABLE {codes}")
        columns, joins = [], []
        values: dict[str, object] = {}
        for place, (name, size) in enumerate(zip(codec.domain.columns, codec.domain.sizes, strict=True)):
            source = codec[name].source
            made = coded(codec[name], self.schema[source], self._names[source], connection.dialect, place)
            columns.append(f"CAST({made.expression} AS {whole_type(size)}) AS k{place}")
            joins.append(made.join)
            values |= made.values
        chosen = f"SELECT {', '.join(columns)} FROM {self._rows()} AS ticks {' '.join(filter(None, joins))}"
        connection.run(f"CREATE TEMPORARY TABLE {CODES} AS {chosen}", values)
        self._encoded = codec

    def _counted(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        """The counts of these cliques, from few larger ones that are counted and summed down in the database."""
        domain, connection = codec.domain, self._connection()
        cover = plan_cover(domain, cliques, connection.dialect.home_cells)
        layout = lay_out(domain, Cover(tuple(cliques), {}))
        self._encode(codec)
        codes = connection.dialect.own(CODES)
        flat = np.zeros(layout.cells, dtype=np.int64)
        for first in range(0, len(cover.cliques), CLIQUES_PER_STATEMENT):
            homes = cover.cliques[first : first + CLIQUES_PER_STATEMENT]
            inside = [
                [place for place, clique in enumerate(cliques) if cover.assignment[clique] == home] for home in homes
            ]
            found = connection.rows(_statement(domain, codes, homes, layout, cliques, inside))
            flat += _counts(found, layout.cells)
        ends = layout.offsets.tolist()
        return {
            clique: flat[start:end].reshape(domain.shape(clique))
            for clique, start, end in zip(cliques, ends[:-1], ends[1:], strict=True)
        }


def _statement(
    domain: Domain,
    codes: str,
    homes: Sequence[Clique],
    layout: Layout,
    cliques: Sequence[Clique],
    inside: Sequence[Sequence[int]],
) -> str:
    """One statement that counts the cells of each home, and sums them down to the cliques inside of it."""
    scans, answers = [], []
    for number, (home, places) in enumerate(zip(homes, inside, strict=True)):
        keys = ", ".join(_key(domain, column) for column in home)
        scans.append(f"h{number} AS MATERIALIZED (SELECT {keys}, count(*) AS n FROM {codes} GROUP BY {keys})")
        for place in places:
            clique, offset = cliques[place], int(layout.offsets[place])
            groups = ", ".join(_key(domain, column) for column in clique)
            answers.append(
                f"SELECT {_cell(domain, clique, offset)}, CAST(sum(n) AS BIGINT) FROM h{number} GROUP BY {groups}"
            )
    return f"WITH {', '.join(scans)} {' UNION ALL '.join(answers)}"


def _key(domain: Domain, column: str) -> str:
    return f"k{domain.columns.index(column)}"


def _cell(domain: Domain, clique: Clique, offset: int) -> str:
    """The number of a cell, with the last column fastest, behind the cells of the cliques before."""
    strides = [domain.cells(clique[place + 1 :]) for place in range(len(clique))]
    parts = [
        f"CAST({_key(domain, column)} AS BIGINT) * {stride}" for column, stride in zip(clique, strides, strict=True)
    ]
    return " + ".join([f"CAST({offset} AS BIGINT)", *parts])


def _counts(found: Sequence[tuple[int, int]], cells: int) -> NDArray[np.int64]:
    """A flat array from the cells that hold rows."""
    counts = np.zeros(cells, dtype=np.int64)
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    if len(pairs) and (pairs[:, 0].min() < 0 or pairs[:, 0].max() >= cells):
        raise DataError("codes must be inside the domain; got others from the warehouse; try ingesting again")
    counts[pairs[:, 0]] = pairs[:, 1]
    return counts
