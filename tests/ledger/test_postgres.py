"""The ledger on a real PostgreSQL server: what a team's concurrent, killed and careless programs cannot break."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpsynth.errors import BudgetError, LedgerError, MissingExtraError
from dpsynth.ledger import postgres
from dpsynth.ledger.book import Book, State
from dpsynth.ledger.entry import Entry
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.ledger.postgres import PostgresStore, create_writer_role
from dpsynth.ledger.postgres_schema import WRITER_ROLE
from dpsynth.privacy.cost import Cost
from tests.ledger.postgres_server import PASSWORD, SUPERUSER, Server, absent, running_server

psycopg = pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(absent() is not None, reason=str(absent()))

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def url(server: Server) -> str:
    """A database without a ledger, for its owner, who is also the superuser."""
    with psycopg.connect(server.url()) as connection:
        connection.execute("SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS dpsynth CASCADE")
    return server.url()


def tamper(url: str, *statements: str) -> None:
    """What an owner of the tables can do who first takes the guards away."""
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE dpsynth.entries DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(statement)
        connection.execute("ALTER TABLE dpsynth.entries ENABLE ALWAYS TRIGGER append_only")
        connection.execute("ALTER TABLE dpsynth.entries ENABLE ALWAYS TRIGGER only_next")


def charge(ledger: Ledger, name: str, mu: float = 0.1) -> State:
    return ledger.reserve("people", Cost.of_mu(mu), request_id=name, plan_hash="plan").state


def another(book: Book, **changes: Any) -> Entry:
    """A valid next entry, without the policy of a ledger: a cap like the newest one."""
    entry = replace(book.caps["people"], seq=book.seq + 1, previous=book.hash, **changes)
    return replace(entry, hash=entry.computed_hash())


# ------------------------------------------------------------------------------------- the same as on SQLite


def test_every_step_ends_as_it_does_on_sqlite(url: str, tmp_path: Path, rng: np.random.Generator) -> None:
    steps = [
        (str(rng.choice(["reserve", "touched", "measured", "released", "void", "cap"])), f"r{rng.integers(12)}")
        for _ in range(150)
    ]
    mus = rng.uniform(0.05, 0.4, len(steps))

    def outcomes(address: str | Path) -> list[object]:
        said: list[object] = []
        with Ledger.init(address, 1.0, "people") as ledger:
            for (step, name), mu in zip(steps, mus, strict=True):
                try:
                    if step == "reserve":
                        said.append(charge(ledger, name, mu if name < "r5" else 0.2))
                    elif step == "cap":
                        said.append(ledger.cap("people", 0.8 + mu))
                    else:
                        more = {"digest": name.encode().hex().rjust(64, "0")} if step == "measured" else {}
                        said.append(getattr(ledger, step)(name, **more).state)
                except (LedgerError, BudgetError) as error:
                    said.append((type(error), str(error)))
            said += [replace(entry, time="", details={}, previous="", hash="") for entry in ledger._store.entries()]
            assert ledger.verify() == ()
            said += [ledger.remaining("people"), [(one.scope, one.spent, one.left) for one in ledger.balances()]]
        return said

    expected = outcomes(tmp_path / "ledger.db")
    assert outcomes(url) == expected
    assert {type(one) for one in expected} >= {tuple, State, Entry}


def test_a_ledger_is_made_once_and_found_again(url: str) -> None:
    with pytest.raises(LedgerError, match=r"must exist; got none"):
        open_ledger(url)
    with Ledger.init(url, 1.0, "people") as ledger:
        charge(ledger, "a")
        head = ledger.head
    with pytest.raises(LedgerError, match="must not exist yet"):
        Ledger.init(url, 1.0, "people")
    with open_ledger(url) as again:
        assert again.head == head
        assert again.verify([head]) == ()
    with pytest.raises(LedgerError, match="closed"):
        again.head  # noqa: B018


def test_ledgers_of_one_database_are_apart(url: str) -> None:
    with (
        Ledger.init(f"{url}?ledger=north", 1.0, "people") as north,
        Ledger.init(f"{url}?connect_timeout=5&ledger=s%C3%BCd", 1.0, "people") as south,
    ):
        charge(north, "a")
        assert (north.head.seq, south.head.seq) == (2, 1)
        assert south.remaining("people") == Cost.of_mu(1.0)
        assert north.ledger_id != south.ledger_id
    with pytest.raises(LedgerError, match="'east'"):
        open_ledger(f"{url}?ledger=east")


def test_entries_are_read_in_batches_and_from_anywhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_READ", postgres._READ.replace("5000", "3"))
    with Ledger.init(url, 1.0, "people") as ledger:
        for number in range(9):
            charge(ledger, f"r{number}")
        assert [entry.seq for entry in ledger._store.entries()] == list(range(1, 11))
        assert [entry.seq for entry in ledger._store.entries(after=4)] == list(range(5, 11))


def test_a_build_that_raises_writes_nothing(url: str) -> None:
    Ledger.init(url, 1.0, "people").close()
    store = PostgresStore.open(url)
    with pytest.raises(ZeroDivisionError):
        store.append(lambda book: [another(book), 1 / 0])  # type: ignore[list-item]
    with pytest.raises(LedgerError, match="append-only and without gaps"):
        store.append(lambda book: [another(book), replace(another(book), seq=9)])
    assert store.append(lambda book: []) == ()
    assert store.book().seq == 1
    store.close()
    store.close()


# --------------------------------------------------------------------------------------- many programs at once

_CLIENT = """
import os, sys
import numpy as np
from dpsynth.errors import BudgetError, LedgerError
from dpsynth.ledger import postgres
from dpsynth.ledger.open import open_ledger
from dpsynth.privacy.cost import Cost
name, charges, locked = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "locked"
if not locked:
    postgres._lock = lambda connection, what: None
