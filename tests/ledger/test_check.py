"""Every way of tampering with a ledger is named, in words."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from dpsynth.errors import LedgerError
from dpsynth.ledger import Head, Ledger, open_ledger
from dpsynth.ledger.check import check
from dpsynth.ledger.entry import Entry
from dpsynth.privacy.cost import Cost

COST = Cost(Fraction(1, 100), Fraction(1, 10**9))
GUARDS = ("no_update", "no_delete", "only_next")


def make(path: Path, requests: int = 5) -> Head:
    """A ledger of one cap, and of requests that were touched: entries 2 and 3, 4 and 5, ..."""
    with Ledger.init(path, Cost(1, Fraction(1, 10**6)), "people", actor="ann") as ledger:
        for number in range(requests):
            ledger.reserve("people/study", COST, request_id=f"run {number}", plan_hash="plan")
            ledger.touched(f"run {number}")
        return ledger.head


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def tamper(path: Path, *statements: str, restore: bool = True) -> None:
    """As somebody would who owns the file: lift the guards, write, put the guards back."""
    connection = sqlite3.connect(path, isolation_level=None)
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    guards = dict(connection.execute(query).fetchall())
    for name in guards:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    if restore:
        for sql in guards.values():
            connection.execute(sql)
    connection.close()


def rehash(path: Path, seq: int, **changes: object) -> None:
    """Change an entry and give it the hash that its new content calls for."""
    with open_ledger(path) as ledger:
        entry = next(entry for entry in ledger._store.entries() if entry.seq == seq)
    entry = replace(entry, **changes)  # type: ignore[arg-type]
    pairs = ", ".join(f"{name} = '{value}'" for name, value in {**changes, "hash": entry.computed_hash()}.items())
    tamper(path, f"UPDATE entries SET {pairs} WHERE seq = {seq}")


def kinds(path: Path, *heads: tuple[str, int, str]) -> list[str]:
    with open_ledger(path) as ledger:
        return [fault.kind for fault in ledger.verify(heads)]


def words(path: Path, *heads: tuple[str, int, str]) -> str:
    with open_ledger(path) as ledger:
        return "\n".join(map(str, ledger.verify(heads)))


def test_an_honest_ledger_has_no_fault(path: Path) -> None:
    head = make(path)
    assert kinds(path, head, head) == []


@pytest.mark.parametrize(
    "change",
    [
        "mu_squared_units = 1",
        "mu_squared_units = mu_squared_units - 1",
        "delta_units = 0",
        "actor = 'somebody else'",
        "request_id = 'another'",
        "time = '2020-01-01T00:00:00.000+00:00'",
        "details = '{\"a\":1}'",
        "scope = 'people/other'",
        "version = '9'",
    ],
)
def test_an_edited_entry(path: Path, change: str) -> None:
    make(path)
    tamper(path, f"UPDATE entries SET {change} WHERE seq = 4")
    assert kinds(path) == ["edited"]
    assert words(path) == "entry 4 was edited: its content does not give its hash"
    with open_ledger(path) as ledger, pytest.raises(LedgerError, match="entry 4 was edited"):
        ledger.remaining("people")


def test_an_entry_that_was_edited_and_hashed_anew(path: Path) -> None:
    make(path)
    rehash(path, 4, mu_squared_units=1)
    assert kinds(path) == ["replaced"]
    assert words(path) == "entry 5 does not follow entry 4: one was replaced"


@pytest.mark.parametrize(
    ("where", "said"),
    [("seq = 4", "entry 4 is missing: deleted"), ("seq BETWEEN 4 AND 7", "entries 4 to 7 are missing: deleted")],
)
def test_a_deleted_entry(path: Path, where: str, said: str) -> None:
    make(path)
    tamper(path, f"DELETE FROM entries WHERE {where}")
    assert words(path) == said


def test_the_first_entry_deleted(path: Path) -> None:
    make(path)
    tamper(path, "DELETE FROM entries WHERE seq = 1")
    assert kinds(path) == ["deleted"]


def test_a_deleted_request_whose_successors_were_renumbered(path: Path) -> None:
    make(path)
    tamper(
        path,
        "DELETE FROM entries WHERE seq = 4",
        *(f"UPDATE entries SET seq = {n - 1} WHERE seq = {n}" for n in range(5, 12)),
    )
    assert set(kinds(path)) == {"reordered"}
    assert "entry 4 was written as entry 5: entries were reordered or renumbered" in words(path)


def test_reordered_entries(path: Path) -> None:
    make(path)
    tamper(path, *(f"UPDATE entries SET seq = {b} WHERE seq = {a}" for a, b in ((4, 99), (8, 4), (99, 8))))
    assert kinds(path) == ["reordered", "reordered"]
    assert words(path).startswith("entry 4 was written as entry 8")


def test_a_cut_end_shows_against_a_certificate_alone(path: Path) -> None:
    head = make(path)
    tamper(path, "DELETE FROM entries WHERE seq > 7")
    assert kinds(path) == []
    assert kinds(path, head) == ["truncated"]
    assert "ends at entry 7, but a certificate knows entry 11" in words(path, head)


def test_an_old_copy_put_back(path: Path, tmp_path: Path) -> None:
    make(path)
    shutil.copy(path, tmp_path / "old.db")
    with open_ledger(path) as ledger:
        ledger.reserve("people", COST, request_id="later", plan_hash="plan")
        head = ledger.head
    shutil.copy(tmp_path / "old.db", path)
    assert kinds(path, head) == ["truncated"]
    assert "an old copy was put back" in words(path, head)
    with open_ledger(path) as ledger:
        ledger.reserve("people", COST, request_id="another future", plan_hash="plan")
    assert kinds(path, head) == ["rewritten"]


def test_a_copy_without_its_write_ahead_log_is_an_old_copy(path: Path, tmp_path: Path) -> None:
    make(path)
    with open_ledger(path) as ledger:
        ledger.reserve("people", COST, request_id="later", plan_hash="plan")
        shutil.copy(path, tmp_path / "copy.db")
        head = ledger.head
    assert kinds(tmp_path / "copy.db", head) == ["truncated"]


def test_a_cut_while_a_program_has_the_ledger_open(path: Path) -> None:
    make(path)
    with open_ledger(path) as ledger:
        ledger.remaining("people")
        tamper(path, "DELETE FROM entries WHERE seq > 9")
        with pytest.raises(LedgerError, match="must still hold entry 11"):
            ledger.reserve("people", COST, request_id="later", plan_hash="plan")


def test_a_swapped_ledger(path: Path, tmp_path: Path) -> None:
    head = make(path)
    make(tmp_path / "other.db")
    assert kinds(tmp_path / "other.db", head) == ["swapped"]
    assert "a certificate is of ledger" in words(tmp_path / "other.db", head)


def test_a_chain_written_anew(path: Path) -> None:
    head = make(path)
    with open_ledger(path) as ledger:
        entries = list(ledger._store.entries())
    chain: list[Entry] = []
    for entry in entries:
        previous = chain[-1].hash if chain else entry.previous
        entry = replace(entry, previous=previous, mu_squared_units=min(entry.mu_squared_units, 7), hash="")
        chain.append(replace(entry, hash=entry.computed_hash()))
    assert not check([replace(entry) for entry in entries], [head])
    assert [fault.kind for fault in check(chain, [head])][-1] == "rewritten"


def test_a_chain_that_no_ledger_would_write(path: Path) -> None:
    """An intact chain in which a touched request is void: its writer did not keep the rules."""
    make(path, requests=1)
    with open_ledger(path) as ledger:
        entries = list(ledger._store.entries())
    forged = replace(entries[-1], seq=4, kind="VOID", previous=entries[-1].hash)
    forged = replace(forged, hash=forged.computed_hash())
    (fault,) = check([*entries, forged])
    assert (fault.kind, fault.seq) == ("impossible", 4)
    assert "makes request 'run 0' VOID, but it is TOUCHED" in str(fault)


def test_over_a_cap_in_an_intact_chain(path: Path) -> None:
    make(path, requests=1)
    with open_ledger(path) as ledger:
        entries = list(ledger._store.entries())
    forged = replace(
        entries[1], seq=4, request_id="much", mu_squared_units=2**48, previous=entries[-1].hash, signature=""
    )
    forged = replace(forged, hash=forged.computed_hash())
    (fault,) = check([*entries, forged])
    assert str(fault) == "entry 4 charges more than was left in 'people'"


def test_missing_guards(path: Path) -> None:
    make(path)
    tamper(path, restore=False)
    assert kinds(path) == ["database"] * len(GUARDS)
    assert "'no_delete', which keeps it append-only, is missing" in words(path)


def test_a_planted_trigger(path: Path) -> None:
    make(path)
    tamper(path, "CREATE TABLE more (x)")
    assert words(path) == "the database holds 1 tables or triggers that no ledger has"


@pytest.mark.parametrize(
    "change",
    ["details = '[]'", "details = '{'", "details = '{\"a\":NaN}'", f"details = '{'[' * 100_000}'", "kind = 'GIFT'"],
)
def test_a_row_that_no_ledger_wrote(path: Path, change: str) -> None:
    make(path)
    tamper(path, f"UPDATE entries SET {change} WHERE seq = 4")
    assert kinds(path)[0] in ("unreadable", "edited")
    assert "entry 4" in words(path)


def test_an_empty_ledger(path: Path) -> None:
    head = make(path)
    tamper(path, "DELETE FROM entries")
    assert kinds(path, head) == ["empty", "swapped"]


def test_an_export_holds_what_is_needed_to_check_it(path: Path) -> None:
    make(path)
    with open_ledger(path) as ledger:
        lines = list(ledger.export())
    entries = [Entry(**json.loads(line)) for line in lines]
    assert not check(entries)
    assert [fault.kind for fault in check([*entries[:3], *entries[4:]])] == ["deleted"]


@pytest.mark.parametrize("damage", [lambda size: (100, 200), lambda size: (size // 2, 500), lambda size: (0, 16)])
def test_a_damaged_file(path: Path, damage: Callable[[int], tuple[int, int]]) -> None:
    """Whatever a disk does, the answer is a fault or a LedgerError."""
    make(path, requests=30)
    start, length = damage(path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[start : start + length] = bytes((7 * position) % 256 for position in range(length))
    path.write_bytes(content)
    with contextlib.suppress(LedgerError):
        assert kinds(path)
