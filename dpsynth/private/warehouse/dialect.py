"""What engines spell differently in SQL, and the one way in which names and values get into a statement.

Why plain SQL, and neither SQLAlchemy nor ibis: equal integers hang on how a number is cast, divided and rounded, so
that every such expression is ours in any case, and what is left of a layer is the quoting of names. Engines differ
here in a few expressions. ibis 12 would bring sqlglot and four more packages and rewrites casts on its way; SQLAlchemy
needs another package for DuckDB, whose releases trail the engine's. A new engine is one more Dialect, a connection,
and the conformance battery that shows its integers to be equal.

Names are quoted identifiers. Functions are the engine's own, whatever the database defines under their names: see
`connect`. Text is never written as a string: it goes in as the hexadecimal digits of its UTF-8
bytes, and bytes are compared, so that neither a hostile label nor a collation can change what a statement says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dpsynth.errors import SettingError


@dataclass(frozen=True)
class Dialect:
    """name: of the engine. temporary: the schema of a session's own tables. Each function: SQL in, SQL out.

    home_cells: up to so many cells, cliques are counted together and summed down; the fastest of those measured.

    utf8: text to its bytes. literal: hexadecimal digits to bytes. sha256: bytes to a digest that
    sorts. nearest: a decimal of any length to the nearest float64, infinite beyond 1e300, NaN as it is. utc: a moment
    with a time zone as a timestamp. microseconds: a timestamp as microseconds since 1970. quotient: of whole numbers
    that are not negative. place: where a bound value of this name goes. located: from a cell and a name, the expression
    for the number that belongs to the last of the ascending starts that is not above the cell, and what has to be
    joined; the starts and the numbers are the bound values NAME_starts and NAME_numbers.
    """

    name: str
    temporary: str
    bytes_type: str
    home_cells: int
    utf8: Callable[[str], str]
    literal: Callable[[str], str]
    sha256: Callable[[str], str]
    nearest: Callable[[str], str]
    utc: Callable[[str], str]
    microseconds: Callable[[str], str]
    quotient: Callable[[str, int], str]
    place: Callable[[str], str]
    located: Callable[[str, str], tuple[str, str]]

    def own(self, table: str) -> str:
        """The name of a table of this session."""
        return f"{self.temporary}.{identifier(table)}"


def _starts(name: str) -> str:
    of = [f"unnest(CAST(${name}_{part} AS BIGINT[]))" for part in ("starts", "numbers")]
    return f"(SELECT {of[0]} AS value, {of[1]} AS number)"


def _numbers(name: str, part: str) -> str:
    return f"(CAST(%({name}_{part})s AS bigint[]))"


DUCKDB_SQL = Dialect(
    name="DuckDB",
    temporary="temp",
    bytes_type="BLOB",
    home_cells=4_096,
    utf8=lambda text: f"encode(CAST({text} AS VARCHAR))",
    literal=lambda digits: f"from_hex('{digits}')",
    sha256=lambda value: f"sha256({value})",
    nearest=lambda number: f"CAST(CAST({number} AS VARCHAR) AS DOUBLE)",  # as text is read; a cast would round twice
    utc=lambda moment: f"CAST({moment} AS TIMESTAMP)",  # in the session's time zone, which we set to UTC
    microseconds=lambda moment: f"epoch_us({moment})",
    quotient=lambda number, divisor: f"(({number}) // {divisor})",
    place=lambda name: f"${name}",
    located=lambda cell, name: (f"{name}.number", f"ASOF JOIN {_starts(name)} AS {name} ON {cell} >= {name}.value"),
)

POSTGRES_SQL = Dialect(
    name="PostgreSQL",
    temporary="pg_temp",
    bytes_type="bytea",
    home_cells=16_384,
    utf8=lambda text: f"convert_to(CAST({text} AS text), 'UTF8')",
    literal=lambda digits: f"decode('{digits}', 'hex')",
    sha256=lambda value: f"sha256({value})",
    nearest=lambda number: (
        f"CASE WHEN {number} = 'NaN' THEN {real(float('nan'))} WHEN {number} > 1e300 THEN {real(float('inf'))} "
        f"WHEN {number} < -1e300 THEN {real(-float('inf'))} WHEN abs({number}) < 1e-300 THEN {real(0)} "
        f"ELSE CAST({number} AS DOUBLE PRECISION) END"
    ),
    utc=lambda moment: f"({moment} AT TIME ZONE 'UTC')",
    # Exact: since version 14 the answer is a decimal number, not a float.
    microseconds=lambda moment: f"CAST(EXTRACT(EPOCH FROM {moment}) * 1000000 AS BIGINT)",
    quotient=lambda number, divisor: f"(({number}) / {divisor})",
    place=lambda name: f"%({name})s",
    located=lambda cell, name: (
        f"{_numbers(name, 'numbers')}[width_bucket(CAST({cell} AS bigint), {_numbers(name, 'starts')})]",
        "",
    ),
)


def identifier(name: str) -> str:
    """A quoted name, whatever it holds; SettingError for a NUL, which no engine takes.

    >>> identifier('a"; DROP TABLE b; --')
    '"a""; DROP TABLE b; --"'
    """
    if "\0" in name or name != name.encode("utf-8", "replace").decode("utf-8"):
        raise SettingError("a name must be Unicode without NUL to be one in a warehouse; got another; try a view")
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def text_bytes(dialect: Dialect, text: str) -> str:
    """The bytes of a text, written in a statement."""
    return dialect.literal(text.encode("utf-8").hex())


def whole_type(largest: int) -> str:
    """The narrowest type, of those that every engine has, for whole numbers from -`largest` to `largest`."""
    return "SMALLINT" if largest < 2**15 else "INTEGER" if largest < 2**31 else "BIGINT"


def real(number: float) -> str:
    """A float64, written such that the engine reads the same one."""
    return f"CAST('{float(number)!r}' AS DOUBLE PRECISION)"


def case(branches: Sequence[tuple[str, str | int]], otherwise: str | int) -> str:
    """The value of the first branch whose condition holds."""
    if not branches:
        return str(otherwise)
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in branches)} ELSE {otherwise} END"


def lookup(pairs: Sequence[tuple[str, int]], name: str) -> str:
    """A table of values and numbers, to be joined: columns `value` and `number`."""
    return f"(VALUES {', '.join(f'({value}, {number})' for value, number in pairs)}) AS {name}(value, number)"
