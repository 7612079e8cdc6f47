"""SQL: CREATE TABLE statements of PostgreSQL, MySQL, SQLite and DuckDB, read by sqlglot and never run.

Types, NOT NULL, keys, references, enums, and CHECK conditions that every row fulfils: bounds and lists. Rows in a dump
are passed over.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dpsynth.errors import MissingExtraError, Problem, SchemaError
from dpsynth.schema.importers.found import Found, Table, moment_of
from dpsynth.schema.importers.types import is_uuid, kind_of_type

if TYPE_CHECKING:
    from sqlglot import exp

DIALECTS = ("postgres", "mysql", "sqlite", "duckdb")


def tables(text: str, dialect: str | None = None) -> dict[str, Table]:
    """The tables that a script creates, by name; dialect: one of DIALECTS, by default the first that reads it.

    Raises MissingExtraError without sqlglot, SchemaError when no dialect reads the script.
    """
    try:
        from sqlglot import exp
    except ImportError:
        raise MissingExtraError("reading SQL", "sql") from None
    statements = _parsed(text, DIALECTS if dialect is None else (dialect,))
    created = [each for each in statements if isinstance(each, exp.Create)]
    enums = {
        _name(each.this): [one.this for one in each.expression.expressions]
        for each in created
        if each.kind == "TYPE" and isinstance(each.expression, exp.DataType)
    }
    found = {_name(each.this): _columns(each.this, enums) for each in created if _is_table(each)}
    for alter in (each for each in statements if isinstance(each, exp.Alter)):
        before = found.get(_name(alter.this))
        if before is not None:
            for constraint in alter.find_all(exp.Constraint):
                found[_name(alter.this)] = before = _with_all(before, constraint.expressions)
    return {name: Table(tuple(columns.values())) for name, columns in found.items()}


def _parsed(text: str, dialects: Iterable[str]) -> list[Any]:
    """The statements, by the first dialect in which most of them create tables."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    read: list[list[Any]] = []
    line = None
    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.CRITICAL)  # errors and warnings quote the script, which may hold rows
    try:
        for dialect in dialects:
            try:
                read.append([each for each in sqlglot.parse(text, read=dialect) if each is not None])
            except SqlglotError as error:
                line = line or next((each.get("line") for each in getattr(error, "errors", [])), None)
    finally:
        log.setLevel(level)
    if read:
        return max(read, key=lambda statements: sum(map(_is_table, statements)))
    message = "must be SQL that creates tables; try a dump without rows, such as pg_dump --schema-only"
    raise SchemaError("the SQL cannot be read:", [Problem(message, line=line)])


def _is_table(statement: Any) -> bool:
    from sqlglot import exp

    return isinstance(statement, exp.Create) and statement.kind == "TABLE" and isinstance(statement.this, exp.Schema)


def _name(node: Any) -> str:
    """The name of a table, a type or a column, without what it lies in."""
    from sqlglot import exp

    return str(node.this.name if isinstance(node, exp.Schema) else node.name)


def _columns(schema: exp.Schema, enums: Mapping[str, list[str]]) -> dict[str, Found]:
    from sqlglot import exp

    found = {each.name: _column(each, enums) for each in schema.expressions if isinstance(each, exp.ColumnDef)}
    for each in schema.expressions:
        if isinstance(each, exp.ColumnDef):
            found = _with_all(found, (one.kind for one in each.constraints), column=each.name)
        else:
            found = _with_all(found, each.expressions if isinstance(each, exp.Constraint) else [each])
    return found


def _column(definition: exp.ColumnDef, enums: Mapping[str, list[str]]) -> Found:
    from sqlglot import exp

    kind = definition.kind
    if kind is None:  # SQLite has columns without a type
        return Found(definition.name)
    named = kind.args.get("kind")
    listed = enums.get(named.name) if isinstance(named, exp.Expression) else None
    if kind.this == exp.DataType.Type.ENUM:
        listed = [each.name for each in kind.expressions]
    type_name = kind.sql()
    of_type, decimals = kind_of_type(type_name)
    return Found(
        definition.name,
        "text" if listed else of_type,
        values=listed,
        decimals=decimals,
        unique=is_uuid(type_name) or "SERIAL" in type_name,
    )