rng = np.random.default_rng(int(name))
taken = touched = 0
with open_ledger(os.environ["LEDGER"]) as ledger:
    for number in range(charges):
        try:
            ledger.reserve("people", Cost.of_mu(rng.uniform(.05, .2)), request_id=f"{name}-{number}", plan_hash="p")
            taken += 1
        except BudgetError:
            pass
    for number in range(5):  # every program asks for the same five; one alone may touch each
        ledger.reserve("shared", Cost.of_mu(.1), request_id=f"shared-{number}", plan_hash="p")
        try:
            ledger.touched(f"shared-{number}")
            touched += 1
        except LedgerError:
            pass
print(taken, touched)
"""


def start(url: str, script: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "LEDGER": url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def said(processes: Sequence[subprocess.Popen[str]]) -> list[list[int]]:
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [[int(word) for word in output.split()] for output in outputs]


# Nothing but the queue is lost without the lock: two that decide on one state cannot both be written.
@pytest.mark.parametrize(("programs", "charges", "lock"), [(6, 30, "locked"), (3, 10, "unlocked")])
def test_no_cap_is_passed_by_programs_at_once(url: str, programs: int, charges: int, lock: str) -> None:
    if lock == "locked":
        programs, charges = (int(n) for n in os.environ.get("DPSYNTH_CHARGES", f"{programs}x{charges}").split("x"))
    mean = 0.2**3 / 3 / 0.15 - 0.05**3 / 3 / 0.15  # of mu^2, for mu uniform on [.05, .2]
    cap = (0.8 * programs * charges * mean) ** 0.5
    with Ledger.init(url, cap, "people") as ledger:
        ledger.cap("shared", 1.0)
        answers = said([start(url, _CLIENT, str(n), str(charges), lock) for n in range(programs)])
        assert ledger.verify() == ()
        kinds = [entry.kind for entry in ledger._store.entries() if entry.scope == "people"]
        spent = next(one.spent for one in ledger.balances() if one.scope == "people")
    taken = sum(taken for taken, _ in answers)
    assert kinds.count("RESERVE") == taken
    assert 0 < taken < programs * charges, "some must have been refused, or the cap was not tried"
    assert spent.fits(Cost.of_mu(cap))
    assert not (spent + Cost.of_mu(0.2)).fits(Cost.of_mu(cap))
    assert sum(touched for _, touched in answers) == 5


def test_threads_share_a_store(url: str) -> None:
    with Ledger.init(url, 2.0, "people") as ledger:
        threads = [
            threading.Thread(target=lambda n=n: [charge(ledger, f"{n}-{i}") for i in range(5)]) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.head.seq == 21
        assert ledger.verify() == ()


def test_a_fork_gets_a_connection_of_its_own(url: str) -> None:
    Ledger.init(url, 1.0, "people").close()
    script = (
        "import os\nfrom dpsynth.ledger.open import open_ledger\nfrom dpsynth.privacy.cost import Cost\n"
        "with open_ledger(os.environ['LEDGER']) as ledger:\n"
        "    ledger.head\n    child = os.fork()\n    name = 'parent' if child else 'child'\n"
        "    for n in range(20):\n"
        "        ledger.reserve('people', Cost.of_mu(.1), request_id=f'{name}{n}', plan_hash='p')\n"
        "if child:\n    print(os.waitpid(child, 0)[1])\n"
    )
    assert said([start(url, script)]) == [[0]]
    with open_ledger(url) as ledger:
        assert ledger.head.seq == 41


# ------------------------------------------------------------------------------------- killed, lost, restarted

_KILLED = """
import os, sys, time
from dataclasses import replace
from dpsynth.ledger import postgres
from dpsynth.ledger.postgres import PostgresStore
postgres._SETTINGS = postgres._SETTINGS.replace("20s", sys.argv[1])
class Stuck:
    def row(self):
        print("inside", flush=True)
        time.sleep(600)
