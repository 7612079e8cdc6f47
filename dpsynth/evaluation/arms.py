"""Control arms: what each figure would be for a table that keeps single columns only, and for more private rows.

The private rows are split at random into a training half and a test half, several times. Against the test half are
held, with as many rows each: the training half (the ceiling: nothing but chance lies between two halves), the training
half with every column shuffled (the floor: single columns are kept, all that links them is lost), and synthetic rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from dpsynth.evaluation.table import IntArray, Table
from dpsynth.processors import in_turn

Result = TypeVar("Result")

Best = Literal["lower", "higher"] | float
"""Which way is better, or the value that an indistinguishable table would have."""


@dataclass(frozen=True)
class Spread:
    """Mean, least and most over the repeats."""

    value: float
    least: float
    most: float

    @classmethod
    def of(cls, found: Sequence[float]) -> Spread:
        """Of the values that are there; NaN where none is."""
        known = [each for each in found if not math.isnan(each)]
        if not known:
            return cls(math.nan, math.nan, math.nan)
        return cls(math.fsum(known) / len(known), min(known), max(known))


@dataclass(frozen=True)
class Figure:
    """One number with its control arms.

    whole: the released table against all private rows, as other tools compute it; None for figures of trained models.
    synthetic, floor, ceiling: against test halves, all with as many rows.
    """

    name: str
    best: Best
    synthetic: Spread
    floor: Spread
    ceiling: Spread
    whole: float | None = None

    @property
    def closeness(self) -> float | None:
        """Where synthetic rows lie between floor (0) and ceiling (1); None where the ranges of these two overlap.

        None too where the floor is the better of the two: then nothing links the columns that chance does not undo.
        Below 0: worse than shuffled columns. Above 1: nearer than private rows are to each other.
        """
        gap = self.ceiling.value - self.floor.value
        overlap = self.floor.least <= self.ceiling.most and self.ceiling.least <= self.floor.most
        if math.isnan(gap) or math.isnan(self.synthetic.value) or overlap:
            return None
        if self._off(self.floor.value) <= self._off(self.ceiling.value):
            return None
        return (self.synthetic.value - self.floor.value) / gap

    def _off(self, value: float) -> float:
        """How bad a value is: more is worse."""
        if self.best == "higher":
            return -value
        return value if self.best == "lower" else abs(value - self.best)


@dataclass(frozen=True, eq=False)
class Repeat:
    """One split: test half, training half, the training half shuffled, as many synthetic rows; seed: of this repeat.

    places: where the rows of test, real and synthetic lie in the tables that they were taken from.
    draw: which synthetic table; 0 is the released one.
    """

    test: Table
    real: Table
    shuffled: Table
    synthetic: Table
    seed: int
    draw: int
    places: tuple[IntArray, IntArray, IntArray]


@dataclass(frozen=True, eq=False)
class Arms:
    """All private rows and all released ones, and the repeats."""

    private: Table
    released: Table
    repeats: tuple[Repeat, ...]

    def compare(
        self,
        metric: Callable[[Table, Table], Mapping[str, float]],
        best: Best | Mapping[str, Best],
        *,
        whole: bool = True,
    ) -> tuple[Figure, ...]:
        """The figures of a metric of (real table, other table), with their arms."""
        found = self.in_threes(lambda each, arm: metric(each.test, arm))
        everything = metric(self.private, self.released) if whole else {}
        return figures(found, best, everything)

    def in_threes(self, work: Callable[[Repeat, Table], Result]) -> list[tuple[Result, Result, Result]]:
        """The work of every repeat on (synthetic, shuffled, real) rows, by a thread for each processor."""
        items = [(each, arm) for each in self.repeats for arm in (each.synthetic, each.shuffled, each.real)]
        made = list(in_turn(lambda item: work(*item), items))
        return [(made[place], made[place + 1], made[place + 2]) for place in range(0, len(made), 3)]


def figures(
    found: Sequence[tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]],
    best: Best | Mapping[str, Best],
    whole: Mapping[str, float],
) -> tuple[Figure, ...]:
    """Figures from the values of every repeat: (synthetic, floor, ceiling)."""
    made = []
    for name in found[0][0]:
        synthetic, floor, ceiling = (Spread.of([each[arm].get(name, math.nan) for each in found]) for arm in range(3))
        wanted = best[name] if isinstance(best, Mapping) else best
        made.append(Figure(name, wanted, synthetic, floor, ceiling, whole.get(name)))
    return tuple(made)


def arms(
    private: Table, released: Table, draws: Sequence[Table], holdout: Table | None, *, repeats: int, seed: int
) -> Arms:
    """Split the private rows `repeats` times. draws: further synthetic tables, so that not one draw of rows decides.

    holdout: rows that took no part in the synthesis; they are the test rows then, in every repeat.
    """
    streams = np.random.SeedSequence(seed).spawn(repeats)
    tables = [released, *draws]
    made = []
    for place, stream in enumerate(streams):
        rng = np.random.default_rng(stream)
        synthetic = tables[place % len(tables)]
        order, half = rng.permutation(private.rows), private.rows // 2
        test = order[half:] if holdout is None else np.arange(holdout.rows)
        places = test, order[:half], _so_many(synthetic.rows, half, rng)
        real = private.take(places[1])
        made.append(
            Repeat(
                (private if holdout is None else holdout).take(test),
                real,
                real.shuffled(rng),
                synthetic.take(places[2]),
                seed + place,
                place % len(tables),
                places,
            )
        )
    return Arms(private, released, tuple(made))


def _so_many(rows: int, wanted: int, rng: np.random.Generator) -> IntArray:
    """So many places of rows at random; where there are fewer rows, some come twice."""
    return rng.integers(0, rows, wanted) if rows < wanted else rng.permutation(rows)[:wanted]


def thinned(table: Table, most: int, rng: np.random.Generator) -> Table:
    """At most so many rows, at random."""
    return table if table.rows <= most else table.take(rng.permutation(table.rows)[:most])
