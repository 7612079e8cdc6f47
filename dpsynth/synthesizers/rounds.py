"""What synthesizers share that choose marginals in rounds: candidates, their references, repeated measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.select import SelectCliques, rate_within, whole_weights
from dpsynth.models.growth import grown_bags
from dpsynth.models.junction_tree import JunctionTree, junction_tree
from dpsynth.models.random_field import RandomField
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door

EXPECTED_NOISE = math.sqrt(2 / math.pi)
"""E|N(0, 1)|: the mean of the noise in one cell, relative to its stddev."""

Weighted = tuple[tuple[Clique, float], ...]


def affordable(tree: JunctionTree, candidates: Weighted, cells: float) -> Weighted:
    """Candidates that are inside the model's tree, or with which it has at most `cells` cells."""
    return tuple(
        (clique, weight)
        for clique, weight in candidates
        if tree.home(clique) is not None
        or (tree.domain.cells(clique) <= cells and _cells(tree.domain, grown_bags(tree, clique)) <= cells)
    )


def grown_tree(tree: JunctionTree, measured: Sequence[NoisyMarginal], clique: Clique) -> JunctionTree:
    """The model's tree with one more clique, or a tree made afresh for the measured cliques if it has fewer cells."""
    if tree.home(clique) is not None:
        return tree
    grown = junction_tree(tree.domain, grown_bags(tree, clique))
    afresh = junction_tree(tree.domain, [*(one.clique for one in measured), clique])
    return afresh if afresh.cells < grown.cells else grown


def _cells(domain: Domain, bags: Sequence[Clique]) -> int:
    return sum(domain.cells(bag) for bag in bags)


@dataclass(frozen=True)
class Round:
    """What one round did: the clique it chose, all measurements with the new one, its expected L1 noise, its cost."""

    clique: Clique
    measured: tuple[NoisyMarginal, ...]
    noise: float
    cost: Cost


@dataclass(frozen=True)
class RoundBudget:
    """How one round spends: its budget, the share that selects, and the part of the noise taken off scores."""

    budget: Cost
    select_share: float
    noise_penalty: float

    def stddev(self, unit: PrivacyUnit) -> float:
        """Of the measurement's noise, in rows."""
        return stddev_within(self._split[1], unit.squared_l2_count_sensitivity)

    def penalty(self, unit: PrivacyUnit) -> float:
        """What is taken off a score for each cell, in rows."""
        return self.noise_penalty * EXPECTED_NOISE * self.stddev(unit)

    @property
    def selection(self) -> Cost:
        """The part that selects."""
        return self._split[0]

    @property
    def _split(self) -> tuple[Cost, ...]:
        return self.budget.split((self.select_share, 1 - self.select_share))


def run_round(
    door: Door,
    codec: Codec,
    model: RandomField,
    measured: Sequence[NoisyMarginal],
    candidates: Weighted,
    spending: RoundBudget,
) -> Round:
    """Choose the candidate with about the largest weight * (L1 error of the model - noise), and measure it.

    The model is a public reference: it was fitted to released values.
    """
    unit, stddev, domain = door.unit, spending.stddev(door.unit), codec.domain
    weights = whole_weights([weight for _, weight in candidates])
    selection = SelectCliques(
        codec=codec,
        candidates=tuple(clique for clique, _ in candidates),
        references=tuple(_reference(model, clique) for clique, _ in candidates),
        penalties=tuple(round(spending.penalty(unit) * domain.cells(clique)) for clique, _ in candidates),
        rate=rate_within(spending.selection, unit.l1_count_sensitivity * max(weights), 1),
        picks=1,
        weights=weights,
    )
    (clique,) = door.run(selection, "choose a marginal")
    measurement = Marginals(codec, (clique,), (stddev,))
    (noisy,) = door.run(measurement, "chosen marginal")
    cost = selection.cost(unit) + measurement.cost(unit)
    return Round(clique, with_measurement(measured, noisy), EXPECTED_NOISE * stddev * domain.cells(clique), cost)


def with_measurement(measured: Sequence[NoisyMarginal], one: NoisyMarginal) -> tuple[NoisyMarginal, ...]:
    """All measurements with one more; two of the same cells become their mean, weighted by inverse variance.

    That mean is a sufficient statistic: inference from it is inference from both.
    """
    for place, other in enumerate(measured):
        if (other.clique, other.basis, other.groups) == (one.clique, one.basis, one.groups):
            precisions = np.array([other.stddev**-2, one.stddev**-2])
            mean = (precisions[0] * other.values + precisions[1] * one.values) / precisions.sum()
            both = NoisyMarginal(one.clique, mean, float(precisions.sum() ** -0.5), one.basis, one.groups)
            return (*measured[:place], both, *measured[place + 1 :])
    return (*measured, one)


def _reference(model: RandomField, clique: Clique) -> npt.NDArray[np.int64]:
    return np.rint(model.project(clique)).astype(np.int64)
