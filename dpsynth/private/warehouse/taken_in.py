"""Taking a table in without taking it out: ticks, rules and bounded units, all inside the engine.

One statement reads the steward's table and writes the marked ticks of all its rows to a temporary table, so that
everything after it, rules and counts alike, sees one snapshot, whoever writes to the table meanwhile. Temporary tables
belong to this connection, are seen by no other, and are dropped by the engine when it closes: DuckDB holds them in
its memory and spills to a private folder, and the database file is open for reading only; PostgreSQL keeps them in
its data folder (or temp_tablespaces). So the engine needs room for the ticks, at most 8 bytes for each row and
column, twice while they are written.

Bounding. Every row gets a number, and the key SHA-256(secret, number), the secret being 256 bits from our source of
entropy, drawn for this table. A unit keeps the rows with the smallest keys. To whoever does not know the secret, keys
are independent and uniform unless SHA-256 can be told from a random function, so that each unit keeps a uniformly
random subset, independent of all other units, whatever the numbering: the law of `dpsynth.private.bounding`. The
secret goes in as a bound value and is dropped with its table; the owner of the engine, who has the rows, could see it.

Units are equal when their whole numbers, dates or the bytes of their texts are, as in `dpsynth.private.units`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpsynth.errors import DataError, Problem
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.cells import NULL
from dpsynth.private.ticks import MARKS
from dpsynth.private.units import NO_UNIT
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.connect import connect
from dpsynth.private.warehouse.connection import Connection
from dpsynth.private.warehouse.dialect import Dialect, case, identifier, text_bytes, whole_type
from dpsynth.private.warehouse.ticks_sql import Kind, Marked, broken, marked, settled
from dpsynth.schema.columns import Column, Identifier, OpenCategorical, close_to
from dpsynth.schema.schema import Schema

MARKED, BOUNDED, SECRET = "dpsynth_marked", "dpsynth_rows", "dpsynth_secret"
SECRET_WORDS = 4


@dataclass(frozen=True)
class TickNames:
    """The columns of the temporary table, c0, c1, ...: hostile names of the steward's table go no further."""

    columns: tuple[Column, ...]

    def __getitem__(self, column: str) -> str:
        return f"c{[one.name for one in self.columns].index(column)}"


def take_in(connection: Connection, schema: Schema, unit: PrivacyUnit, entropy: EntropySource) -> TickNames:
    """Write the bounded rows as ticks to the temporary table BOUNDED.

    Raises DataError with every broken rule, as ingest does, and with every column of a type that is not supported.

    Privacy: a row map, then at most `unit.max_rows` rows of each unit, see above. Of the rows nothing arrives here but
    whether each rule is broken.
    """
    columns = counted(schema)
    if problems := write_marks(connection, schema, unit.column):
        raise DataError("the data does not fit its schema:", problems)
    own = connection.dialect.own
    ticks = [
        f"CAST({settled(column, f'c{place}')} AS {tick_type(connection.dialect, column)}) AS c{place}"
        for place, column in enumerate(columns)
    ]
    kept = f"SELECT {', '.join(ticks) or 'number'} FROM "
    if unit.column is None:
        connection.run(f"CREATE TEMPORARY TABLE {BOUNDED} AS {kept} {own(MARKED)}")
    else:
        _bound(connection, kept, unit.max_rows, entropy)
    connection.run(f"DROP TABLE {own(MARKED)}")
    return TickNames(columns)


def broken_rules(warehouse: Warehouse, schema: Schema, unit: str | None) -> tuple[Problem, ...]:
    """Every rule of the schema that a table breaks, and every column of an unsupported type; for the steward's eyes.

    unit: the column that says whose row it is, or None. Raises as `connect` does.
    """
    connection = connect(warehouse)
    try:
        return tuple(write_marks(connection, schema, unit))
    finally:
        connection.close()


def counted(schema: Schema) -> tuple[Column, ...]:
    """The columns that are counted: all but identifiers."""
    return tuple(column for column in schema.columns if not isinstance(column, Identifier))


