"""Attempts as entries of a ledger: chained, one writer at a time, counted by release and audit."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dpsynth.errors import SettingError
from dpsynth.gate import settings
from dpsynth.gate.attempts import Attempt, counted_in, record, used
from dpsynth.gate.evidence import Unavailable
from dpsynth.gate.settings import Rules
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    Ledger.init(tmp_path / "ledger.db", (1.0, 1e-6), "people").close()
    return str(tmp_path / "ledger.db")


def attempt(release: str, audit: str = "") -> Attempt:
    return Attempt(release, audit, "p", "2030-01-01", "fail")


def test_each_sees_all_before_it(ledger: str) -> None:
    seen: list[int] = []

    def one(number: int) -> None:
        def decide(earlier: tuple[Attempt, ...]) -> Attempt:
            seen.append(len(earlier))
            return attempt(str(number))

        record(ledger, "people", decide)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert sorted(seen) == list(range(12))
    with open_ledger(ledger) as opened:
        assert opened.verify() == ()
        assert float(opened.remaining("people").mu_squared) > 0
        assert opened.explain("people") == ()


def test_a_scope_is_counted_with_those_below_it(ledger: str) -> None:
    record(ledger, "people", lambda _: attempt("x"))
    lengths: list[int] = []

    def look(earlier: tuple[Attempt, ...]) -> Attempt:
        lengths.append(len(earlier))
        return attempt("y")

    record(ledger, "people/visits", look)
    record(ledger, "people", look)
    record(ledger, "people/labs", look)
    assert lengths == [0, 2, 0]


def test_a_scope_above_counts_all_tries_below_it(ledger: str) -> None:
    """As one step: nobody comes between what was counted above and what is written below."""
    seen: list[list[str]] = []

    def tried(scope: str, name: str) -> None:
        def decide(earlier: tuple[Attempt, ...]) -> Attempt:
            seen.append([each.release for each in earlier])
            return attempt(name)

        record(ledger, scope, decide, within="people/visits")

    tried("people/visits", "1")
    tried("people/visits/a", "2")
    record(ledger, "people/visitors", lambda _: attempt("another scope"))
    tried("people/visits/b/c", "3")
    tried("people/visits/a", "4")
    assert seen == [["1", "2", "3"][:length] for length in range(4)]
    with open_ledger(ledger) as opened:
        written = [entry.scope for entry in opened._store.entries() if entry.kind == "ATTEMPT"]
        assert written == [
            "people/visits", "people/visits/a", "people/visitors", "people/visits/b/c", "people/visits/a"
        ]  # fmt: skip
        assert opened.verify() == ()
        with pytest.raises(SettingError, match="within"):
            opened.attempt("people/visitors", lambda _: {}, within="people/visits")


@pytest.mark.parametrize(
    ("own", "scopes", "counted"),
    [
        (None, None, "people/visits/a"),
        (None, ["people/visits"], "people/visits"),
        (None, ["people/visits", "people", "people/visits/a"], "people"),
        (None, ["people/visit", "people/labs"], "people/visits/a"),
        ("people/visits", ["people"], "people/visits"),
        ("people/visits/a", None, "people/visits/a"),
        ("people/labs", ["people"], None),
        ("people/visits/a/b", None, None),
        ("people/visit", None, None),
    ],
)
def test_where_tries_are_counted(own: str | None, scopes: list[str] | None, counted: str | None) -> None:
    attempts: dict[str, object] = {"at_most": 2} | ({} if own is None else {"scope": own})
    rules = Rules(ledger=settings.Ledger(scopes=scopes and tuple(scopes)), attempts=attempts, mu={"at_most": 1.0})
    assert counted_in(rules, "people/visits/a") == counted


def test_nothing_is_written_when_the_decision_breaks_down(ledger: str) -> None:
    def broken(_: tuple[Attempt, ...]) -> Attempt:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record(ledger, "people", broken)
    record(ledger, "people", lambda earlier: attempt(str(len(earlier))))
    record(ledger, "people", lambda earlier: attempt(earlier[0].release))


def test_edits_are_seen_and_a_missing_ledger_is_unavailable(ledger: str, tmp_path: Path) -> None:
    for name in "xyz":
        record(ledger, "people", lambda _, name=name: attempt(name))  # type: ignore[misc]
    with closing(sqlite3.connect(ledger)) as database:
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("DELETE FROM entries WHERE seq = 3")
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("DELETE FROM entries WHERE seq = 3")
        database.commit()
    with pytest.raises(Unavailable):
        record(ledger, "people", lambda _: attempt("w"))
    with pytest.raises(Unavailable):
        record(str(tmp_path / "none.db"), "people", lambda _: attempt("w"))


def test_one_release_with_one_audit_counts_once() -> None:
    earlier = (attempt("x"), attempt("x"), attempt("y"), attempt("x", audit="1"))
    assert used(earlier, "x", "") == 3
    assert used(earlier, "new", "") == 4
    assert used((), "new", "") == 1
