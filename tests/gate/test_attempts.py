"""The file of attempts: append-only, chained, one writer at a time."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dpsynth.gate.attempts import Attempt, place_beside, record, used
from dpsynth.gate.evidence import Unavailable


def attempt(release: str, scope: str = "people", audit: str = "") -> Attempt:
    return Attempt(scope, release, audit, "p", "2030-01-01", "fail")


def test_each_sees_all_before_it(tmp_path: Path) -> None:
    seen: list[int] = []

    def one(number: int) -> None:
        def decide(earlier: tuple[Attempt, ...]) -> Attempt:
            seen.append(len(earlier))
            return attempt(str(number))

        record(tmp_path / "a.db", decide)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert sorted(seen) == list(range(12))


def test_nothing_is_written_when_the_decision_breaks_down(tmp_path: Path) -> None:
    def broken(_: tuple[Attempt, ...]) -> Attempt:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record(tmp_path / "a.db", broken)
    record(tmp_path / "a.db", lambda earlier: attempt(str(len(earlier))))
    record(tmp_path / "a.db", lambda earlier: attempt(earlier[0].release))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE attempts SET content = replace(content, 'fail', 'pass') WHERE seq = 1",
        "DELETE FROM attempts WHERE seq = 1",
        "DELETE FROM attempts WHERE seq = 2",
    ],
)
def test_edits_are_hindered_and_seen(tmp_path: Path, change: str) -> None:
    place = tmp_path / "a.db"
    for name in "xyz":
        record(place, lambda _, name=name: attempt(name))  # type: ignore[misc]
    with closing(sqlite3.connect(place)) as database:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(change)
        database.executescript(f"DROP TRIGGER no_update; DROP TRIGGER no_delete; {change};")
    with pytest.raises(Unavailable, match="edited or removed"):
        record(place, lambda _: attempt("w"))


def test_one_release_with_one_audit_counts_once() -> None:
    earlier = (attempt("x"), attempt("x"), attempt("y"), attempt("z", scope="others"), attempt("x", audit="1"))
    assert used(earlier, "people", "x", "") == 3
    assert used(earlier, "people", "new", "") == 4
    assert used(earlier, "others", "new", "") == 2
    assert used((), "", "new", "") == 1


def test_the_place_is_beside_a_file(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    assert place_beside(str(ledger)) is None
    ledger.touch()
    assert place_beside(str(ledger)) == tmp_path / "ledger.db.gate.db"
    assert place_beside(f"sqlite:///{ledger}") == tmp_path / "ledger.db.gate.db"
    assert place_beside("postgresql://user@host/ledger") is None
