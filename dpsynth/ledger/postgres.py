"""Entries in a PostgreSQL database: one ledger for machines and teams that share no disk.

Why two writers never decide on the same state: entry `seq` is a primary key and the entries of a ledger are
numbered without gaps, so whoever read up to entry n can only write entry n + 1, and only once. A transaction-level
advisory lock lets writers queue instead of clashing; it needs no right but to connect, so that a writer may have
SELECT and INSERT and nothing more. The lock buys speed and fairness, the key buys safety.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from dpsynth.errors import LedgerError, MissingExtraError
from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import Entry, checked_text
from dpsynth.ledger.postgres_schema import MIGRATIONS, WRITER_ROLE, guard_faults, migrate, migrations_applied
from dpsynth.ledger.store import Build, catch_up

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

T = TypeVar("T")

_READ = """
SELECT seq, kind, scope, request_id, plan_hash, mu_squared_units, delta_units, "time", actor, reason, version,
       details, previous, hash, signature
FROM dpsynth.entries WHERE ledger = %s AND seq > %s ORDER BY seq LIMIT 5000
"""
_WRITE = """
INSERT INTO dpsynth.entries (ledger, seq, kind, scope, request_id, plan_hash, mu_squared_units, delta_units, "time",
                             actor, reason, version, details, previous, hash, signature)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# A client that froze must lose the lock before others give up waiting, and a commit must be on the disk whatever
# the server's habit is.
_SETTINGS = """
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '60s';
SET LOCAL idle_in_transaction_session_timeout = '20s';
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
_CONNECTION = {
    "connect_timeout": "10",
    "client_encoding": "UTF8",
    "application_name": "dpsynth ledger",
    "keepalives_idle": "30",
    "tcp_user_timeout": "60000",
}
_ATTEMPTS = 9
_PLAIN_NAME = re.compile(r"[\w.:\[\]-]*", re.ASCII)

# Our own words for a failed connection: the library's text may quote parts of a mistyped URL, password included.
_CONNECTION_FAILURES = (
    ("no password supplied", "no password", "PGPASSWORD or a .pgpass file"),
    ("authentication failed", "a refusal of the user or password", "the right user and password"),
    ("connection refused", "no server that listens there", "another host or port, or start the server"),
    ("timeout", "no answer in time", "another host, or look at the firewall"),
    ("translate host name", "no such host", "another host"),
    ("does not exist", "no such database or user", "createdb, or another name"),
    ("pg_hba", "a refusal of this machine by pg_hba.conf", "sslmode=require, or ask the server's owner"),
    ("too many", "a server with no free connection", "again later"),
    ("starting up", "a server that is still starting", "again in a moment"),
    ("shutting down", "a server that is shutting down", "again later"),
    ("ssl", "a failure of TLS", "another sslmode or sslrootcert"),
)
_QUERY_FAILURES = {
    "55P03": ("be free within 30 s", "a lock that another process held", "again, or look for a stuck process"),
    "57014": ("answer within 60 s", "no answer in time", "again, or ask the server's owner"),
    "42501": (
        "be open to this database user",
        "a refusal",
        "a member of dpsynth_writer to charge, the owner for the rest",
    ),
    "25006": ("be the primary server", "a read-only one", "the address of the primary server"),
    "55000": ("be append-only and without gaps", "a refusal by its triggers", "`dpsynth ledger verify`"),
}


@dataclass(frozen=True)
class _Address:
    """A URL taken apart: what libpq needs, the ledger's name, and what may be shown of it."""

    parameters: dict[str, Any] = field(repr=False)
    ledger: str

    @classmethod
    def of(cls, url: str) -> _Address:
        """Raises LedgerError, without any part of the URL, when it is none of PostgreSQL."""
        psycopg = _psycopg()
        base, _, query = url.partition("?")
        pairs = [pair for pair in query.split("&") if pair]
        names = [unquote(pair.removeprefix("ledger=")) for pair in pairs if pair.startswith("ledger=")]
        others = "&".join(pair for pair in pairs if not pair.startswith("ledger="))
        parameters = None
        if base.startswith(("postgresql://", "postgres://")) and len(names) < 2:
            with suppress(psycopg.Error):
                parameters = psycopg.conninfo.conninfo_to_dict(f"{base}?{others}" if others else base)
        # An unescaped @ or / in a password ends up in the name of the host or the database.
        if parameters is None or any("@" in str(parameters.get(name, "")) for name in ("host", "dbname")):
            raise LedgerError(
                "ledger address must be postgresql://USER@HOST:PORT/DATABASE?ledger=NAME; got something else "
                "(not shown: it may hold a password); try %40 for @ and %2F for / in a password, or PGPASSWORD"
            )
        return cls({**_CONNECTION, **parameters}, checked_text("ledger", (names or ["main"])[0], empty=False))

    def __str__(self) -> str:
        shown = {name: str(self.parameters.get(name) or "") for name in ("host", "port", "dbname")}
        if not all(_PLAIN_NAME.fullmatch(value) for value in shown.values()):
            return f"ledger {self.ledger!r} on PostgreSQL"
        port = f":{shown['port']}" if shown["port"] else ""
        return f"ledger {self.ledger!r} on PostgreSQL at {shown['host'] or 'this machine'}{port}/{shown['dbname']}"


