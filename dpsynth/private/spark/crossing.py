"""What crosses from Spark to this process: the one place where answers arrive, counted, and errors without cells.

Spark's exceptions and its log quote cells. The exceptions are held back here. The log of this process's Spark is
silent while a job runs; executors on other machines keep logs of their own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dpsynth.errors import DataError, DPSynthError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

Answer = TypeVar("Answer")
Job = Callable[[Iterator["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]

JAVA_LOGGER = "org.apache.spark"
PYTHON_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
# One job at a time in this process, so that none ends another's silence.
TURN = threading.RLock()


@dataclass
class Crossing:
    """The way to a Spark session and back.

    arrived: the shape, (rows, columns), of every answer so far.
    """

    session: Any = field(repr=False)
    arrived: list[tuple[int, int]] = field(default_factory=list, repr=False)

    def rows(self, make: Callable[[], DataFrame]) -> list[tuple[Any, ...]]:
        """All rows of a frame. Raises DataError, without Spark's words, when the frame cannot be made or computed."""
        found = self.guarded(lambda: [tuple(row) for row in make().collect()])
        self.arrived.append((len(found), len(found[0]) if found else 0))
        return found

    def guarded(self, job: Callable[[], Answer]) -> Answer:
        """What a job gives; DataError for whatever Spark raises."""
        import pyarrow as pa
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            with TURN, silent(self.session):
                return job()
        except (PySparkException, Py4JError, pa.ArrowException, OSError) as error:
            fault = type(error).__name__  # and not Spark's name for it, which raise_error lets a query choose
        # Spark's words quote cells of the table. Out here they are over, and not even our error's context holds them.
        raise DataError(
            f"the Spark session must compute; got its error {fault}; try data.count() and, where that works, whether "
            "dpsynth is installed for the executors' Python and whether they have room"
        )


@contextlib.contextmanager
def silent(session: Any) -> Iterator[None]:
    """Keeps Spark's part of this process from logging, for its log quotes cells; a remote session logs elsewhere."""
    from pyspark.logger import PySparkLogger

    with contextlib.ExitStack() as after:
        for name in PYTHON_LOGGERS:
            logger = PySparkLogger.getLogger(name)
            after.callback(setattr, logger, "disabled", logger.disabled)
            logger.disabled = True
        virtual_machine = getattr(session, "_jvm", None)
        if virtual_machine is not None:
            after.enter_context(_silent_machine(virtual_machine.org.apache.logging.log4j))
        yield


@contextlib.contextmanager
def _silent_machine(log4j: Any) -> Iterator[None]:
    context = log4j.LogManager.getContext(False)
    own = context.getConfiguration().getLoggers().get(JAVA_LOGGER)  # the steward's, where there is one
    before = None if own is None else own.getLevel()
    log4j.core.config.Configurator.setLevel(JAVA_LOGGER, log4j.Level.OFF)
    try:
        yield
    finally:
        # Where Spark is gone there is nothing left to tell, and the error on its way is to be seen.
        with contextlib.suppress(Exception):
            if before is None:
                context.getConfiguration().removeLogger(JAVA_LOGGER)
                context.updateLoggers()
            else:
                log4j.core.config.Configurator.setLevel(JAVA_LOGGER, before)


def held_back(job: Job) -> Job:
    """The same job for executors, with errors that hold no cell, for executors log what a task raises."""

    def careful(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        answers = shielded(lambda: iter(job(batches)))
        while (answer := shielded(lambda: next(answers, None))) is not None:
            yield answer

    return careful


def shielded(job: Callable[[], Answer]) -> Answer:
    """What a part of a task gives; DataError for whatever it raises."""
    try:
        return job()
    except Exception as error:  # noqa: BLE001 - whatever it is, its words are not for a log
        fault = str(error) if isinstance(error, DPSynthError) else type(error).__name__
    raise DataError(f"a task must run to its end; got {fault}")


def spark_schema(fields: Mapping[str, str]) -> str:
    """Spark's words for columns of these types."""
    return ", ".join(f"{name} {kind}" for name, kind in fields.items())
