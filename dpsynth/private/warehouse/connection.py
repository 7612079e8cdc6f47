"""Connections to engines: statements go out, counts come back, and no error quotes a cell or a password.

Every row that arrives is counted, so that a test can see that nothing but counts crosses.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dpsynth.errors import DataError, MissingExtraError, SettingError
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.dialect import DUCKDB_SQL, POSTGRES_SQL, Dialect, identifier
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
}


@dataclass
class Connection:
    """An open connection to an engine; may be used by one thread at a time, and waits its turn.

    arrived: the shape, (rows, columns), of every answer so far. Raises DataError, without the engine's words, which
    may quote cells, when a statement fails.
    """

    dialect: Dialect
    engine: Any = field(repr=False)
    faults: type[Exception] = field(repr=False)
    arrived: list[tuple[int, int]] = field(default_factory=list, repr=False)
    turn: Any = field(default_factory=threading.RLock, repr=False)

    def run(self, statement: str, values: Sequence[object] = ()) -> None:
        """A statement without an answer."""
        self._asked(statement, values, answers=False)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        return self._asked(statement, values, answers=True)

    def kinds(self, warehouse: Warehouse) -> dict[str, Kind]:
        """What the columns of the table hold; DataError when there is no such table."""
        named = source(warehouse)
        if self.dialect is DUCKDB_SQL:
            described = [(name, str(kind)) for name, kind, *_ in self.rows(f"DESCRIBE SELECT * FROM {named}")]
            return {name: _kind(DUCKDB_KINDS, kind.upper()) for name, kind in described}
        with self.turn:
            self.rows(f"SELECT * FROM {named} LIMIT 0")
            columns = self.engine.description
        return {column.name: _kind(POSTGRES_KINDS, column.type_display) for column in columns}

    def close(self) -> None:
        """Close it, and with it go the tables of the session; closing twice is harmless."""
        with self.turn:
            self.engine.close()
            if self.dialect is POSTGRES_SQL:
                self.engine.connection.close()

    def _asked(self, statement: str, values: Sequence[object], answers: bool) -> list[tuple[Any, ...]]:
        with self.turn:
            try:
                done = self.engine.execute(statement, list(values)) if values else self.engine.execute(statement)
                rows = done.fetchall() if answers else []
            except self.faults as error:
                fault = getattr(error, "sqlstate", None) or type(error).__name__
            else:
                self.arrived.append((len(rows), len(rows[0]) if rows else 0))
                return list(rows)
        # The engine's words may quote cells. Out here the error is over, and not even the context of ours holds it.
        raise DataError(
            f"the warehouse ({self.dialect.name}) must answer; got its error {fault}; try the table's name and types, "
            "the right to read it and to make temporary tables, and whether there is room for them"
        )


def source(warehouse: Warehouse) -> str:
    """The table's quoted name."""
    return ".".join(map(identifier, warehouse.parts))


def connect(warehouse: Warehouse) -> Connection:
    """Connect; the database file is opened for reading only. Raises MissingExtraError, SettingError, DataError."""
    return _duckdb(warehouse) if warehouse.path is not None else _postgres(warehouse)


def _duckdb(warehouse: Warehouse) -> Connection:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError("a table in DuckDB", "warehouse") from None
    path = warehouse.path
    if path is None or not path.is_file():
        raise DataError("the file of the warehouse must exist; got no such file; try duckdb:////an/absolute/path")
    try:
        return Connection(DUCKDB_SQL, duckdb.connect(str(path), read_only=True), duckdb.Error)
    except duckdb.Error as error:
        fault = type(error).__name__
    raise DataError(
        f"the file of the warehouse must be a DuckDB database that can be read; got {fault}; "
        "try closing other programs that write to it"
    )


def _postgres(warehouse: Warehouse) -> Connection:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("a table in PostgreSQL", "postgres") from None
    fault = ""
    try:
        made = psycopg.connect(warehouse.url, autocommit=True, client_encoding="UTF8", application_name="dpsynth")
    except (psycopg.Error, UnicodeError) as error:
        fault = type(error).__name__
    if fault:
        raise DataError(
            f"the warehouse must let us connect; got {fault}; try the address with psql, %40 for @ and %2F for / in a "
            "password, or PGPASSWORD"
        )
    if made.info.server_version < 140_000:
        made.close()
        raise SettingError("the warehouse must be PostgreSQL 14 or newer; got an older one, which rounds moments")
    return Connection(POSTGRES_SQL, made.cursor(), psycopg.Error)


def _kind(kinds: dict[str, Kind], shown: str) -> Kind:
    """The kind of a type as it is shown, such as DECIMAL(10,2); decimals of too many digits are of no kind."""
    name, _, rest = shown.partition("(")
    if name.lower() in ("decimal", "numeric"):
        digits = rest.partition(",")[0].rstrip(")").strip()
        return Kind.REAL if digits.isdigit() and int(digits) <= DECIMAL_DIGITS else Kind.OTHER
    if rest and name not in ("varchar", "VARCHAR", "ENUM", "timestamp"):
        return Kind.OTHER
    return kinds.get(name, Kind.OTHER)