class PostgresStore:
    """Entries in the table `dpsynth.entries` of a PostgreSQL database; meets the `Store` protocol.

    The address is a libpq URL, `postgresql://USER@HOST:PORT/DATABASE`, with `ledger=NAME` in its query where one
    database holds several ledgers (the name is "main" otherwise). A connection lost on the way is made anew, a
    transaction that came second is tried again; both a few times, then a LedgerError says so. No message holds the
    password or any other part of the URL but host, port, database and ledger.
    """

    def __init__(self, address: _Address) -> None:
        self._address = address
        self._turn = threading.RLock()
        self._book = Book()
        self._connection: Connection | None = None
        self._process = os.getpid()
        self._inherited: list[object] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"PostgresStore({self._address})"

    @classmethod
    def create(cls, url: str) -> PostgresStore:
        """Make an empty ledger, and the tables if they are not there yet; the user becomes their owner.

        Raises LedgerError when the ledger exists, or the user may not make it.
        """
        store = cls(_Address.of(url))
        try:
            store._run(_migrate_alone)
            if not store._run(store._make_ledger):
                raise LedgerError(f"{store._address} must not exist yet; got one; try another name: ?ledger=NAME")
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, url: str) -> PostgresStore:
        """Open a ledger that exists. Raises LedgerError when there is none, or the server cannot be reached."""
        store = cls(_Address.of(url))
        try:
            store._run(store._find_ledger)
        except BaseException:
            store.close()
            raise
        return store

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The entries with seq > after, by rising seq, as they are written; read 5000 at a time."""
        return _by_batches(lambda after: self._run(lambda connection: self._batch(connection, after)), after)

    def book(self) -> Book:
        """The book of all committed entries; only entries that are new since the last call are read."""
        with self._turn:
            self._run(self._catch_up)
            return self._book

    def append(self, build: Build) -> tuple[Entry, ...]:
        """Write what `build` makes of the book, all or nothing, on the server's disk before this returns.

        `build` is called again when another writer came first, or the connection was lost before the commit.
        """
        written: tuple[Entry, ...] = ()
        own = ""  # the server's number of the transaction that went on to its commit

        def transaction(connection: Connection) -> tuple[Entry, ...]:
            nonlocal written, own
            _lock(connection, f"ledger {self._address.ledger}")
            self._catch_up(connection)
            # The answer to an earlier attempt's commit was lost, but with the lock in hand its outcome is final. The
            # entry itself would prove nothing: another program that wanted the same in the same second wrote the same.
            if own and _committed(connection, own):
                return written
            own, written = "", tuple(build(self._book))
            for entry in written:
                if connection.execute(_WRITE, (self._address.ledger, *entry.row())).rowcount != 1:
                    raise LedgerError(
                        f"{self._address} must keep every entry; got none kept; try `dpsynth ledger verify`"
                    )
            own = _transaction_number(connection)
            return written

        with self._turn:
            committed = self._run(transaction)
            for entry in committed:
                if entry.seq > self._book.seq:
                    self._book.follow(entry)
            return committed

    def faults(self) -> tuple[str, ...]:
        """Guards that are missing or changed, rights that are too wide, a server that may lose what it committed."""
        return self._run(guard_faults)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self._turn:
            self._closed = True
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def _run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns from one committed transaction, tried again where that can help."""
        psycopg = _psycopg()
        with self._turn:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    # Spread by process and by place in the ledger, so that two losers do not meet again.
                    spread = 1 + ((os.getpid() + self._book.seq) % 8) / 8
                    time.sleep(min(1.0, 0.01 * 4 ** (attempt - 1)) * spread)
                known = self._connection is not None
                try:
                    connection = self._connected(psycopg)
                    with connection.transaction():
                        connection.execute(_SETTINGS)
                        return work(connection)
                except psycopg.Error as error:
                    failure = error
                lost = known and (self._connection is None or self._connection.closed)
                if not lost and not _came_second(failure):
                    break
            reason = self._explained(failure)
        # Raised out here, so that no traceback carries the library's own words.
        raise LedgerError(reason)

    def _connected(self, psycopg: ModuleType) -> Connection:
        if self._closed:
            raise LedgerError(f"{self._address} must be open; got a closed one; try opening it again")
        if self._process != os.getpid():
            # After a fork the connection is the parent's: not used, not closed, and kept from the collector.
            self._inherited.append(self._connection)
            self._connection, self._process = None, os.getpid()
        if self._connection is None or self._connection.closed:
            # Behind a pooler the next transaction may meet another server process, so nothing is prepared.
            self._connection = psycopg.connect(**self._address.parameters, autocommit=True, prepare_threshold=None)
            self._connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return self._connection

    def _explained(self, error: psycopg.Error) -> str:
        if error.sqlstate in _QUERY_FAILURES:
            must, got, do = _QUERY_FAILURES[error.sqlstate]
            return f"{self._address} must {must}; got {got} ({error.diag.message_primary}); try {do}"
        if error.diag.message_primary and self._connection is not None and not self._connection.closed:
            said = error.diag.message_primary
            return f"{self._address} must take this; got {error.sqlstate} ({said}); try `dpsynth ledger verify`"
        text = str(error).lower()
        found = [(got, do) for phrase, got, do in _CONNECTION_FAILURES if phrase in text]
        got, do = (found or [("a failed connection", "psql with the same address")])[0]
        return f"{self._address} must be reachable; got {got}; try {do}"

    def _batch(self, connection: Connection, after: int) -> list[Entry]:
        rows = connection.execute(_READ, (self._address.ledger, after)).fetchall()
        return [Entry.from_row(row) for row in rows]

    def _catch_up(self, connection: Connection) -> None:
        news = _by_batches(lambda after: self._batch(connection, after), self._book.seq - 1)
        catch_up(self._book, news)

    def _make_ledger(self, connection: Connection) -> bool:
        made = "INSERT INTO dpsynth.ledgers (name) VALUES (%s) ON CONFLICT DO NOTHING"
        return connection.execute(made, (self._address.ledger,)).rowcount == 1

    def _find_ledger(self, connection: Connection) -> None:
        number = migrations_applied(connection)
        if number not in (0, len(MIGRATIONS)):
            raise LedgerError(
                f"{self._address} must be in tables of version {len(MIGRATIONS)}; got {number}; "
                "try the dpsynth version that wrote it last"
            )
        named = "SELECT count(*) FROM dpsynth.ledgers WHERE name = %s"
        if number == 0 or connection.execute(named, (self._address.ledger,)).fetchone() != (1,):
            raise LedgerError(
                f"{self._address} must exist; got none; try `dpsynth ledger init`, or another ?ledger=NAME"
            )


