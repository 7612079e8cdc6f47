"""Private choice of a Bayesian network: which parents each column gets, by the exponential mechanism."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.mechanisms.select import cost_of_range
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.exponential import select
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

SHARES = 1 << 16
"""Public shares of a column are whole numbers out of this many, so that scores are exact integers."""

_LARGEST = float(1 << 60)

Edge = tuple[str, Clique]
"""A column and its parents, in table order."""


@dataclass(frozen=True, eq=False)
class SelectParents:
    """Orders the columns and gives each of them parents among those before it, the strongest relation first.

    roots: all columns, first those that should rather have no parents. candidates: (column, parents) pairs to
    choose from. shares: for each column, public whole numbers that sum to `SHARES` (a noisy one-way).
    penalties: one for each candidate, in rows, public. rate: of the exponential mechanism, per row. The
    first root is placed; then one candidate after the other is drawn, with probability proportional to
    exp(rate * (R - penalty)), among those whose column is not placed yet and whose parents are. Where there
    are none, the next root is placed. The answer lists all columns with their parents.

    R(x, parents) = 1/2 sum over cells |c(x, p) - s(x) c(p)|, in rows: the distance between the joint counts
    and independence of the column from its parents, with s the public share of x and c exact counts.

    Privacy: inside one configuration p of the parents the differences sum to zero, so R is the sum of their
    positive parts. A row added at (x0, p0) changes nothing outside p0; there it raises c - s c(p0) by
    1 - s(x0) at x0 and lowers it by s(x) at every other x. So R rises by at most 1 - s(x0), from the one
    cell that rises, and falls by at most sum of s(x) over x != x0, which is 1 - s(x0) too. Hence one row
    moves every R by at most 1 row either way (with shares from exact counts it would be about 3), and k rows
    by k, 2k when replaced. R is not monotone, so the log-probabilities of one draw move within a range of
    2 * rate * that, whatever was drawn before. Together the draws, at most d - 1, cost cost_of_picks of this
    range. The bound on R is reached: by a row at an x0 with s(x0) = 0.

    Source: Zhang, Cormode, Procopiuc, Srivastava, Xiao, "PrivBayes: Private Data Release via Bayesian
    Networks", SIGMOD 2014 and TODS 2017, algorithm 2 with the score R of section 5.3; the public shares in
    place of exact ones are ours.
    """

    codec: Codec
    roots: tuple[str, ...]
    candidates: tuple[Edge, ...]
    shares: Mapping[str, npt.NDArray[np.int64]]
    penalties: tuple[float, ...]
    rate: float

    def __post_init__(self) -> None:
        if len(self.candidates) != len(self.penalties):
            raise SettingError("penalties must have one entry for each candidate")
        if sorted(self.roots) != sorted(self.codec.domain.columns):
            raise SettingError("roots must name every column once")
        for column, parents in self.candidates:
            if column in parents or not parents or parents != self.codec.domain.canonical(parents):
                raise SettingError(f"parents of {column!r} must be other columns in table order, at least one")
            own = self.shares[column]
            if own.shape != (self.codec.domain[column],) or (own < 0).any() or int(own.sum()) != SHARES:
                raise SettingError(f"shares of {column!r} must be non-negative whole numbers that sum to {SHARES}")

    @property
    def picks(self) -> int:
        """Draws at most: one for each column that has candidates, but not for the first root."""
        return len({column for column, _ in self.candidates} - {self.roots[0]})

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Cost of `picks` adaptive exponential mechanisms of range 2 * rate * L1 sensitivity."""
        return cost_of_range(2 * self.rate * unit.l1_count_sensitivity, self.picks)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact R of each candidate, in 1 / SHARES of a row; all cliques are counted in one call."""
        if not self.candidates:
            return np.zeros(0, dtype=np.int64)
        domain = self.codec.domain
        cliques = [domain.canonical((column, *parents)) for column, parents in self.candidates]
        counts = private.marginals(self.codec, tuple(dict.fromkeys(cliques)))
        return np.array(
            [
                dependence(counts[clique], clique.index(column), self.shares[column])
                for clique, (column, _) in zip(cliques, self.candidates, strict=True)
            ],
            dtype=np.int64,
        )

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> tuple[Edge, ...]:
        """All columns with their parents (none for a root); parents come before their children."""
        # Beyond 2^60 a penalty decides everything anyway; there the difference cannot overflow.
        penalties = np.clip(np.rint(np.asarray(self.penalties, dtype=np.float64) * SHARES), -_LARGEST, _LARGEST)
        scores = exact - penalties.astype(np.int64)
        columns = np.array([column for column, _ in self.candidates], dtype=object)
        missing = np.array([len(parents) for _, parents in self.candidates], dtype=np.int64)
        placed: dict[str, Clique] = {}
        left = np.ones(len(columns), dtype=bool)
        while len(placed) < len(self.roots):
            live = np.flatnonzero(left & (missing == 0))
            if placed and live.size:
                column, parents = self.candidates[
                    live[select(scores[live], self.rate / SHARES, source)]
                ]  # a power of two: exact
            else:
                column, parents = next(name for name in self.roots if name not in placed), ()
            placed[column] = parents
            left &= columns != column
            missing -= np.array([column in above for _, above in self.candidates], dtype=np.int64)
        return tuple(placed.items())

    def movement(self, exact: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int64]) -> Cost:
        """Range of the score differences of this pair of tables, priced for every pick."""
        moved = exact - neighbour
        spread = max(int(moved.max(initial=0)) - int(moved.min(initial=0)), 0)
        return cost_of_range(self.rate * spread / SHARES, self.picks)

    def describe(self) -> dict[str, Any]:
        """Kind, number of candidates and picks, the rate, and the cells that are counted."""
        domain = self.codec.domain
        return {
            "kind": "selection of parents",
            "candidates": len(self.candidates),
            "picks": self.picks,
            "rate": self.rate,
            "cells": sum(map(domain.cells, {domain.canonical((column, *above)) for column, above in self.candidates})),
        }


def dependence(counts: npt.NDArray[np.int64], axis: int, shares: npt.NDArray[np.int64]) -> int:
    """R of the column on `axis` given all others, in 1 / SHARES of a row: the sum of positive parts.

    >>> dependence(np.array([[3, 0], [0, 3]]), 0, np.array([SHARES // 2, SHARES // 2])) / SHARES
    3.0
    """
    by_value = np.moveaxis(counts, axis, -1)
    excess = SHARES * by_value - shares * by_value.sum(axis=-1, keepdims=True)
    return int(excess.clip(min=0).sum())


def whole_shares(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Probabilities as whole numbers out of `SHARES`; the sum is exact and none is negative.

    >>> whole_shares(np.array([0.5, 0.25, 0.25])).tolist()
    [32768, 16384, 16384]
    """
    bounds = np.rint(np.cumsum(probabilities) / np.sum(probabilities) * SHARES).astype(np.int64)
    bounds[-1] = SHARES
    return np.diff(bounds, prepend=0)
