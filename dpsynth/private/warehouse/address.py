"""Where the rows are: a table of a database, and a URL whose password is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from dpsynth.errors import SettingError

DUCKDB, POSTGRES = "duckdb:///", ("postgresql://", "postgres://")
# Whatever begins so is meant to be a warehouse, and is refused as one where it is spelled otherwise.
ENGINES = ("duckdb:", "duckdb+", "postgresql:", "postgresql+", "postgres:", "postgres+")
_TABLE = "table="


@dataclass(frozen=True)
class Warehouse:
    """A table or view of a database that counts it: its rows stay there, and only counts come here.

    url: duckdb:///PATH (four slashes for an absolute path) or postgresql://USER@HOST:PORT/DATABASE; a password is
    better kept out of it, in PGPASSWORD or a .pgpass file. table: its name, or schema.table. Raises SettingError, which
    shows no part of the URL.

    >>> Warehouse("postgresql://steward:secret@db/clinic", "public.patients")
    Warehouse(table='public.patients')
    """

    url: str = field(repr=False)
    table: str

    def __post_init__(self) -> None:
        if not self.url.startswith((DUCKDB, *POSTGRES)):
            raise SettingError(
                "url must be duckdb:///PATH or postgresql://USER@HOST:PORT/DATABASE; got another kind of address "
                "(not shown: it may hold a password)"
            )
        if not all(self.parts) or "\0" in self.table:
            raise SettingError(
                "table must be a name, or schema.table; got none, or an empty part; try a view where a name has a dot"
            )
        if len(self.parts) > 2:
            raise SettingError(f"table must be a name, or schema.table; got {len(self.parts)} parts; try a view")

    @property
    def parts(self) -> tuple[str, ...]:
        """The schema, where one is named, and the table."""
        return tuple(self.table.split("."))

    @property
    def path(self) -> Path | None:
        """The file of a DuckDB database; None for a server."""
        return Path(unquote(self.url.removeprefix(DUCKDB))) if self.url.startswith(DUCKDB) else None

    @classmethod
    def of(cls, data: object) -> Warehouse | None:
        """The warehouse that `data` is, or names as URL?table=NAME; None for all other data."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, str) or not data.lower().startswith(ENGINES) or "://" not in data:
            return None
        base, _, query = data.partition("?")
        settings = [setting for setting in query.split("&") if setting]
        tables = [setting.removeprefix(_TABLE) for setting in settings if setting.startswith(_TABLE)]
        if len(tables) != 1:
            raise SettingError("the address of a warehouse must name one table; try URL?table=patients")
        others = "&".join(setting for setting in settings if not setting.startswith(_TABLE))  # as they are, for libpq
        return cls(f"{base}?{others}" if others else base, unquote(tables[0]))