def _by_batches(batch: Callable[[int], list[Entry]], after: int) -> Iterator[Entry]:
    while entries := batch(after):
        yield from entries
        after = entries[-1].seq


def create_writer_role(url: str) -> None:
    """Make the role dpsynth_writer, or set its rights anew: it may read ledgers and add entries, and nothing else.

    url: of a database with a ledger, as a user who owns the tables and may create roles. Raises LedgerError otherwise.
    """
    store = PostgresStore.open(url)
    try:
        store._run(lambda connection: connection.execute(WRITER_ROLE.encode()))
    finally:
        store.close()


def _migrate_alone(connection: Connection) -> None:
    _lock(connection, "migrations")
    migrate(connection)


def _lock(connection: Connection, what: str) -> None:
    """Wait for our turn; the lock goes with the transaction, or with the connection of a client that died."""
    number = int.from_bytes(hashlib.sha256(f"dpsynth {what}".encode()).digest()[:8], "big", signed=True)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


def _transaction_number(connection: Connection) -> str:
    """The server's number of this transaction, which no other ever has."""
    found = connection.execute("SELECT CAST(pg_current_xact_id() AS text)").fetchone()
    return "" if found is None else str(found[0])


def _committed(connection: Connection, number: str) -> bool:
    """Whether the transaction of this number took place."""
    return connection.execute("SELECT pg_xact_status(CAST(%s AS xid8))", (number,)).fetchone() == ("committed",)


def _came_second(error: psycopg.Error) -> bool:
    """Whether somebody else came first, so that deciding again on the newer book is right."""
    if error.sqlstate == "23505":  # unique_violation
        return error.diag.constraint_name == "entries_pkey"
    return error.sqlstate in ("40001", "40P01")  # serialization_failure, deadlock_detected


def _psycopg() -> ModuleType:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("a ledger on PostgreSQL", "postgres") from None
    return psycopg
