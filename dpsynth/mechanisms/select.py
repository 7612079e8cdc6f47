"""Private selection: which cliques a public reference explains worst, by the exponential mechanism."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness, tied
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.exponential import select
from dpsynth.privacy.picks import cost_of_picks, range_of_picks
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter

LARGEST_WEIGHT = 1 << 20
_LARGEST_SCORE = 1 << 60


@dataclass(frozen=True, eq=False)
class SelectCliques:
    """Picks cliques one after the other, each with probability proportional to exp(rate * score).

    The score of a clique is its weight times the L1 distance, in rows, of its exact marginal from a public
    reference (integers, `references[i]` of shape `domain.shape(candidates[i])`), less a public penalty in
    rows for the noise that measuring it would bring. Each pick removes its clique; with `acyclic` it also
    removes those that would close a cycle, which makes d - 1 picks of pairs a random spanning tree of d
    columns; and without `nested` those on the same schema columns, on some of them, or on these and more. With
    `fairness` it removes those that would lead from a protected column to the outcome past the admissible ones, along
    the picked cliques and the codec's constraints.
    weights: positive whole numbers up to 2^20, one for each candidate, or none when all count alike
    (`whole_weights` makes them from fractions); whole, so that scores are exact integers.

    Privacy: one row changes one cell of a marginal by 1, so by the triangle inequality k rows move the L1
    distance of clique i by at most k (2k under replace-one) in either direction, and its score by at most
    weights[i] times that. References, penalties and weights are public and the same for both neighbours.
    The log-probability ratios of one pick therefore move within a range of
    2 * rate * max(weights) * sensitivity. (The score is NOT monotone: a row can raise one score and lower
    another, so the factor 2 stays.) Whatever was picked before, the next pick is a mechanism of that bounded
    range; all picks together cost cost_of_picks. Which candidates are left follows from earlier picks and public
    facts, the same for both neighbours, so leaving some out costs nothing.

    Source: McKenna, Miklau, Sheldon, "Winning the NIST Contest" (MST), JPC 2021, algorithm 2;
    McKenna, Mullins, Sheldon, Miklau, "AIM", VLDB 2022, section 4 (weights and penalties);
    Dong, Durfee, Rogers, "Optimal Differential Privacy Composition for Exponential Mechanisms", ICML 2020.
    """

    codec: Codec
    candidates: tuple[Clique, ...]
    references: tuple[npt.NDArray[np.int64], ...] = field(repr=False)
    penalties: tuple[int, ...]
    rate: float
    picks: int
    acyclic: bool = False
    weights: tuple[int, ...] = ()
    nested: bool = True
    fairness: Fairness | None = None

    def __post_init__(self) -> None:
        if not len(self.candidates) == len(self.references) == len(self.penalties):
            raise SettingError("references and penalties must have one entry for each candidate")
        if self.weights and len(self.weights) != len(self.candidates):
            raise SettingError("weights must have one entry for each candidate, or none at all")
        if not all(0 < weight <= LARGEST_WEIGHT and weight == round(weight) for weight in self.weights):
            raise SettingError(f"weights must be whole numbers from 1 to {LARGEST_WEIGHT}; try whole_weights(weights)")
        if self.acyclic and any(len(clique) != 2 for clique in self.candidates):
            raise SettingError("candidates of an acyclic selection must be pairs of columns")
        picks: object = self.picks  # what a caller without a type checker may pass
        if not isinstance(picks, int) or not 0 < self.rate < math.inf:
            raise SettingError(f"picks ({self.picks}) must be a whole number and rate ({self.rate}) positive")
        for clique, reference, penalty, weight in self._public():
            if reference.dtype != np.int64 or reference.shape != self.codec.domain.shape(clique):
                raise SettingError(f"reference of {clique} must be int64 of the shape of its marginal")
            largest = int(np.abs(reference.astype(np.float64)).sum()) + abs(penalty)
            if penalty != round(penalty) or weight * largest >= _LARGEST_SCORE:
                raise SettingError(f"score of {clique} must stay below 2^60; try a smaller noise penalty")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Cost of `picks` adaptive exponential mechanisms of range 2 * rate * max(weights) * sensitivity."""
        return cost_of_range(2 * self.rate * max(self.weights, default=1) * unit.l1_count_sensitivity, self.picks)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact scores, one for each candidate, in weighted rows."""
        counts = private.marginals(self.codec, self.candidates)
        return np.array(
            [
                weight * (int(np.abs(counts[clique] - reference).sum()) - penalty)
                for clique, reference, penalty, weight in self._public()
            ],
            dtype=np.int64,
        )

    def _public(self) -> Iterable[tuple[Clique, npt.NDArray[np.int64], int, int]]:
        weights = self.weights or (1,) * len(self.candidates)
        return zip(self.candidates, self.references, self.penalties, weights, strict=True)

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> tuple[Clique, ...]:
        """The picked cliques, in the order of picking; fewer than `picks` when candidates run out."""
        picked: list[int] = []
        while len(picked) < self.picks and (left := self.left_after(picked)).any():
            live = np.flatnonzero(left)
            picked.append(int(live[select(exact[live], self.rate, source)]))
        return tuple(self.candidates[index] for index in picked)

    def left_after(self, picked: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Which candidates may still be drawn once those of these indices have been; shape (candidates,)."""
        left = np.ones(len(self.candidates), dtype=np.bool_)
        left[list(picked)] = False
        if self.acyclic:
            part = np.arange(len(self.codec.domain))
            for kept, joined in self._ends[list(picked)]:
                part[part == part[joined]] = part[kept]
            left &= part[self._ends[:, 0]] != part[self._ends[:, 1]]
        if not self.nested:
            for index in picked:
                left &= ~self._holding[index]
        if self.fairness is not None:
            joined = [*tied(self.codec.constraints), *(self._sources[index] for index in picked)]
            left &= np.array(self.fairness.allowed(joined, self._sources), dtype=np.bool_)
        return left

    @cached_property
    def _sources(self) -> tuple[Clique, ...]:
        """Schema columns that each candidate reads."""
        return tuple(tuple(self.codec[column].source for column in clique) for clique in self.candidates)

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        """Places in the domain of the two columns of each candidate, shape (candidates, 2)."""
        place = {column: index for index, column in enumerate(self.codec.domain)}
        return np.array([[place[column] for column in clique] for clique in self.candidates], dtype=np.int64)

    @cached_property
    def _holding(self) -> npt.NDArray[np.bool_]:
        """Whether the schema columns of one candidate hold all those of another, shape (candidates, candidates)."""
        place = {column: i for i, column in enumerate(dict.fromkeys(c for columns in self._sources for c in columns))}
        holds = np.zeros((len(self._sources), len(place)), dtype=np.float32)
        for row, columns in zip(holds, self._sources, strict=True):
            row[[place[column] for column in columns]] = 1
        shared, sizes = holds @ holds.T, holds.sum(axis=1)
        found: npt.NDArray[np.bool_] = shared >= np.minimum(sizes[:, None], sizes[None, :])
        return found

    def movement(self, exact: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int64]) -> Cost:
        """Range of the score differences of this pair of tables, priced for every pick."""
        moved = exact - neighbour
        spread = max(int(moved.max(initial=0)) - int(moved.min(initial=0)), 0)
        return cost_of_range(self.rate * spread, self.picks)

    def describe(self) -> dict[str, Any]:
        """Kind, number of candidates and picks, and the rate."""
        return {
            "kind": "selection",
            "candidates": len(self.candidates),
            "picks": self.picks,
            "rate": self.rate,
            "largest_weight": max(self.weights, default=1),
            "cells": sum(reference.size for reference in self.references),
        }


def whole_weights(weights: Sequence[float], largest: int = 1000) -> tuple[int, ...]:
    """Positive weights as whole numbers in the same proportions, rounded, from 1 to `largest`.

    >>> whole_weights([0.5, 0.25, 1.0])
    (500, 250, 1000)
    """
    if not all(0 < weight < math.inf for weight in weights):
        raise SettingError("weights must be positive numbers")
    top = max(weights, default=1.0)
    return tuple(max(1, round(weight / top * largest)) for weight in weights)


def cost_of_range(eta: float, picks: int) -> Cost:
    """Cost of `picks` draws of bounded range `eta`, each of which may depend on those before it."""
    return cost_of_picks(max(eta, 0.0), picks)


def rate_within(budget: Cost, l1_count_sensitivity: int, picks: int) -> float:
    """Largest rate at which `picks` draws, scores moving by the sensitivity, stay within `budget`.

    With weights, scores move by the L1 sensitivity of the counts times the largest weight.
    """
    return range_of_picks(budget, picks) / (2 * l1_count_sensitivity)