def _with_all(columns: Mapping[str, Found], rules: Iterable[Any], column: str | None = None) -> dict[str, Found]:
    """With what constraints say; column: the one beside which they stand."""
    from sqlglot import exp

    found = dict(columns)

    def change(names: Iterable[str], **changes: Any) -> None:
        for name in names:
            if name in found:
                found[name] = dataclasses.replace(found[name], **changes)

    for rule in rules:
        own = [column] if column else [each.name for each in rule.expressions or getattr(rule.this, "expressions", [])]
        if isinstance(rule, exp.NotNullColumnConstraint):
            change(own, nullable=bool(rule.args.get("allow_null")))
        elif isinstance(rule, exp.PrimaryKeyColumnConstraint | exp.PrimaryKey):
            change(own, nullable=False)
            if len(own) == 1:
                change(own, unique=True)
        elif isinstance(rule, exp.UniqueColumnConstraint | exp.AutoIncrementColumnConstraint) and len(own) == 1:
            change(own, unique=True)
        elif isinstance(rule, exp.Reference | exp.ForeignKey):
            reference = rule if isinstance(rule, exp.Reference) else rule.args["reference"]
            if len(own) == 1 or column:
                change(own[:1], refers=_name(reference.this))
        elif isinstance(rule, exp.CheckColumnConstraint):
            for name, check in _checks(rule.this):
                if name in found:
                    found[name] = check(found[name])
    return found


def _checks(condition: Any) -> Iterator[tuple[str, Any]]:
    """Each part of a condition that says something about one column alone, as its name and the change it makes."""
    from sqlglot import exp

    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from _checks(condition.left)
        yield from _checks(condition.right)
        return
    subject = _bare(condition.this)
    if isinstance(condition, exp.Between):
        low, high = _value(condition.args["low"]), _value(condition.args["high"])
        yield subject.name, lambda found: found.bounded(low, high)
    elif isinstance(condition, exp.In) and isinstance(subject, exp.Column) and condition.expressions:
        values = [_value(each) for each in condition.expressions]
        yield subject.name, lambda found: dataclasses.replace(found, values=values)
    elif isinstance(condition, exp.EQ) and isinstance(condition.expression, exp.Any):  # as pg_dump writes IN
        array = condition.expression.find(exp.Array)
        listed = [] if array is None else [_value(each) for each in array.expressions]
        yield subject.name, lambda found: dataclasses.replace(found, values=listed or found.values)
    elif isinstance(condition, exp.GTE | exp.GT | exp.LTE | exp.LT):
        yield from _comparison(condition)


def _comparison(condition: Any) -> Iterator[tuple[str, Any]]:
    from sqlglot import exp

    left, right = _bare(condition.left), _bare(condition.right)
    above, strict = isinstance(condition, exp.GTE | exp.GT), isinstance(condition, exp.GT | exp.LT)
    if isinstance(right, exp.Column):
        left, right, above = right, left, not above
    bound = _value(right)
    if not isinstance(left, exp.Column) or bound is None:
        return

    def bounded(found: Found) -> Found:
        inside = _inside(found, bound, 1 if above else -1) if strict else bound
        return found.bounded(inside, None) if above else found.bounded(None, inside)

    yield left.name, bounded


def _inside(found: Found, bound: Any, sign: int) -> Any:
    """The next value inside an exclusive bound, of whole numbers and days; of others the bound itself."""
    if found.kind == "integer" and isinstance(bound, int):
        return bound + sign
    moment = moment_of(bound) if found.kind == "date" else None
    return bound if moment is None else (moment + dt.timedelta(days=sign)).date().isoformat()


def _bare(node: Any) -> Any:
    """A node without parentheses and casts around it."""
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _value(node: Any) -> Any:
    """The constant that a node is: a number, text, or true and false; None for anything else."""
    from sqlglot import exp

    node = _bare(node)
    if isinstance(node, exp.Neg):
        value = _value(node.this)
        return -value if isinstance(value, int | float) else None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    return node.to_py() if isinstance(node, exp.Literal) else None
