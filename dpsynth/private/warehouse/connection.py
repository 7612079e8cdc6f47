"""A connection to an engine: statements go out, counts come back, and no error quotes a cell or a password."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dpsynth.errors import DataError
from dpsynth.private.warehouse.dialect import Dialect
from dpsynth.private.warehouse.ticks_sql import Kind

NOTHING: Mapping[str, object] = {}


@dataclass
class Connection:
    """An open connection to an engine; may be used by one thread at a time, and waits its turn.

    table: the steward's table, as it is written in statements. ended: what is to be done once the connection is closed.
    Raises DataError, without the engine's words, which may quote cells, when a statement fails.
    """

    dialect: Dialect
    table: str = field(repr=False)
    engine: Any = field(repr=False)
    faults: tuple[type[Exception], ...] = field(repr=False)
    described: Callable[[Connection], dict[str, Kind]] = field(repr=False)
    ended: Callable[[], object] = field(repr=False)
    turn: Any = field(default_factory=threading.RLock, repr=False)

    def run(self, statement: str, values: Mapping[str, object] = NOTHING) -> None:
        """A statement without an answer. values: what is bound, by name."""
        self._asked(statement, values, answers=False)

    def rows(self, statement: str, values: Mapping[str, object] = NOTHING) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        return self._asked(statement, values, answers=True)

    def kinds(self) -> dict[str, Kind]:
        """What the columns of the table hold."""
        with self.turn:
            return self.described(self)

    def close(self) -> None:
        """Close it, and with it go the tables of the session; closing twice is harmless."""
        with self.turn:
            self.engine.close()
            self.ended()

    def _asked(self, statement: str, values: Mapping[str, object], answers: bool) -> list[tuple[Any, ...]]:
        with self.turn:
            try:
                done = self.engine.execute(statement, dict(values)) if values else self.engine.execute(statement)
                return list(done.fetchall()) if answers else []
            except self.faults as error:
                fault = type(error).__name__  # and not its code, which a function of the database may choose
        # The engine's words may quote cells. Out here the error is over, and not even the context of ours holds it.
        raise DataError(
            f"the warehouse ({self.dialect.name}) must answer; got its error {fault}; try the table's name and types, "
            "the right to read it and to make temporary tables, and whether there is room for them"
        )
