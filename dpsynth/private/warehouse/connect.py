"""Opening a warehouse: DuckDB's file for reading only, or a session on a PostgreSQL server.

What the database itself defines must not change what our statements say. A macro of DuckDB or a function of
PostgreSQL may bear the name of a built-in one, `count` or `sha256`; so DuckDB's file is attached beside an empty
database of ours, in which names are looked up, and on PostgreSQL names are looked up in its own catalogue alone. The
steward's table is named in full, so that no variable of Python and no file can stand in for it.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import suppress
from typing import Any

from dpsynth.errors import DataError, MissingExtraError, SettingError
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.connection import Connection
from dpsynth.private.warehouse.dialect import DUCKDB_SQL, POSTGRES_SQL, identifier
from dpsynth.private.warehouse.ticks_sql import Kind

DECIMAL_DIGITS = 15
DUCKDB_KINDS = {
    "BOOLEAN": Kind.BOOLEAN,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), Kind.WHOLE),
    "DOUBLE": Kind.REAL,
    "DECIMAL": Kind.REAL,
    "VARCHAR": Kind.TEXT,
    "ENUM": Kind.TEXT,
    "DATE": Kind.DATE,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.ZONED,
}
POSTGRES_KINDS = {
    "bool": Kind.BOOLEAN,
    **dict.fromkeys(("int2", "int4", "int8"), Kind.WHOLE),
    "float8": Kind.REAL,
    "numeric": Kind.REAL,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.ZONED,
}
WITH_DETAILS = ("VARCHAR", "ENUM", "varchar", "timestamp", "timestamptz")

ATTACHED = "warehouse"
DUCKDB_SETTINGS = (
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "TimeZone = 'UTC'",
    # Groups of so many bits are counted in an array and not in a hash table: twice as fast, and cleared in no time.
    "perfect_ht_threshold = 16",
)
POSTGRES_SETTINGS = ("search_path = pg_catalog, pg_temp", "TIME ZONE 'UTC'")
# Asked first, for a name that is no table's may be taken for a file's.
_FIND_IN_DUCKDB = (
    "SELECT table_schema, table_name FROM information_schema.tables "
    f"WHERE table_catalog = '{ATTACHED}' AND table_schema = ? AND table_name = ?"
)
_FIND_IN_POSTGRES = (
    "SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n "
    "ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(%s)"
)


def connect(warehouse: Warehouse) -> Connection:
    """Connect, and find the table. Raises MissingExtraError, SettingError, DataError."""
    return _duckdb(warehouse) if warehouse.path is not None else _postgres(warehouse)


def _duckdb(warehouse: Warehouse) -> Connection:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError("a table in DuckDB", "warehouse") from None
    path = warehouse.path
    if path is None or not path.is_file():
        raise DataError("the file of the warehouse must exist; got no such file; try duckdb:////an/absolute/path")
    folder = _private_folder()
    cleared = weakref.finalize(engine := duckdb.connect(config={"temp_directory": folder}), _removed, folder)
    quoted = str(path).replace("'", "''")
    schema, table = warehouse.parts if len(warehouse.parts) == 2 else ("main", warehouse.table)
    try:
        for setting in DUCKDB_SETTINGS:
            engine.execute(f"SET {setting}")
        engine.execute(f"ATTACH '{quoted}' AS {ATTACHED} (TYPE duckdb, READ_ONLY)")
        found = engine.execute(_FIND_IN_DUCKDB, [schema, table]).fetchone()
    except (duckdb.Error, UnicodeError) as error:
        fault = type(error).__name__
    else:
        named = "" if found is None else ".".join(map(identifier, (ATTACHED, *found)))
        faults = (duckdb.Error, UnicodeError)
        return _found(Connection(DUCKDB_SQL, named, engine, faults, _described_by_duckdb, cleared))
    engine.close()
    cleared()
    raise DataError(
        f"the file of the warehouse must be a DuckDB database that can be read; got {fault}; "
        "try closing other programs that write to it"
    )


def _private_folder() -> str:
    """A new folder for what does not fit memory, which nobody else may enter; like the file of a spool."""
    try:
        return tempfile.mkdtemp(prefix="dpsynth-")
    except OSError as error:
        fault = error.strerror or type(error).__name__
    raise SettingError(f"temporary files must find room; got: {fault}; try TMPDIR on a larger disk")


def _removed(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _postgres(warehouse: Warehouse) -> Connection:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("a table in PostgreSQL", "postgres") from None
    faults, fault, found = (psycopg.Error, UnicodeError), "", None
    try:
        made = psycopg.connect(warehouse.url, autocommit=True, client_encoding="UTF8", application_name="dpsynth")
    except (*faults, ValueError) as error:
        fault = type(error).__name__
    if fault:
        raise DataError(
            f"the warehouse must let us connect; got {fault}; try the address with psql, %40 for @ and %2F for / in a "
            "password, or PGPASSWORD"
        )
    if made.info.server_version < 140_000:
        made.close()
        raise SettingError("the warehouse must be PostgreSQL 14 or newer; got an older one, which rounds moments")
    try:
        found = made.execute(_FIND_IN_POSTGRES, [".".join(map(identifier, warehouse.parts))]).fetchone()
        for setting in POSTGRES_SETTINGS:
            made.execute(f"SET {setting}")
    except faults as error:
        fault = type(error).__name__
    named = "" if fault or found is None else ".".join(map(identifier, found))
    connection = Connection(POSTGRES_SQL, named, made.cursor(), faults, _described_by_postgres, made.close)
    return _found(connection)


def _found(connection: Connection) -> Connection:
    """The connection, once it is sure that there is such a table."""
    kinds: dict[str, Kind] = {}
    with suppress(DataError):
        kinds = connection.kinds() if connection.table else {}
    if kinds:
        return connection
    connection.close()
    raise DataError(
        f"the table must be one of the warehouse ({connection.dialect.name}) that you may read; got no such table; "
        "try its exact name, with its schema where it is not the usual one: URL?table=schema.name"
    )


def _described_by_duckdb(connection: Connection) -> dict[str, Kind]:
    described = connection.rows(f"DESCRIBE SELECT * FROM {connection.table}")
    return {name: _kind(DUCKDB_KINDS, str(kind)) for name, kind, *_ in described}


def _described_by_postgres(connection: Connection) -> dict[str, Kind]:
    connection.rows(f"SELECT * FROM {connection.table} LIMIT 0")
    columns: Any = connection.engine.description
    return {column.name: _kind(POSTGRES_KINDS, column.type_display) for column in columns}


def _kind(kinds: dict[str, Kind], shown: str) -> Kind:
    """The kind of a type as it is shown, such as DECIMAL(10,2); short decimals are cast as they are."""
    name, _, rest = shown.partition("(")
    if name.lower() in ("decimal", "numeric"):
        digits = rest.partition(",")[0].rstrip(")").strip()
        return Kind.REAL if digits.isdigit() and int(digits) <= DECIMAL_DIGITS else Kind.DECIMAL
    if rest and name not in WITH_DETAILS:
        return Kind.OTHER
    return kinds.get(name, Kind.OTHER)
