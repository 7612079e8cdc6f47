"""The protocol of a mechanism: cost known before data, one exact query, one randomised answer.

A mechanism is split at the only place where it matters. `query` touches private data and is
deterministic; `randomise` never sees data, only the exact answer. The session joins the two, and a
replay harness can hold the first against a neighbouring table (`movement`) without any statistics.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

Exact = TypeVar("Exact")
Out = TypeVar("Out", covariant=True)


class Mechanism(Protocol[Exact, Out]):
    """A differentially private computation on exact counts.

    For all tables D, D' that are neighbours under `unit`:
    `movement(query(D), query(D')) <= cost(unit)`, and `randomise` applied to the two exact answers
    yields outputs that are indistinguishable at that cost. The first half is checked by replay on
    neighbours, the second by tests of the noise law.
    """

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Privacy cost of one run, from public facts alone."""
        ...

    def query(self, private: Counter) -> Exact:
        """The exact answer: secret, deterministic, free of data-dependent errors."""
        ...

    def randomise(self, exact: Exact, source: EntropySource) -> Out:
        """The noisy answer: public once its cost is charged."""
        ...

    def movement(self, exact: Exact, neighbour: Exact) -> Cost:
        """What telling these two exact answers apart is worth: the cost for this one pair of tables."""
        ...

    def describe(self) -> dict[str, Any]:
        """Public parameters for plan and certificate (numbers and strings only)."""
        ...
