"""What engines spell differently in SQL, and the one way in which names and values get into a statement.

Why plain SQL, and neither SQLAlchemy nor ibis: equal integers hang on how a number is cast, divided and rounded, so
that every such expression is ours in any case, and what is left of a layer is the quoting of names. Engines differ
here in five expressions. ibis 12 would bring sqlglot and four more packages and rewrites casts on its way; SQLAlchemy
needs another package for DuckDB, whose releases trail the engine's. A new engine is one more Dialect, a connection,
and the conformance battery that shows its integers to be equal.

Names are quoted identifiers. Text is never written as a string: it goes in as the hexadecimal digits of its UTF-8
bytes, and bytes are compared, so that neither a hostile label nor a collation can change what a statement says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dpsynth.errors import SettingError


@dataclass(frozen=True)
class Dialect:
    """name: of the engine. temporary: the schema of a session's own tables. Each function: SQL in, SQL out.

    utf8: text to its bytes. text: bytes to text. literal: hexadecimal digits to bytes. sha256: bytes to a digest that
    sorts. microseconds: a timestamp as microseconds since 1970. quotient: of whole numbers that are not negative.
    """

    name: str
    temporary: str
    bytes_type: str
    utf8: Callable[[str], str]
    literal: Callable[[str], str]
    sha256: Callable[[str], str]
    microseconds: Callable[[str], str]
    quotient: Callable[[str, int], str]

    def own(self, table: str) -> str:
        """The name of a table of this session."""
        return f"{self.temporary}.{identifier(table)}"


DUCKDB_SQL = Dialect(
    name="DuckDB",
    temporary="temp",
    bytes_type="BLOB",
    utf8=lambda text: f"encode(CAST({text} AS VARCHAR))",
    literal=lambda digits: f"from_hex('{digits}')",
    sha256=lambda value: f"sha256({value})",
    microseconds=lambda moment: f"epoch_us({moment})",
    quotient=lambda number, divisor: f"(({number}) // {divisor})",
)

POSTGRES_SQL = Dialect(
    name="PostgreSQL",
    temporary="pg_temp",
    bytes_type="bytea",
    utf8=lambda text: f"convert_to(CAST({text} AS text), 'UTF8')",
    literal=lambda digits: f"decode('{digits}', 'hex')",
    sha256=lambda value: f"sha256({value})",
    # Exact: since version 14 the answer is a decimal number, not a float.
    microseconds=lambda moment: f"CAST(EXTRACT(EPOCH FROM {moment}) * 1000000 AS BIGINT)",
    quotient=lambda number, divisor: f"(({number}) / {divisor})",
)


def identifier(name: str) -> str:
    """A quoted name, whatever it holds; SettingError for a NUL, which no engine takes.

    >>> identifier('a"; DROP TABLE b; --')
    '"a""; DROP TABLE b; --"'
    """
    if "\0" in name:
        raise SettingError("a name must hold no NUL character to be a column of a warehouse")
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def text_bytes(dialect: Dialect, text: str) -> str:
    """The bytes of a text, written in a statement."""
    return dialect.literal(text.encode("utf-8").hex())


def real(number: float) -> str:
    """A finite float64, written such that the engine reads the same one."""
    return f"CAST('{float(number)!r}' AS DOUBLE PRECISION)"


def case(branches: Sequence[tuple[str, str | int]], otherwise: str | int) -> str:
    """The value of the first branch whose condition holds."""
    if not branches:
        return str(otherwise)
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in branches)} ELSE {otherwise} END"


def lookup(pairs: Sequence[tuple[str, int]], name: str) -> str:
    """A table of values and numbers, to be joined: columns `value` and `number`."""
    return f"(VALUES {', '.join(f'({value}, {number})' for value, number in pairs)}) AS {name}(value, number)"