def write_marks(connection: Connection, schema: Schema, unit: str | None) -> list[Problem]:
    """Write the marked ticks of all rows, and whose rows they are, to the temporary table MARKED.

    Every rule of the schema that the table breaks; where a column is absent or of an unsupported type, nothing is read.
    """
    columns, kinds, dialect = counted(schema), connection.kinds(), connection.dialect
    expressions, problems = _expressions(dialect, columns, kinds, frozenset(schema.missing_values))
    chosen = [
        f"CAST({each.expression} AS {tick_type(dialect, column)}) AS c{place}"
        for place, (column, each) in enumerate(zip(columns, expressions, strict=False))
    ]
    if unit is None:
        chosen += ["0 AS number"]
    else:
        owner = _unit(unit, kinds, schema, dialect)
        if isinstance(owner, Problem):
            return [*problems, owner]
        chosen += ["row_number() OVER () AS number", f"{owner} AS owner"]
    if problems:
        return problems
    joins = " ".join(each.join for each in expressions if each.join)
    connection.run(
        f"CREATE TEMPORARY TABLE {MARKED} AS SELECT {', '.join(chosen)} FROM {connection.table} AS cells {joins}"
    )
    return _broken(connection, columns, unit)


def tick_type(dialect: Dialect, column: Column) -> str:
    """The type of a column's ticks and marks; of an open column's labels."""
    if isinstance(column, Identifier | OpenCategorical):
        return dialect.bytes_type
    return whole_type(column.ticks)


def _bound(connection: Connection, kept: str, max_rows: int, entropy: EntropySource) -> None:
    dialect = connection.dialect
    secret, rows = dialect.own(SECRET), dialect.own(MARKED)
    connection.run(f"CREATE TEMPORARY TABLE {SECRET} (word {dialect.bytes_type})")
    connection.run(
        f"INSERT INTO {secret} VALUES ({dialect.place('word')})", {"word": entropy.words(SECRET_WORDS).tobytes()}
    )
    key = dialect.sha256(f"(SELECT word FROM {secret}) || {dialect.utf8('number')}")
    ranked = f"SELECT *, row_number() OVER (PARTITION BY owner ORDER BY {key}) AS place FROM {rows}"
    connection.run(f"CREATE TEMPORARY TABLE {BOUNDED} AS {kept} ({ranked}) AS ranked WHERE place <= {int(max_rows)}")
    connection.run(f"DROP TABLE {secret}")


def _expressions(
    dialect: Dialect, columns: tuple[Column, ...], kinds: dict[str, Kind], missing: frozenset[str]
) -> tuple[list[Marked], list[Problem]]:
    found, problems = [], []
    for place, column in enumerate(columns):
        if column.name not in kinds:
            problems.append(_absent(column.name, kinds))
            continue
        made = marked(column, f"cells.{identifier(column.name)}", kinds[column.name], missing, dialect, place)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            found.append(made)
    return found, problems


def _absent(name: str, kinds: dict[str, Kind]) -> Problem:
    return Problem(f"must be in the data{close_to(name, list(kinds))}", column=name, rule="present")


def _unit(name: str, kinds: dict[str, Kind], schema: Schema, dialect: Dialect) -> str | Problem:
    """The expression for whose row it is, NULL where a row names nobody."""
    if name not in kinds:
        return _absent(name, kinds)
    cell = f"cells.{identifier(name)}"
    if kinds[name] in (Kind.WHOLE, Kind.DATE):
        return cell
    if kinds[name] is not Kind.TEXT:
        advice = (
            "must hold whole numbers, dates or text in a warehouse to name units; try a view with CAST(... AS VARCHAR)"
        )
        return Problem(advice, column=name, rule="unit")
    texts = ", ".join(text_bytes(dialect, text) for text in sorted({"", *schema.missing_values}))
    return case([(f"{dialect.utf8(cell)} IN ({texts})", "NULL")], dialect.utf8(cell))


def _broken(connection: Connection, columns: tuple[Column, ...], unit: str | None) -> list[Problem]:
    """Every broken rule, from one row of answers: whether any row has each mark of each column."""
    marks = [
        (place, mark)
        for place, column in enumerate(columns)
        for mark in ([NULL] if isinstance(column, OpenCategorical) else range(-MARKS, 0))
    ]
    asked = [
        f"c{place} IS NULL" if isinstance(columns[place], OpenCategorical) else f"c{place} = {mark}"
        for place, mark in marks
    ]
    asked += ["owner IS NULL"] if unit is not None else []
    if not asked:
        return []
    counts = ", ".join(f"COALESCE(MAX(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)" for condition in asked)
    answer = connection.rows(f"SELECT {counts} FROM {connection.dialect.own(MARKED)}")[0]
    problems = []
    for place, column in enumerate(columns):
        found = [mark for (own, mark), count in zip(marks, answer, strict=False) if own == place and count]
        problems += broken(column, found) if found else []
    if unit is not None and answer[-1]:
        problems.append(Problem(NO_UNIT, column=unit, rule="unit"))
    return problems
