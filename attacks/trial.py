"""A trial: targets, and the secret coins that decided which of them were in the private table.

Two designs give coins that are independent and fair, which is what makes the statistics hold:

- *pool*: before the fit, every unit of an audit pool got a coin of its own, and heads went into the table.
- *pairs*: of every pair one went into the table, by a coin. For a table that was made without a pool: a random
  row of the private table beside a random holdout row. If both are draws of one population, then given the two
  rows it is a fair coin which one went in. Neighbouring tables then differ in one row *replaced*.

An attack sees the targets, never the coins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """Which targets were in.

    coins: bool, shape (targets,): the target was in the private table. pairs: whether targets 2i and 2i + 1 are a
    pair, one of which was in. units: for each target row its unit 0..k-1, where a unit has several rows; then coins
    are those of units, shape (units,). Raises ValueError when they do not fit together.
    """

    coins: npt.NDArray[np.bool_]
    pairs: bool = False
    units: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.pairs and (len(self.coins) % 2 or (self.coins[::2] == self.coins[1::2]).any()):
            raise ValueError("coins of a pair must be one in, one out")
        if self.units is not None and not np.array_equal(np.unique(self.units), np.arange(len(self.coins))):
            raise ValueError("units must be numbered 0..k-1, as many as coins")

    @property
    def rows(self) -> int:
        """Target rows."""
        return len(self.coins) if self.units is None else len(self.units)

    def by_unit(self, values: FloatArray) -> FloatArray:
        """The mean of the values of each unit's rows."""
        if self.units is None:
            return values
        return np.bincount(self.units, values, len(self.coins)) / np.bincount(self.units, minlength=len(self.coins))

    def rows_of(self, units: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """For each target row, whether its unit is among these."""
        return units if self.units is None else units[self.units]

    def take(self, units: npt.NDArray[np.bool_]) -> Trial:
        """The trial of some units alone, chosen without a look at their coins; pairs must be taken whole."""
        if self.units is None:
            return Trial(self.coins[units], self.pairs)
        numbers = np.cumsum(units) - 1
        return Trial(self.coins[units], self.pairs, numbers[self.units[self.rows_of(units)]])


def paired(members: int, others: int, at_most: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], Trial]:
    """Pairs of a random row of `members` and one of `others`, in random order.

    Returns places, shape (2 * pairs,), in the members' rows followed by the others' rows, and the trial.
    """
    count = min(members, others, at_most)
    inside, outside = rng.permutation(members)[:count], members + rng.permutation(others)[:count]
    first = rng.random(count) < 0.5
    places = np.empty(2 * count, np.int64)
    places[::2], places[1::2] = np.where(first, inside, outside), np.where(first, outside, inside)
    return places, Trial(places < members, pairs=True)
