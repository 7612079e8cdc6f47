"""A privacy claim, and what it says about the two tables that a trial tells apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from attacks.statistics.trade_off import Approximate, Gaussian, TradeOff


class Design(Protocol):
    """What a claim must know of a trial."""

    @property
    def pairs(self) -> bool:
        """Whether one row of a pair replaced the other, rather than being there or not."""
        ...


@dataclass(frozen=True)
class Claim:
    """What is promised for one privacy unit: (epsilon, delta), and the curve behind it where it is known.

    mu, delta0: delta0-approximate mu-GDP; None where only (epsilon, delta) is promised. relation: what neighbouring
    tables differ in, "add-remove" or "replace-one". `Claim()` promises that nothing is learned of anyone. Raises
    ValueError on other values.
    """

    epsilon: float = 0.0
    delta: float = 0.0
    mu: float | None = None
    delta0: float = 0.0
    relation: str = "add-remove"

    def __post_init__(self) -> None:
        if self.relation not in ("add-remove", "replace-one"):
            raise ValueError(f"relation must be add-remove or replace-one; got {self.relation!r}")
        for name, value in (("epsilon", self.epsilon), ("mu", self.mu)):
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} ({value}) must be finite and at least 0")
        for name, share in (("delta", self.delta), ("delta0", self.delta0)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} ({share}) must be from 0 to 1")

    @property
    def curve(self) -> TradeOff:
        """The curve for two neighbouring tables: the Gaussian one where mu is known."""
        if self.mu is not None:
            return Gaussian(self.mu, self.delta0)
        return Approximate(self.epsilon, self.delta)

    def against(self, trial: Design) -> TradeOff:
        """The curve for the two tables that one coin of the trial chooses between."""
        return self.seen_by(trial, self.curve)

    def seen_by(self, trial: Design, curve: TradeOff) -> TradeOff:
        """A curve for neighbours of this claim's relation, taken to the two tables that one coin chooses between.

        In a pool a coin adds one unit or leaves it out. In a pair it replaces one row by another, which is two steps
        of adding and removing, and one of replacing. Raises ValueError for a pool under replace-one: tables of
        unequal size are no neighbours there, and nothing is promised.
        """
        if trial.pairs:
            return curve.two_steps() if self.relation == "add-remove" else curve
        if self.relation == "replace-one":
            raise ValueError("a replace-one claim says nothing about a row that is added: try a trial of pairs")
        return curve
