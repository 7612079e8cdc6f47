"""Executors that die: a process that reads a table, or encodes it, is killed once or each time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpsynth.codec.codec import Codec


def through(job: Callable[[Any], Any], frame: Any) -> Any:
    """The frame's batches through a job of executors; its columns go by number meanwhile, for Spark's sake."""
    numbered = frame.toDF(*map(str, range(len(frame.columns))))
    return numbered.mapInArrow(job, numbered.schema).toDF(*frame.columns)


def dying(frame: Any, marker: Path, *, for_good: bool = False) -> Any:
    """The same frame, but the first process that reads of it (or every one) is killed."""

    def job(batches: Any) -> Any:
        if for_good or not marker.exists():
            marker.touch()
            os._exit(9)
        yield from batches

    return through(job, frame)


def dying_codec(codec: Codec, dies: str, marker: Path) -> Codec:
    """The same codec, but the first process that encodes one column is killed."""

    class Dying:
        def __init__(self, inner: Any) -> None:
            self.inner = inner
            self.name, self.source, self.size = inner.name, inner.source, inner.size

        def encode(self, ticks: Any, labels: Any = None) -> Any:
            if not marker.exists():
                marker.touch()
                os._exit(9)
            return self.inner.encode(ticks, labels)

    columns: Any = tuple(Dying(column) if column.name == dies else column for column in codec.columns)
    return Codec(columns)