def build(book):
    entry = replace(book.caps["people"], seq=book.seq + 1, previous=book.hash)
    return [replace(entry, hash=entry.computed_hash()), Stuck()]
PostgresStore.open(os.environ["LEDGER"]).append(build)
"""


@pytest.mark.parametrize("end", ["killed", "frozen"])
def test_a_program_that_dies_inside_a_transaction_leaves_nothing(url: str, end: str) -> None:
    with Ledger.init(url, 1.0, "people") as ledger:
        dead = start(url, _KILLED, "600s" if end == "killed" else "200ms")
        try:
            assert dead.stdout is not None
            assert dead.stdout.readline() == "inside\n"  # one entry is inserted, the lock is held
            if end == "killed":
                dead.kill()
            charge(ledger, "a")  # waits for the lock, which the server gives back
        finally:
            dead.kill()
            dead.communicate()
        assert [entry.kind for entry in ledger._store.entries()] == ["CAP", "RESERVE"]
        assert ledger.verify() == ()


def test_charges_outlive_a_server_that_dies(server: Server, url: str) -> None:
    with Ledger.init(url, 1.0, "people") as ledger:
        charge(ledger, "before")
        server.stop("immediate")
        try:
            with pytest.raises(LedgerError, match="no server that listens there"):
                open_ledger(url)
        finally:
            server.start()
        assert charge(ledger, "after") is State.RESERVED
        assert [entry.request_id for entry in ledger._store.entries()] == ["", "before", "after"]


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_lost_around_the_commit_writes_once(
    url: str, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.init(url, 1.0, "people") as ledger:
        charge(ledger, "a")
        leave, losses = psycopg.Transaction.__exit__, iter([True])

        def lose(self: Any, *error: Any) -> Any:
            last = self.connection.execute("SELECT max(seq) FROM dpsynth.entries").fetchone()
            if last == (3,) and next(losses, False):
                if committed:
                    leave(self, *error)
                self.connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return leave(self, *error)

        monkeypatch.setattr(psycopg.Transaction, "__exit__", lose)
        assert ledger.touched("a").state is State.TOUCHED  # which a second TOUCHED would refuse
        assert next(losses, None) is None, "nothing was lost, so nothing was tried"
        monkeypatch.undo()
        assert [entry.kind for entry in ledger._store.entries()] == ["CAP", "RESERVE", "TOUCHED"]


@pytest.mark.parametrize("lost", [False, True])
def test_an_equal_entry_of_another_program_is_not_taken_for_ones_own(
    url: str, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programs touch one request in the same second, so that their entries are the same: one alone may go on."""
    locks: list[str] = []
    monkeypatch.setattr(postgres, "_lock", lambda connection, what: locks.append(what))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("dpsynth.ledger.ledger._now", lambda: moment)
    with Ledger.init(url, 1.0, "people") as slow, open_ledger(url) as quick:
        charge(slow, "a")
        store, leave, overtaken = slow._store, psycopg.Transaction.__exit__, iter([True])
        look = store._catch_up  # type: ignore[attr-defined]

        def overtake(connection: Any) -> None:
            look(connection)
            if not lost and locks and next(overtaken, False):
                quick.touched("a")

        def lose(self: Any, *error: Any) -> Any:
            drafted = self.connection.execute("SELECT max(seq) FROM dpsynth.entries").fetchone() == (3,)
            if lost and drafted and next(overtaken, False):
                self.connection.close()  # before its commit, and then the other one came
                quick.touched("a")
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return leave(self, *error)

        locks.clear()
        monkeypatch.setattr(store, "_catch_up", overtake)
        monkeypatch.setattr(psycopg.Transaction, "__exit__", lose)
        with pytest.raises(LedgerError):
            slow.touched("a")
        assert next(overtaken, None) is None, "nobody came first"
        assert [entry.kind for entry in quick._store.entries()] == ["CAP", "RESERVE", "TOUCHED"]


