"""How many charges a ledger takes in a second, beside what the disk can flush; and whether it holds under fire.

`python benchmarks/ledger.py` prints the speed, then 16 processes x 200 charges at once, then programs killed at every
edge of a request's life, 50 times each. The two later parts are tests at full size; CI runs them smaller.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from dpsynth.errors import BudgetError
from dpsynth.ledger import Ledger, State, open_ledger
from dpsynth.ledger.book import Book
from dpsynth.ledger.entry import Entry
from dpsynth.ledger.sqlite import SqliteStore
from dpsynth.ledger.store import Build
from dpsynth.privacy.cost import Cost

CHARGES = 1000
FORK = multiprocessing.get_context("fork")
TINY = Cost(Fraction(1, 2**40))

KINDS = ("RESERVE", "TOUCHED", "MEASURED", "RELEASED", "VOID")
MOMENTS = ("open", "written", "committed")


class DyingStore(SqliteStore):
    """A store whose process is killed while it writes an entry of one kind.

    moment: "open", with the transaction begun and nothing written; "written", before the commit; "committed", before
    the caller hears of it.
    """

    kind = ""
    moment = ""

    def append(self, build: Build) -> tuple[Entry, ...]:
        """Write as ever, except at the fatal moment."""
        fatal = False

        def watched(book: Book) -> Sequence[Entry]:
            nonlocal fatal
            entries = build(book)
            fatal = any(entry.kind == self.kind for entry in entries)
            if fatal and self.moment == "open":
                die()
            if fatal and self.moment == "written":
                self._connection().set_trace_callback(lambda statement: die() if statement == "COMMIT" else None)
            return entries

        entries = super().append(watched)
        if fatal:
            die()
        return entries


def die() -> None:
    """As a power button would: no handler, no clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def live(path: Path, request_id: str, kind: str, moment: str) -> None:
    """One request from its reservation to its end, in a process that does not get there."""
    store = DyingStore.open(path)
    store.kind, store.moment = kind, moment
    ledger = Ledger(store)
    ledger.reserve("people/study", TINY, request_id=request_id, plan_hash="plan")
    if kind == "VOID":
        ledger.void(request_id)
    ledger.touched(request_id)
    ledger.measured(request_id, digest="0" * 64)
    ledger.released(request_id)


def kill_at_every_edge(path: Path, times: int) -> int:
    """Kill processes at every edge; raise AssertionError when a ledger is not what its last commit made it."""
    before = {"RESERVE": None, "TOUCHED": State.RESERVED, "MEASURED": State.TOUCHED, "RELEASED": State.MEASURED}
    killed = 0
    with Ledger.init(path, Cost(1), "people") as ledger:
        left = ledger.remaining("people").mu_squared
        for kind in KINDS:
            for moment in MOMENTS:
                for turn in range(times):
                    request_id = f"{kind} {moment} {turn}"
                    process = FORK.Process(target=live, args=(path, request_id, kind, moment))
                    process.start()
                    process.join()
                    assert process.exitcode == -signal.SIGKILL, (request_id, process.exitcode)
                    killed += 1
                    expected = before.get(kind, State.RESERVED)
                    if moment == "committed":
                        expected = State.RESERVED if kind == "RESERVE" else State[kind]
                    found = {one.request_id: one.state for one in ledger.explain("people")}
                    assert found.get(request_id) == (None if expected is State.VOID else expected), request_id
                    left -= TINY.mu_squared if request_id in found else 0
                    assert ledger.remaining("people").mu_squared == left, request_id
        assert not ledger.verify([ledger.head])
    return killed


def charge_at_random(path: Path, number: int, charges: int) -> None:
    """Reserve random costs in random scopes, void some, touch some; refusals are expected."""
    rng = np.random.default_rng(number)
    with open_ledger(path) as ledger:
        for turn in range(charges):
            request_id = f"{number}.{turn}"
            scope = ("people", "people/a", "people/b", "people/b/deep")[rng.integers(4)]
            cost = Cost(Fraction(int(rng.integers(1, 1000)), 200_000), Fraction(int(rng.integers(0, 10)), 10**8))
            try:
                ledger.reserve(scope, cost, request_id=request_id, plan_hash="plan")
            except BudgetError:
                continue
            if rng.random() < 0.5:
                ledger.touched(request_id)
            else:
                ledger.void(request_id)


