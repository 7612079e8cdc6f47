"""The SQLite file: its guards, its permissions, and what happens when the disk does not play along."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.ledger import FORK
from dpsynth.errors import LedgerError
from dpsynth.ledger import Ledger, open_ledger
from dpsynth.ledger.sqlite import SqliteStore
from dpsynth.privacy.cost import Cost

TINY = Cost(Fraction(1, 10**6))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.init(path, 1.0) as made:
        yield made


def connection_of(ledger: Ledger) -> sqlite3.Connection:
    assert isinstance(ledger._store, SqliteStore)
    return ledger._store._connection()


def charge(ledger: Ledger, request_id: str) -> None:
    ledger.reserve("population", TINY, request_id=request_id, plan_hash="plan")


def test_only_its_owner_reads_it(ledger: Ledger, path: Path) -> None:
    charge(ledger, "run")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_every_commit_is_flushed(ledger: Ledger) -> None:
    pragmas = {
        name: connection_of(ledger).execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'x'",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 9, kind, scope, request_id, plan_hash, mu_squared_units, delta_units, time, actor, "
        "reason, version, details, previous, 'h', signature FROM entries WHERE seq = 1",
    ],
)
def test_entries_are_only_added_one_by_one(ledger: Ledger, path: Path, statement: str) -> None:
    charge(ledger, "run")
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(statement)
    other.close()
    assert not ledger.verify()


def test_a_file_is_never_overwritten(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="must not exist yet"):
        Ledger.init(path, 1.0)
    assert ledger.head.seq == 1
    with pytest.raises(LedgerError, match="No such file"):
        Ledger.init(tmp_path / "nowhere" / "ledger.db", 1.0)


def test_what_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="must exist"):
        open_ledger(tmp_path / "absent.db")
    with pytest.raises(LedgerError, match="must exist"):
        open_ledger(tmp_path)
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(LedgerError, match="damaged or no ledger"):
        open_ledger(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE entries (x)")
    other.close()
    with pytest.raises(LedgerError, match="another database"):
        open_ledger(tmp_path / "other.db")
    for address in ("mysql://host/x", "sqlite:///", ""):
        with pytest.raises(LedgerError):
            open_ledger(address)


def test_addresses_of_one_file(ledger: Ledger, path: Path) -> None:
    for address in (path, str(path), f"sqlite:///{path}"):
        with open_ledger(address) as opened:
            assert opened.head == ledger.head
            assert opened.address == str(address)


def test_an_interrupted_init_leaves_a_ledger_that_says_so(path: Path) -> None:
    SqliteStore.create(path).close()
    with open_ledger(path) as opened:
        with pytest.raises(LedgerError, match="making it was interrupted"):
            opened.remaining("population")
        assert [fault.kind for fault in opened.verify()] == ["empty"]


def test_a_refused_init_leaves_no_file(path: Path) -> None:
    with pytest.raises(ValueError, match="cap"):
        Ledger.init(path, "much")  # type: ignore[arg-type]
    assert not path.exists()


def test_an_append_is_all_or_nothing(ledger: Ledger) -> None:
    charge(ledger, "run")
    (first, second) = ledger._store.entries()
    third = replace(second, seq=3, request_id="three", hash="3")
    with pytest.raises(LedgerError, match="breaks a rule of the database"):
        ledger._store.append(lambda _: (third, replace(third, seq=9)))
    assert list(ledger._store.entries()) == [first, second]
    charge(ledger, "another")
    assert not ledger.verify()


def test_a_full_disk(ledger: Ledger) -> None:
    connection = connection_of(ledger)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    taken, said = 0, ""
    while not said:
        try:
            charge(ledger, f"run {taken}")
            taken += 1
        except LedgerError as error:
            said = str(error)
    assert "disk is full, and nothing was recorded" in said
    assert taken > 1
    assert len(ledger.explain("population")) == taken
    connection.execute("PRAGMA max_page_count = 1000000")
    charge(ledger, f"run {taken}")
    assert len(ledger.explain("population")) == taken + 1
    assert not ledger.verify([ledger.head])


def test_a_ledger_that_may_not_be_written(ledger: Ledger) -> None:
    connection_of(ledger).execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match="may not be written"):
        charge(ledger, "run")
    assert ledger.head.seq == 1


@pytest.mark.parametrize(("file", "folder"), [(0o444, 0o555), (0o400, 0o555), (0o444, 0o755)])
def test_a_read_only_file(file: int, folder: int) -> None:
    """As another account, because root may write whatever it likes."""
    place = Path(tempfile.mkdtemp())
    try:
        path = place / "ledger.db"
        Ledger.init(path, 1.0).close()
        path.chmod(file)
        place.chmod(folder)
        outcome = FORK.Queue()
        process = FORK.Process(target=_charge_as_nobody, args=(path, outcome))
        process.start()
        said = outcome.get(timeout=60)
        process.join()
        assert "may not be written" in said or "cannot be opened" in said, said
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def _charge_as_nobody(path: Path, outcome: object) -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        with open_ledger(path) as opened:
            charge(opened, "run")
        said = "it was written"
    except LedgerError as error:
        said = str(error)
    outcome.put(said)  # type: ignore[attr-defined]


def test_a_forked_child_opens_its_own_connection(ledger: Ledger) -> None:
    charge(ledger, "parent")
    process = FORK.Process(target=charge, args=(ledger, "child"))
    process.start()
    process.join()
    assert process.exitcode == 0
    charge(ledger, "parent again")
    assert [one.request_id for one in ledger.explain("population")] == ["parent", "child", "parent again"]
    assert not ledger.verify()


def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="got a closed one"):
        charge(ledger, "run")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """The bytes of a ledger, and its entries."""
    path = tmp_path_factory.mktemp("honest") / "ledger.db"
    with Ledger.init(path, 1.0) as made:
        for number in range(5):
            charge(made, f"run {number}")
        entries = list(made.export())
    return path.read_bytes(), entries


@settings(max_examples=60)
@given(data=st.data())
def test_random_damage_is_a_fault_or_a_ledger_error_or_harmless(
    honest: tuple[bytes, list[str]], data: st.DataObject
) -> None:
    content, entries = bytearray(honest[0]), honest[1]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=200))
        content[start : start + len(noise)] = noise
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        path.write_bytes(bytes(content)[: data.draw(st.sampled_from([None, 1000, 5000, None]))])
        with contextlib.suppress(LedgerError), open_ledger(path) as opened:
            if not opened.verify():
                assert list(opened.export()) == entries
