"""From an address to a store: a path, sqlite:///PATH, or postgresql://..."""

from __future__ import annotations

from pathlib import Path

from dpsynth.errors import LedgerError
from dpsynth.ledger.sqlite import SqliteStore
from dpsynth.ledger.store import Store

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def open_store(address: str | Path, *, create: bool = False) -> Store:
    """The store at `address`; `create` makes a new one and refuses where one is.

    address: a path, sqlite:///relative.db, sqlite:////absolute.db, or postgresql://user@host/database. Raises
    LedgerError, which never shows a password.
    """
    text = str(address)
    if text.startswith(_POSTGRES):
        from dpsynth.ledger.postgres import PostgresStore

        return PostgresStore.create(text) if create else PostgresStore.open(text)
    if text.startswith(_SQLITE):
        path = Path(text.removeprefix(_SQLITE))
    elif "://" in text:
        raise LedgerError("ledger must be a path, sqlite:///PATH or postgresql://...; got another kind of address")
    else:
        path = Path(text)
    if not path.name:
        raise LedgerError("ledger must name a file; got none; try 'ledger.db'")
    return SqliteStore.create(path) if create else SqliteStore.open(path)
