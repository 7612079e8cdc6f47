"""Private selection: which cliques a public reference explains worst, by the exponential mechanism."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.exponential import mu_of_range, range_of_mu, select
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter


@dataclass(frozen=True, eq=False)
class SelectCliques:
    """Picks cliques one after the other, each with probability proportional to exp(rate * score).

    The score of a clique is the L1 distance, in rows, of its exact marginal from a public reference
    (integers, `references[i]` of shape `domain.shape(candidates[i])`), less a public penalty in rows for
    the noise that measuring it would bring. Each pick removes its clique; with `acyclic` it also removes
    those that would close a cycle, which makes d - 1 picks of pairs a random spanning tree of d columns.

    Privacy: adding or removing k rows moves every score by at most k (2k under replace-one) in either
    direction, so the log-probabilities of one pick move within a range of 2 * rate * that. (The score is
    NOT monotone: a row can raise one score and lower another, so the factor 2 stays.) A mechanism of
    bounded range eta is mu_of_range(eta)-GDP, and the picks compose adaptively.

    Source: McKenna, Miklau, Sheldon, "Winning the NIST Contest" (MST), JPC 2021, algorithm 2;
    Dong, Durfee, Rogers, "Optimal Differential Privacy Composition for Exponential Mechanisms", ICML 2020.
    """

    codec: Codec
    candidates: tuple[Clique, ...]
    references: tuple[npt.NDArray[np.int64], ...] = field(repr=False)
    penalties: tuple[int, ...]
    rate: float
    picks: int
    acyclic: bool = False

    def __post_init__(self) -> None:
        if not len(self.candidates) == len(self.references) == len(self.penalties):
            raise SettingError("references and penalties must have one entry for each candidate")
        if self.acyclic and any(len(clique) != 2 for clique in self.candidates):
            raise SettingError("candidates of an acyclic selection must be pairs of columns")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """`picks` times the cost of one exponential mechanism of range 2 * rate * sensitivity."""
        return cost_of_range(2 * self.rate * unit.l1_count_sensitivity, self.picks)

    def query(self, private: Counter) -> npt.NDArray[np.int64]:
        """Exact scores, one for each candidate, in rows."""
        counts = private.marginals(self.codec, self.candidates)
        return np.array(
            [
                int(np.abs(counts[clique] - reference).sum()) - penalty
                for clique, reference, penalty in zip(self.candidates, self.references, self.penalties, strict=True)
            ],
            dtype=np.int64,
        )

    def randomise(self, exact: npt.NDArray[np.int64], source: EntropySource) -> tuple[Clique, ...]:
        """The picked cliques, in the order of picking; fewer than `picks` when candidates run out."""
        place = {column: i for i, column in enumerate(dict.fromkeys(c for clique in self.candidates for c in clique))}
        ends = np.array([[place[clique[0]], place[clique[-1]]] for clique in self.candidates]).reshape(-1, 2)
        component = np.arange(len(place))
        left = np.ones(len(self.candidates), dtype=bool)
        chosen: list[Clique] = []
        while left.any() and len(chosen) < self.picks:
            live = np.flatnonzero(left)
            pick = live[select(exact[live], self.rate, source)]
            chosen.append(self.candidates[pick])
            left[pick] = False
            if self.acyclic:
                kept, joined = component[ends[pick]]
                component[component == joined] = kept
                left &= component[ends[:, 0]] != component[ends[:, 1]]
        return tuple(chosen)

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
            "cells": sum(reference.size for reference in self.references),
        }


def cost_of_range(eta: float, picks: int) -> Cost:
    """Cost of `picks` mechanisms of bounded range `eta` (mu_of_range each, composed)."""
    if eta <= 0:
        return ZERO
    one = Cost.of_mu(mu_of_range(float(np.nextafter(eta, np.inf))))
    return Cost(one.mu_squared * picks)


def rate_within(budget: Cost, l1_count_sensitivity: int, picks: int) -> float:
    """Largest rate at which `picks` draws, scores moving by the sensitivity, stay within `budget`."""
    eta = range_of_mu(float(budget.mu_squared / picks) ** 0.5 * (1 - 1e-12))
    return eta * (1 - 1e-12) / (2 * l1_count_sensitivity)
