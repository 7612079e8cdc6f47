"""Work on several threads comes back in order, a little ahead, and its errors in their turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from dpsynth import processors
from dpsynth.processors import in_turn, usable_processors


def test_results_come_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "usable_processors", lambda: 4)
    barrier = threading.Barrier(2)  # two at a time, or it times out

    def slowest_first(number: int) -> int:
        barrier.wait(timeout=20)
        time.sleep(0.002 * (number % 2 == 0))
        return number

    assert list(in_turn(slowest_first, range(20))) == list(range(20))


def test_no_more_items_are_taken_than_the_processors_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "usable_processors", lambda: 3)
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_turn(lambda number: number, items())
    for done in range(10):
        assert next(results) == done
        assert len(taken) <= done + 4
    results.close()  # type: ignore[attr-defined]
    assert len(taken) < 20


def test_an_error_is_raised_in_its_turn() -> None:
    results = in_turn(lambda number: 1 // (3 - number), range(10))
    assert [next(results), next(results), next(results)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_to_do_is_done() -> None:
    assert list(in_turn(str, [])) == []
    assert usable_processors() >= 1
