"""The one door: the only place where a mechanism meets private data.

A session charges first, then asks, then records. It is the privacy filter of the run: with costs
(mu^2, delta0) that may depend on earlier answers, stopping before the sums pass the budget is valid
under full adaptivity (Smith, Thakurta, "Fully Adaptive Composition for Gaussian Differential Privacy",
2022; the delta0 parts add up by a union bound), so no algorithm can overspend however it is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from dpsynth.errors import BudgetError, SessionClosedError
from dpsynth.mechanisms.mechanism import Mechanism
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.tape import Tape

Exact = TypeVar("Exact")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Record:
    """One mechanism that ran: its label, its public parameters and its cost."""

    label: str
    parameters: dict[str, Any]
    cost: Cost


class Door(Protocol):
    """What a synthesizer may hold: run mechanisms, and know the unit. Rows are not reachable from it."""

    @property
    def unit(self) -> PrivacyUnit:
        """Whom the promise is about."""
        ...

    def run(self, mechanism: Mechanism[Exact, Out], label: str) -> Out:
        """Charge the mechanism's cost, run it, record it, return its noisy answer."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A mechanism that can go on from a file after it was cut off."""

    def kept_at(self, path: Path) -> Any:
        """The same mechanism, keeping its state in that file."""
        ...


class Session:
    """A budget, a private table behind a counter, and a source of entropy, joined by `run` alone.

    tape: where answers are kept, so that a run that was cut off is given them again instead of new ones.
    """

    def __init__(
        self,
        private: Counter,
        unit: PrivacyUnit,
        budget: Cost,
        source: EntropySource,
        on_run: Callable[[str], None] | None = None,
        tape: Tape | None = None,
    ) -> None:
        self._private: Counter | None = private
        self._unit = unit
        self._budget = budget
        self._source = source
        self._on_run = on_run
        self._tape = tape
        self._records: list[Record] = []
        self._charging = threading.Lock()

    @property
    def unit(self) -> PrivacyUnit:
        """Whom the promise is about."""
        return self._unit

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything that ran, in order."""
        return tuple(self._records)

    @property
    def spent(self) -> Cost:
        """Sum of all costs charged so far."""
        return sum((record.cost for record in self._records), ZERO)

    def run(self, mechanism: Mechanism[Exact, Out], label: str) -> Out:
        """Charge the mechanism's cost, run it, record it, return its noisy answer.

        Raises BudgetError before any data is touched when the budget does not cover the cost, and
        SessionClosedError after `close`. What was charged stays charged, whatever happens afterwards.
        """
        if self._private is None:
            raise SessionClosedError(f"mechanism {label!r} must run before the session is closed")
        record = Record(label, mechanism.describe(), mechanism.cost(self._unit))
        with self._charging:
            left = self._budget.minus(self.spent)
            if not record.cost.fits(left):
                raise BudgetError(
                    f"cost of {label!r} ({record.cost}) must fit what is left of the budget; got {left} left;"
                    " try a smaller share for this step"
                )
            self._records.append(record)
        if self._on_run is not None:
            self._on_run(label)
        if self._tape is None:
            return mechanism.randomise(mechanism.query(self._private), self._source)
        return self._taped(self._tape, self._private, mechanism, record)

    def _taped(self, tape: Tape, private: Counter, mechanism: Mechanism[Exact, Out], record: Record) -> Out:
        """The answer on the tape, or a new one; a mechanism that takes long keeps its own state beside it."""
        number = next(place for place, each in enumerate(self._records) if each is record)
        kept = mechanism.kept_at(tape.place(number)) if isinstance(mechanism, Resumable) else mechanism
        answer: Out = tape.answered(
            number, record.label, record.parameters, lambda: kept.randomise(kept.query(private), self._source)
        )
        return answer

    def close(self) -> None:
        """Let go of the private table; nothing can be run afterwards."""
        self._private = None