def charge_together(path: Path, processes: int, charges: int) -> tuple[int, float]:
    """Entries written by several processes at once, and the seconds; AssertionError when a cap did not hold."""
    with Ledger.init(path, Cost(1, Fraction(1, 10**6)), "people") as ledger:
        ledger.balances()  # what computes epsilons is imported here, once, and not by every process
        ledger.cap("people/b", Cost(Fraction(1, 2), Fraction(1, 10**7)))
        started = time.perf_counter()
        workers = [FORK.Process(target=charge_at_random, args=(path, number, charges)) for number in range(processes)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - started
        assert [worker.exitcode for worker in workers] == [0] * processes
        # The sums are done anew from the raw entries, in rationals, at every moment of the ledger's life.
        costs = {entry.request_id: entry for entry in ledger._store.entries() if entry.kind == "RESERVE"}
        sums = {"people": Fraction(0), "people/b": Fraction(0)}
        refused = 0
        for entry in ledger._store.entries():
            sign = {"RESERVE": 1, "VOID": -1}.get(entry.kind, 0)
            for scope, spent in sums.items():
                if entry.scope == scope or entry.scope.startswith(f"{scope}/"):
                    sums[scope] = (
                        spent + sign * Fraction(costs[entry.request_id].mu_squared_units, 2**48) if sign else spent
                    )
            assert sums["people"] <= 1, entry.seq
            assert sums["people/b"] <= Fraction(1, 2), entry.seq
        refused = processes * charges - len(costs)
        assert refused > 0, "the caps were never met, so nothing was shown"
        assert ledger.remaining("people").mu_squared == 1 - sums["people"]
        assert not ledger.verify([ledger.head])
        return ledger.head.seq, seconds


def flushes_per_second(folder: Path) -> float:
    """How often the disk can be made to keep one page."""
    handle = os.open(folder / "flush", os.O_CREAT | os.O_WRONLY)
    started = time.perf_counter()
    for _ in range(CHARGES):
        os.write(handle, bytes(4096))
        os.fsync(handle)
    seconds = time.perf_counter() - started
    os.close(handle)
    (folder / "flush").unlink()
    return CHARGES / seconds


def charges_per_second(folder: Path, history: int) -> float:
    """Charges of one process on a ledger that holds `history` of them already."""
    path = folder / f"speed-{history}.db"
    with Ledger.init(path, Cost(1), "people") as ledger:
        for turn in range(history):
            ledger.reserve("people/study", TINY, request_id=f"old {turn}", plan_hash="plan")
    with open_ledger(path) as ledger:
        started = time.perf_counter()
        for turn in range(CHARGES):
            ledger.reserve("people/study", TINY, request_id=str(turn), plan_hash="plan")
        return CHARGES / (time.perf_counter() - started)


def main() -> None:
    """Print the tables. Flushes and charges take turns, because a disk has slow moments."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("DPSYNTH_BENCH_FOLDER", ".")) as name:
        folder = Path(name)
        print(f"{'entries before':>14} {'charges/s':>10} {'fsync/s':>10} {'ratio':>7}")
        for history in (0, 1000, 10_000):
            flushes = flushes_per_second(folder)
            charges = charges_per_second(folder, history)
            flushes = max(flushes, flushes_per_second(folder))
            print(f"{history:14,} {charges:10,.0f} {flushes:10,.0f} {charges / flushes:7.2f}")
        entries, seconds = charge_together(folder / "together.db", 16, 200)
        speed = f"{16 * 200 / seconds:,.0f} a second, most of them refused"
        print(f"16 processes x 200 charges: {speed}; {entries:,} entries; no cap was exceeded")
        killed = kill_at_every_edge(folder / "killed.db", 50)
        print(f"killed at {len(KINDS) * len(MOMENTS)} edges: {killed} processes, nothing lost, nothing given back")


if __name__ == "__main__":
    main()
