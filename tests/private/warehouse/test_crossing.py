"""What crosses from the engine's driver to us: one number for each cell asked for, and the labels of open columns."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.warehouse import counter as counters
from dpsynth.private.warehouse.counter import WarehouseCounter
from dpsynth.schema.columns import Categorical, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema
from tests.private.warehouse.engines import Put

ROWS, PEOPLE, CITIES = 700, 200, 40
SCHEMA = Schema(
    [
        Identifier("person"),
        OpenCategorical("city"),
        Categorical("wide", values=range(60)),
        Categorical("small", values=["a", "b"], nullable=True),
        Categorical("other", values=["a", "b", "c"], unknown="null", nullable=True),
        Numeric("size", lower=0, upper=999, integer=True, edges=[10, 100]),
    ]
)
UNIT = PrivacyUnit(column="person", max_rows=3)
CODEC = Codec(
    tuple(
        OpenCodec(column, ("c1", "c2")) if isinstance(column, OpenCategorical) else closed_codec(column)
        for column in SCHEMA.columns
    )
)
QUIET = {"execute", "cursor", "close", "info", "description", "__class__"}

Shapes = list[tuple[int, int]]


class Watched:
    """An engine of which every answer is measured, and which can be asked in no other way."""

    def __init__(self, inner: Any, seen: Shapes) -> None:
        self.inner, self.seen = inner, seen

    def execute(self, *asked: Any) -> Watched:
        return Watched(self.inner.execute(*asked), self.seen)

    def cursor(self) -> Watched:
        return Watched(self.inner.cursor(), self.seen)

    def fetchall(self) -> list[Any]:
        rows = self.inner.fetchall()
        self.seen.append((len(rows), max(map(len, rows), default=0)))
        return rows

    def fetchone(self) -> Any:
        row = self.inner.fetchone()
        self.seen.append((1, len(row or ())))
        return row

    def __getattr__(self, name: str) -> Any:
        assert name in QUIET, f"{name} is a way for rows to cross that nobody watches"
        return getattr(self.inner, name)


def rows() -> pa.Table:
    rng = np.random.default_rng(5)
    return pa.table(
        {
            "person": [f"p{place}" for place in rng.integers(0, PEOPLE, ROWS)],
            "city": [f"c{place}" for place in rng.integers(0, CITIES, ROWS)],
            "wide": rng.integers(0, 60, ROWS),
            "small": rng.choice(["a", "b"], ROWS),
            "other": rng.choice(["a", "b", "c", "unheard of"], ROWS),
            "size": rng.integers(0, 1000, ROWS),
            "note": [f"no column of the schema: {place}" for place in range(ROWS)],
        }
    )


@pytest.fixture
def watched(put: Put, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[WarehouseCounter, Shapes]]:
    """A counter, and the shapes, (rows, columns), of all that crosses from now on."""
    table, seen = rows(), []
    where = put(table)
    package = importlib.import_module("psycopg" if where.path is None else "duckdb")
    connect = package.connect
    with monkeypatch.context() as patched:
        patched.setattr(package, "connect", lambda *asked, **named: Watched(connect(*asked, **named), seen))
        counter = WarehouseCounter.of(where, SCHEMA, UNIT, InsecureTestEntropy(0))
    # The table's full name, its columns and their types (twice), and for each rule whether it is broken.
    names = len(table.column_names)
    assert [count for count, _ in seen if count > 1] in ([], [names, names])
    assert all(columns <= 6 for count, columns in seen if count > 1)
    seen.clear()
    with closing(counter):
        yield counter, seen


def check_marginals(counter: WarehouseCounter, seen: Shapes, cliques: list[tuple[str, ...]]) -> None:
    """Two numbers for each cell that was asked for and holds rows; for none beside them, and once alone."""
    seen.clear()
    counts = counter.marginals(CODEC, cliques)
    held = sum(int(np.count_nonzero(table)) for clique, table in counts.items() if clique)
    assert all(columns <= 2 for _, columns in seen)
    assert sum(count for count, columns in seen if columns == 2) == held
    assert sum(count for count, columns in seen if columns != 2) == (() in cliques)
    seen.clear()
    counter.marginals(CODEC, cliques[1:])
    assert seen == []


CLIQUES = [(), *itertools.combinations(CODEC.domain.columns, 1), *itertools.combinations(CODEC.domain.columns, 2)]


def test_a_number_crosses_for_each_cell_that_was_asked_for(watched: tuple[WarehouseCounter, Shapes]) -> None:
    counter, seen = watched
    assert counter.total() <= UNIT.max_rows * PEOPLE
    assert seen == [(1, 1)]
    seen.clear()
    labels = counter.frequencies("city")
    assert seen == [(len(labels), 2)]
    assert len(labels) <= CITIES
    seen.clear()
    assert counter.histogram("size", np.arange(0, 1001, 5)).sum() == counter.total()
    assert seen[0][0] <= 200
    assert seen[0][1] == 2
    check_marginals(counter, seen, CLIQUES)


@pytest.mark.parametrize("plant", ["SELECT * FROM {rows}", "SELECT 0, 0 FROM {rows}", "SELECT c0, c1 FROM {rows}"])
def test_a_planted_query_for_rows_is_seen(
    plant: str, watched: tuple[WarehouseCounter, Shapes], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, seen = watched
    kept = counters._counts

    def curious(found: Any, cells: int) -> Any:
        counter._held[0].rows(plant.format(rows=counter._rows()))
        return kept(found, cells)

    monkeypatch.setattr(counters, "_counts", curious)
    with pytest.raises(AssertionError):
        check_marginals(counter, seen, CLIQUES)


def test_another_way_of_fetching_is_seen(watched: tuple[WarehouseCounter, Shapes]) -> None:
    counter, _ = watched
    for way in ("fetchmany", "df", "fetchnumpy", "to_arrow_table", "copy", "stream"):
        with pytest.raises(AssertionError, match="nobody watches"):
            getattr(counter._held[0].engine, way)
