"""Which releases came before this gate: one line for each, append-only, in a file of the gate's own beside the ledger.

Trying again until something passes is a choice that looks at private rows, so tries are counted and can be capped.
The same release with the same audit counts once, however often a pipeline asks.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dpsynth.gate.evidence import Unavailable

SUFFIX = ".gate.db"
BUSY_SECONDS = 60.0
_GENESIS = "0" * 64
# The guards stop mistakes, not an owner of the file; a chain of hashes shows edits.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (seq INTEGER PRIMARY KEY, content TEXT NOT NULL, hash TEXT NOT NULL UNIQUE);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


@dataclass(frozen=True)
class Attempt:
    """One decision: the scope that was charged, SHA-256 of manifest, audit and policy, the day, and the verdict.

    Nothing in it is a function of private rows beyond what the release itself tells, but its verdict.
    """

    scope: str
    release: str
    audit: str
    policy: str
    at: str
    verdict: str


def place_beside(ledger: str) -> Path | None:
    """The file of attempts of a ledger that is a file; None for any other, such as a database server."""
    path = Path(ledger.removeprefix("sqlite:///"))
    return (
        path.with_name(f"{path.name}{SUFFIX}")
        if "://" not in str(ledger).removeprefix("sqlite:///") and path.is_file()
        else None
    )


def record(place: Path, decide: Callable[[tuple[Attempt, ...]], Attempt]) -> Attempt:
    """Hand all earlier attempts to `decide` and write the one that it returns; nobody comes between.

    Raises Unavailable when the file cannot be read or written, or is not what it was.
    """
    try:
        with closing(sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            database.executescript(_SCHEMA)
            with _exclusive(database):
                earlier, newest = _read(database)
                attempt = decide(earlier)
                content = json.dumps(asdict(attempt), sort_keys=True)
                row = (len(earlier) + 1, content, _hash(newest, content))
                database.execute("INSERT INTO attempts VALUES (?, ?, ?)", row)
            return attempt
    except (sqlite3.Error, OSError):
        raise Unavailable("attempts could not be read or written beside the ledger") from None


def used(earlier: tuple[Attempt, ...], scope: str, release: str, audit: str) -> int:
    """How many different releases and audits of a scope were decided on, this one included."""
    return len({(each.release, each.audit) for each in earlier if each.scope == scope} | {(release, audit)})


@contextmanager
def _exclusive(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN EXCLUSIVE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _read(database: sqlite3.Connection) -> tuple[tuple[Attempt, ...], str]:
    newest, found = _GENESIS, []
    for place, (seq, content, kept) in enumerate(database.execute("SELECT * FROM attempts ORDER BY seq"), start=1):
        if seq != place or kept != _hash(newest, content):
            raise Unavailable(f"attempt {place} beside the ledger was edited or removed")
        newest = kept
        found.append(Attempt(**json.loads(content)))
    return tuple(found), newest


def _hash(previous: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()
