"""Programs that are killed, and programs that write at once. Full size: benchmarks/ledger.py."""

from __future__ import annotations

import signal
import time
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.ledger import FORK, KINDS, MOMENTS, TINY, charge_together, kill_at_every_edge
from dpsynth.ledger import Ledger, open_ledger


def test_a_kill_at_any_edge_loses_nothing_and_gives_nothing_back(tmp_path: Path) -> None:
    assert kill_at_every_edge(tmp_path / "ledger.db", times=3) == 3 * len(KINDS) * len(MOMENTS)


def test_no_cap_is_exceeded_by_programs_that_charge_at_once(tmp_path: Path) -> None:
    entries, _ = charge_together(tmp_path / "ledger.db", processes=8, charges=40)
    assert entries > 50


def _charge_for_ever(path: Path, answered: Connection) -> None:
    with open_ledger(path) as ledger:
        number = 0
        while True:
            answered.send(ledger.reserve("people", TINY, request_id=str(number), plan_hash="plan").entry.seq)
            number += 1


def test_what_was_answered_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    for turn in range(5):
        path = tmp_path / f"{turn}.db"
        Ledger.init(path, 1.0, "people").close()
        receiving, sending = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_charge_for_ever, args=(path, sending))
        process.start()
        sending.close()
        last = receiving.recv()
        time.sleep(0.01 * turn)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        try:
            while True:
                last = receiving.recv()
        except (EOFError, OSError):
            receiving.close()
        with open_ledger(path) as ledger:
            assert ledger.head.seq in (last, last + 1), "one charge may have been taken and not answered"
            assert ledger.remaining("people").mu_squared == 1 - (ledger.head.seq - 1) * Fraction(1, 2**40)
            assert not ledger.verify()
