"""Work that is handed to the processors which this process may use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_turn(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item, in their order, by a thread for each processor; so many results wait at most.

    What `work` or `items` raises is raised here, in its turn. Items are taken by the caller's thread.

    >>> list(in_turn(lambda number: number**2, range(4)))
    [0, 1, 4, 9]
    """
    processors = usable_processors()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(processors) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > processors:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
