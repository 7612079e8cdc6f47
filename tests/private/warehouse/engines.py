"""Tables in real engines for the tests: the same Arrow table as a table of DuckDB and of PostgreSQL."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.dialect import identifier

Put = Callable[[pa.Table], Warehouse]
_NUMBERS = itertools.count()
POSTGRES_TYPES = {
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.float32(): "real",
    pa.string(): "text",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def need_duckdb() -> None:
    """Skip the test where DuckDB is not installed."""
    if importlib.util.find_spec("duckdb") is None:
        pytest.skip("needs DuckDB; try: pip install duckdb")


def in_duckdb(table: pa.Table, folder: Path) -> Warehouse:
    """The table in a file of its own."""
    import duckdb

    path = folder / f"{next(_NUMBERS)}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("given", table)
        connection.execute('CREATE TABLE "their visits" AS SELECT * FROM given')
    return Warehouse(f"duckdb:///{path}", "their visits")


def in_postgres(table: pa.Table, url: str) -> Warehouse:
    """The table as one of the server's, under a new name."""
    import psycopg

    name = f"their visits {next(_NUMBERS)}"
    kinds = [
        f"numeric({field.type.precision},{field.type.scale})"
        if pa.types.is_decimal(field.type)
        else POSTGRES_TYPES[field.type]
        for field in table.schema
    ]
    columns = ", ".join(f"{identifier(field.name)} {kind}" for field, kind in zip(table.schema, kinds, strict=True))
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    places = ", ".join(["%s"] * len(kinds))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {identifier(name)} ({columns})")
        if rows:
            connection.cursor().executemany(f"INSERT INTO {identifier(name)} VALUES ({places})", rows)
    return Warehouse(url, name)