def test_the_build_sees_the_newer_book_after_it_came_second(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_lock", lambda connection, what: None)
    Ledger.init(url, 1.0, "people").close()
    slow, quick = PostgresStore.open(url), PostgresStore.open(url)
    seen: list[int] = []

    def build(book: Book) -> list[Entry]:
        seen.append(book.seq)
        if len(seen) == 1:
            quick.append(lambda newest: [another(newest, actor="first")])
        return [another(book, actor="second")]

    slow.append(build)
    assert seen == [1, 2]
    assert [entry.actor for entry in slow.entries()] == ["", "first", "second"]
    slow.close()
    quick.close()


def test_a_lock_that_is_not_given_back_ends_in_words(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.init(url, 1.0, "people") as ledger, psycopg.connect(url) as stuck:
        postgres._lock(stuck, "ledger main")
        monkeypatch.setattr(postgres, "_SETTINGS", postgres._SETTINGS.replace("30s", "100ms"))
        with pytest.raises(LedgerError, match="another process held"):
            charge(ledger, "a")
        stuck.rollback()
        assert charge(ledger, "a") is State.RESERVED


def test_commits_are_durable_whatever_the_session_says(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.init(url, 1.0, "people").close()
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=off")
    store = PostgresStore.open(url)
    assert store._run(lambda connection: connection.execute("SHOW synchronous_commit").fetchone()) == ("on",)
    store.close()
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    with open_ledger(url) as ledger, pytest.raises(LedgerError, match="must be the primary server"):
        charge(ledger, "a")


# ------------------------------------------------------------------------------------------ who may do what


def test_a_writer_may_charge_and_nothing_else(server: Server, url: str) -> None:
    Ledger.init(url, 1.0, "people").close()
    create_writer_role(url)
    create_writer_role(url)
    with psycopg.connect(url) as owner:
        owner.execute("CREATE ROLE pipeline LOGIN PASSWORD 'pipeline' IN ROLE dpsynth_writer")
    database = url.rpartition("/")[2]
    as_writer = server.url(database, "pipeline", "pipeline")
    with open_ledger(as_writer) as ledger:
        assert charge(ledger, "a") is State.RESERVED
        assert ledger.touched("a").state is State.TOUCHED
        assert ledger.verify() == ()
    forbidden = [
        "UPDATE dpsynth.entries SET mu_squared_units = 0",
        "DELETE FROM dpsynth.entries",
        "TRUNCATE dpsynth.entries",
        "INSERT INTO dpsynth.ledgers (name) VALUES ('mine')",
        "DROP TABLE dpsynth.entries",
        "ALTER TABLE dpsynth.entries DISABLE TRIGGER ALL",
        "CREATE TABLE dpsynth.other ()",
        "SET session_replication_role = replica",
        "SELECT * FROM dpsynth.entries FOR UPDATE",
    ]
    for statement in forbidden:
        with psycopg.connect(as_writer) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(statement)
    with pytest.raises(LedgerError, match="must be open to this database user"):
        Ledger.init(f"{as_writer}?ledger=mine", 1.0, "people")
    with open_ledger(as_writer) as ledger:
        assert ledger.head.seq == 3


@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_owner_is_stopped_from_mistakes(url: str, role: str) -> None:
    Ledger.init(url, 1.0, "people").close()
    mistakes = [
        "UPDATE dpsynth.entries SET reason = 'another'",
        "DELETE FROM dpsynth.entries WHERE false",
        "TRUNCATE dpsynth.entries",
        "DELETE FROM dpsynth.ledgers",
        "INSERT INTO dpsynth.entries SELECT ledger, seq + 2, kind, scope, request_id, plan_hash, mu_squared_units,"
        ' delta_units, "time", actor, reason, version, details, hash, previous, signature FROM dpsynth.entries',
    ]
    for mistake in mistakes:
        with psycopg.connect(url) as owner, pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            owner.execute(f"SET session_replication_role = {role}; {mistake}")


def test_what_an_owner_did_is_named(url: str) -> None:
    with Ledger.init(url, 1.0, "people") as ledger:
        for name in "abcd":
            charge(ledger, name)
        head = ledger.head
        tamper(url, "UPDATE dpsynth.entries SET mu_squared_units = 1 WHERE seq = 3")
        assert [str(fault) for fault in ledger.verify()] == ["entry 3 was edited: its content does not give its hash"]
        tamper(url, "DELETE FROM dpsynth.entries WHERE seq = 2")
        assert {(fault.kind, fault.seq) for fault in ledger.verify()} == {("edited", 3), ("deleted", 2)}
        tamper(url, "DELETE FROM dpsynth.entries WHERE seq > 4")
        assert "truncated" in {fault.kind for fault in ledger.verify([head])}
        with pytest.raises(LedgerError, match="it was cut"):  # the program that knew the tail notices by itself
            charge(ledger, "e")
    with open_ledger(url) as ledger, pytest.raises(LedgerError, match="dpsynth ledger verify"):
        ledger.head  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("ALTER TABLE dpsynth.entries DISABLE TRIGGER append_only", "dpsynth.entries.append_only"),
        ("ALTER TABLE dpsynth.entries ENABLE TRIGGER only_next", "dpsynth.entries.only_next"),
        ("DROP TRIGGER append_only ON dpsynth.ledgers", "dpsynth.ledgers.append_only"),
        (
            "CREATE OR REPLACE FUNCTION dpsynth.refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'",
            "dpsynth.entries.append_only",
        ),
        (
            "CREATE TRIGGER mine BEFORE INSERT ON dpsynth.entries FOR EACH ROW"
            " EXECUTE FUNCTION dpsynth.refuse_change()",
            "dpsynth.entries.mine is a trigger that no ledger has",
        ),
        ("CREATE RULE mine AS ON INSERT TO dpsynth.entries DO INSTEAD NOTHING", "has a rule"),
        ("ALTER TABLE dpsynth.entries DROP CONSTRAINT entries_pkey", "unique key"),
        ("ALTER TABLE dpsynth.entries ENABLE ROW LEVEL SECURITY", "hides rows"),
        ("ALTER TABLE dpsynth.entries SET UNLOGGED", "not kept through a crash"),
        ("GRANT UPDATE ON dpsynth.entries TO PUBLIC", "role PUBLIC may UPDATE dpsynth.entries"),
    ],
)
def test_guards_that_are_gone_are_named(url: str, statement: str, named: str) -> None:
    with Ledger.init(url, 1.0, "people") as ledger:
        assert ledger.verify() == ()
        with psycopg.connect(url) as owner:
            owner.execute(statement)
        assert named in "\n".join(map(str, ledger.verify()))
        if "DO INSTEAD NOTHING" in statement:
            with pytest.raises(LedgerError, match="must keep every entry"):
                charge(ledger, "a")


# ---------------------------------------------------------------------------------------------- nothing secret

SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"postgresql://{SUPERUSER}:{SECRET}@127.0.0.1:PORT/postgres", "a refusal of the user or password"),
        (f"postgresql://nobody:{SECRET}@127.0.0.1:PORT/postgres", "a refusal of the user or password"),
        ("postgresql://127.0.0.1:PORT/postgres?user=steward", "no password"),
        (f"postgresql://{SUPERUSER}:{SECRET}@127.0.0.1:1/postgres", "no server that listens there"),
        (f"postgresql://{SUPERUSER}:x{SECRET}@{SECRET}@127.0.0.1/postgres", "must be postgresql://"),
        (f"postgresql://{SUPERUSER}:5432/{SECRET}@127.0.0.1/postgres", "must be postgresql://"),
        (f"postgresql://{SUPERUSER}:x/{SECRET}@127.0.0.1/postgres", "must be"),
        (f"postgresql://{SUPERUSER}:{SECRET}@127.0.0.1:port/postgres?sslmode=no", "must be"),
        (f"postgresql://{SUPERUSER}:{SECRET}@127.0.0.1/postgres?password={SECRET}&unknown=1", "must be postgresql://"),
        (f"postgresql://{SUPERUSER}:{SECRET}@127.0.0.1/postgres?ledger=a&ledger=b", "must be postgresql://"),
        (f"mysql://{SUPERUSER}:{SECRET}@127.0.0.1/postgres", "must be postgresql://"),
    ],
)
def test_no_error_shows_a_password(server: Server, address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    with pytest.raises(LedgerError, match=words) as caught:
        PostgresStore.open(address.replace("PORT", str(server.port)))
    everything = "".join(traceback.format_exception(caught.value)[1:]) + str(caught.value)
    frames = [line for line in everything.splitlines() if "PostgresStore.open(" not in line]
    assert SECRET not in "\n".join(frames)
    assert caught.value.__context__ is None


def test_a_store_does_not_show_its_password(server: Server, url: str) -> None:
    with pytest.raises(LedgerError, match="no such database or user"):
        PostgresStore.open(server.url("absent"))
    with Ledger.init(url, 1.0, "people") as ledger:
        for text in (repr(ledger._store), repr(ledger._store._address)):  # type: ignore[attr-defined]
            assert "p%ss" not in text
            assert "p%25ss" not in text
        assert f"127.0.0.1:{server.port}/" in repr(ledger._store)
    assert PASSWORD.startswith("p%ss")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"dpsynth-engine\[postgres\]"):
        PostgresStore.open("postgresql://127.0.0.1/postgres")


def test_the_guide_prints_the_rights_as_they_are_given() -> None:
    guide = (ROOT / "docs/how-to/keep-a-ledger-on-postgresql.md").read_text()
    assert WRITER_ROLE.strip() in guide
