"""The ledger in one SQLite file, on a local disk: for one machine and any number of processes."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpsynth.errors import LedgerError
from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import FIELDS, INTEGERS, Entry
from dpsynth.ledger.local_disk import require_local
from dpsynth.ledger.store import Build, catch_up

APPLICATION_ID = 0x64704C31  # marks the file as a ledger of this layout
BUSY_SECONDS = 60.0

_COLUMNS = ", ".join(
    f"{name} INTEGER PRIMARY KEY CHECK (seq > 0)" if name == "seq"
    else f"{name} INTEGER NOT NULL CHECK (typeof({name}) = 'integer' AND {name} >= 0)" if name in INTEGERS
    else f"{name} TEXT NOT NULL CHECK (typeof({name}) = 'text')"
    for name in FIELDS
)  # fmt: skip

# The guards stop mistakes, not an owner of the file; for that there is the chain of hashes. The guard of inserts
# also stops INSERT OR REPLACE, which would remove a row without a DELETE.
_SCHEMA = {
    "entries": f"CREATE TABLE entries ({_COLUMNS}, UNIQUE (hash))",
    "one_reservation": "CREATE UNIQUE INDEX one_reservation ON entries (request_id) WHERE kind = 'RESERVE'",
    "no_update": "CREATE TRIGGER no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "no_delete": "CREATE TRIGGER no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "only_next": "CREATE TRIGGER only_next BEFORE INSERT ON entries"
    " WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries) BEGIN SELECT RAISE(ABORT, 'append-only'); END",
}
_SELECT = f"SELECT {', '.join(FIELDS)} FROM entries WHERE seq > ? ORDER BY seq"  # noqa: S608 (our own names)
_INSERT = f"INSERT INTO entries ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"  # noqa: S608


class SqliteStore:
    """Entries in one SQLite file with a write-ahead log; every append is on the disk before it returns.

    Safe for several processes, and across a fork. Refuses network file systems where the system tells.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._book = Book()
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._inherited: list[sqlite3.Connection] = []
        self._open: sqlite3.Connection | None = _connect(path)

    @classmethod
    def create(cls, path: Path) -> SqliteStore:
        """A new, empty store, readable by its owner alone. Raises LedgerError when the file exists."""
        require_local(path)
        with _in_words(path):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with _in_words(path):
                connection = _connect(path)
                try:
                    connection.execute("PRAGMA journal_mode = WAL").fetchone()
                    connection.execute("BEGIN IMMEDIATE")
                    for statement in _SCHEMA.values():
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    connection.execute("COMMIT")
                finally:
                    connection.close()
                _flush_folder(path)
            return cls(path)
        except BaseException:
            remove(path)
            raise

    @classmethod
    def open(cls, path: Path) -> SqliteStore:
        """The store in an existing file. Raises LedgerError when there is none, or the file is no ledger."""
        if not path.is_file():
            raise LedgerError(f"ledger ({path}) must exist; got no such file; try `dpsynth ledger init`")
        require_local(path)
        with _in_words(path):
            store = cls(path)
            try:
                mark = store._connection().execute("PRAGMA application_id").fetchone()[0]
            except BaseException:
                store.close()
                raise
        if mark != APPLICATION_ID:
            store.close()
            raise LedgerError(f"ledger ({path}) must be a ledger of dpsynth; got another database; try another file")
        return store

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries with seq > after, by rising seq, as they are written."""
        with self._lock, _in_words(self.path):
            rows = self._connection().execute(_SELECT, (after,)).fetchall()
        return map(Entry.from_row, rows)

    def book(self) -> Book:
        """The book of all committed entries; only entries that are new since the last call are read."""
        with self._lock:
            self._catch_up()
            return self._book

    def append(self, build: Build) -> tuple[Entry, ...]:
        """Write what `build` makes of the book, all or nothing, and durably."""
        with self._lock, _in_words(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._catch_up()
                entries = tuple(build(self._book))
                connection.executemany(_INSERT, [entry.row() for entry in entries])
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            for entry in entries:
                self._book.follow(entry)
        return entries

    def faults(self) -> tuple[str, ...]:
        """Damaged pages, and tables or append-only guards that are not as they were made."""
        found: list[str] = []
        with self._lock, _in_words(self.path):
            connection = self._connection()
            pages = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
            query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            schema = dict(connection.execute(query).fetchall())
        if pages != ["ok"]:
            found.append(f"the database file is damaged: {len(pages)} broken places or more")
        for name, statement in _SCHEMA.items():
            if schema.pop(name, None) != statement:
                found.append(f"the database's {name!r}, which keeps it append-only, is missing or was changed")
        if schema:
            found.append(f"the database holds {len(schema)} tables or triggers that no ledger has")
        if os.name == "posix" and self.path.stat().st_mode & 0o002:
            found.append("the database file may be written by everybody")
        return tuple(found)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._open is not None and self._process == os.getpid():
                self._open.close()
            self._open = None

    def _catch_up(self) -> None:
        catch_up(self._book, self.entries(after=max(self._book.seq - 1, 0)))

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise LedgerError(f"ledger ({self.path}) must be open; got a closed one; try open_ledger")
        if self._process != os.getpid():
            # A connection must not be used, nor closed, on the other side of a fork.
            self._inherited.append(self._open)
            self._open, self._process = _connect(self.path), os.getpid()
        return self._open


def remove(path: Path) -> None:
    """Delete a store that was never used, with the files beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # FULL, not NORMAL: with NORMAL a power failure may take back a charge that was already answered.
    try:
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _flush_folder(path: Path) -> None:
    if sys.platform != "win32":
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


_DAMAGED = "the file is damaged; try a copy from before, and verify it with certificates"
_WORDS = {
    sqlite3.SQLITE_BUSY: f"another program has kept it for {BUSY_SECONDS:g} s; try again",
    sqlite3.SQLITE_LOCKED: "it is locked by this program; try again",
    sqlite3.SQLITE_READONLY: "it may not be written; try an account that may write the file and its folder",
    sqlite3.SQLITE_FULL: "the disk is full, and nothing was recorded; try again when there is room",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; try an account that may write the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk failed; try `dpsynth ledger verify`, then a copy from before",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: "the file is damaged or no ledger; try another file",
    sqlite3.SQLITE_CONSTRAINT: "the entry breaks a rule of the database: entries are only ever added, one by one",
}


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Every failure of the database as a LedgerError in words."""
    try:
        yield
    except FileExistsError:
        raise LedgerError(f"ledger ({path}) must not exist yet; got a file there; try another name") from None
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        words = _WORDS.get(code, f"{getattr(error, 'sqlite_errorname', type(error).__name__)}")
        raise LedgerError(f"ledger ({path}) must be a database that works; got: {words}") from None
    except UnicodeDecodeError:
        raise LedgerError(f"ledger ({path}) must be a database that works; got: {_DAMAGED}") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise LedgerError(f"ledger ({path}) must be a file that works; got: {reason}; try another place") from None
