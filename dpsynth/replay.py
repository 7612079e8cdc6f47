"""Replay on neighbours: a deterministic check that a program keeps to the privacy that it declares.

Run a program on a table D and keep every mechanism's exact and noisy answer. Run it again on a
neighbour D', handing it the noisy answers of the first run. If the program touches data only through
mechanisms, it cannot tell: it must ask for the same mechanisms with the same parameters. And for each
of them, what it would take to tell the two exact answers apart must be covered by its declared cost.

A finding is a proof of a violation; no finding proves nothing about other tables, so many are drawn.
Source of the method: Cebere, Erb, Desfontaines, Bellet, Fitzsimons, "Re:cord-play", PoPETS 2026.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from dpsynth.mechanisms.mechanism import Mechanism
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.session import Door

Exact = TypeVar("Exact")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Take:
    """One mechanism of the first run: what was asked, the exact answer, the noisy answer."""

    label: str
    mechanism: Any
    exact: Any
    answer: Any


@dataclass
class RecordingDoor:
    """A door that remembers everything it lets through: for tests on made tables only."""

    private: Counter
    unit: PrivacyUnit
    source: EntropySource
    tape: list[Take] = field(default_factory=list)

    def run(self, mechanism: Mechanism[Exact, Out], label: str) -> Out:
        """Run on the first table and remember."""
        exact = mechanism.query(self.private)
        answer = mechanism.randomise(exact, self.source)
        self.tape.append(Take(label, mechanism, exact, answer))
        return answer


@dataclass
class ReplayingDoor:
    """A door to the neighbour that answers from the tape, and writes down every finding."""

    neighbour: Counter
    unit: PrivacyUnit
    tape: list[Take]
    findings: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    position: int = 0

    def run(self, mechanism: Mechanism[Exact, Out], label: str) -> Out:
        """Compare with the first run, measure the movement, answer as before."""
        if self.position >= len(self.tape):
            raise _Diverged(f"mechanism {label!r} ran on the neighbour only")
        take = self.tape[self.position]
        self.position += 1
        if take.label != label or not same(take.mechanism, mechanism):
            raise _Diverged(
                f"step {self.position} ({take.label!r}) ran with other parameters on the neighbour ({label!r})"
            )
        cost, moved = mechanism.cost(self.unit), mechanism.movement(take.exact, mechanism.query(self.neighbour))
        self.ratios.append(_ratio(moved, cost))
        if not moved <= cost:
            self.findings.append(
                f"{label!r} ({type(mechanism).__name__}) declares {cost}, but one neighbour moved it by {moved}"
            )
        answer: Out = take.answer
        return answer


class _Diverged(Exception):
    """The second run asked for something else than the first."""


@dataclass(frozen=True)
class ReplayReport:
    """Findings (violations, none when all is well), steps replayed, and the largest movement / cost."""

    findings: tuple[str, ...]
    steps: int
    tightest: float

    @property
    def passed(self) -> bool:
        """Whether there was no finding, and something was replayed at all."""
        return not self.findings and self.steps > 0


def replay(
    program: Callable[[Door], Any],
    table: Counter,
    neighbour: Counter,
    unit: PrivacyUnit,
    source: EntropySource,
    granted: Cost | None = None,
) -> ReplayReport:
    """Run `program` on `table`, replay it on `neighbour`, and report every violation.

    program: takes a door, and must touch private data through it alone. granted: when given, the sum of
    the costs of all mechanisms must stay within it.
    """
    recorder = RecordingDoor(table, unit, source)
    first = program(recorder)
    player = ReplayingDoor(neighbour, unit, recorder.tape)
    findings = []
    try:
        second = program(player)
        if player.position < len(recorder.tape):
            findings.append(f"mechanism {recorder.tape[player.position].label!r} ran on the first table only")
        elif not same(first, second):
            findings.append("the results differ although every mechanism answered the same: data went around the door")
    except _Diverged as diverged:
        findings.append(str(diverged))
    spent = sum((take.mechanism.cost(unit) for take in recorder.tape), ZERO)
    if granted is not None and not spent <= granted:
        findings.append(f"the mechanisms cost {spent}, above the granted {granted}")
    return ReplayReport((*player.findings, *findings), player.position, max(player.ratios, default=0.0))


def same(a: Any, b: Any) -> bool:
    """Deep equality of values, arrays and dataclasses; other objects of one class compare by their attributes."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if dataclasses.is_dataclass(a):
        # Fields that do not count when values are compared, such as whom to tell of progress, do not count here.
        return all(same(getattr(a, one.name), getattr(b, one.name)) for one in dataclasses.fields(a) if one.compare)
    return bool(a == b)


def _ratio(moved: Cost, cost: Cost) -> float:
    """How much of the declared mu^2 this pair of tables used; 1 means that the declaration is tight."""
    if cost.mu_squared == 0:
        return 0.0 if moved.mu_squared == 0 else float("inf")
    return float(moved.mu_squared / cost.mu_squared)
