"""`mst`: one-ways, a private maximum spanning tree of pairs, the tree's pairs, a tree model.

Source: McKenna, Miklau, Sheldon, "Winning the NIST Contest: A Scalable and General Approach to
Differentially Private Synthetic Data", JPC 2021, in the (mu^2, delta0) currency: Gaussian steps are
composed exactly and selections cost cost_of_picks instead of eta^2 / 8 each.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.select import SelectCliques, rate_within
from dpsynth.models.fit import fit
from dpsynth.models.random_field import RandomField
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.settings import require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals, require_gap


@dataclass(frozen=True)
class MST:
    """A tree of two-way marginals: quick, and good at strong pairs; other pairs follow from those of the tree.

    one_way_share, select_share: of the budget; the rest measures the tree's pairs. merge_below: codes
    with a noisy count under this many stddevs are merged. noise_penalty: how much of a pair's expected
    noise (L1, before any fitting removes some of it) is taken off its score; the paper has none. gap:
    where inference stops, relative to the objective. fairness: a `Fairness` that the tree keeps to (see
    `dpsynth.fairness`): pairs that would break it are left out of the choice, free of cost.
    """

    one_way_share: float = 0.45
    select_share: float = 0.05
    merge_below: float = 3.0
    noise_penalty: float = 0.5
    gap: float = 1e-2
    fairness: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fairness", None if self.fairness is None else Fairness.read(self.fairness))
        require_shares(self, "one_way_share", "select_share")
        require_not_negative(self, "noise_penalty", "merge_below")
        require_gap(self.gap)
        if not self.one_way_share + self.select_share < 1:
            raise SettingError("one_way_share + select_share must be below 1; got no budget for the pairs")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.one_way_share, self.select_share, 1 - self.one_way_share - self.select_share)
        one_ways, selection, pairs = budget.split(shares if self._pairs(domain) else (1, 0, 0))
        return one_ways, selection, pairs

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, selection, and (at the sizes of the largest possible tree) the tree's pairs."""
        for_one_ways, for_selection, for_pairs = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        candidates = self._pairs(domain)
        if not candidates:
            return (one_ways,)
        selection = PlannedStep(
            "choose the tree", "selection", for_selection, None, sum(domain.cells(pair) for pair in candidates)
        )
        tree = _largest_tree(domain)
        return (one_ways, selection, planned_marginals("pairs of the tree", domain, tree, for_pairs, unit))

    def resources(self, domain: Domain) -> Resources:
        """All pairs are counted for selection; the model holds the pairs of one tree."""
        model = sum(domain.cells(pair) for pair in _largest_tree(domain)) if len(domain) > 1 else domain.sizes[0]
        pairs = self._pairs(domain)
        return Resources(len(pairs), sum(domain.cells(pair) for pair in pairs), model)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Algorithm 1 of the paper: measure, select, measure, infer."""
        for_one_ways, for_selection, for_pairs = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        total = estimate_total(one_ways)
        model = independent_model(codec, one_ways, total)
        if not self._pairs(codec.domain):
            return Fitted(model, codec, one_ways)
        progress("choose the tree", 0.2)
        tree = self._choose_tree(door, codec, model, for_selection, for_pairs)
        if not tree:  # constraints and fairness together forbid every pair
            return Fitted(model, codec, one_ways)
        stddevs = allocate_stddevs(codec.domain, tree, for_pairs, door.unit)
        pairs = door.run(Marginals(codec, tree, stddevs), "pairs of the tree")
        measured = (*one_ways, *pairs)
        zeros, say = codec.zeros, partial(progress, "model")
        model = fit(codec.domain, measured, total, structural_zeros=zeros, gap=self.gap, progress=say)
        return Fitted(model, codec, measured)

    def _choose_tree(
        self, door: Door, codec: Codec, model: RandomField, budget: Cost, for_pairs: Cost
    ) -> tuple[Clique, ...]:
        """Kruskal's algorithm with private comparisons: d - 1 pairs, far from independence, without a cycle."""
        domain, unit, picks = codec.domain, door.unit, len(codec.domain) - 1
        candidates = self._pairs(domain)
        references = tuple(np.rint(model.project(pair)).astype(np.int64) for pair in candidates)
        # E|N(0, s)| = sqrt(2/pi) s a cell, at the stddev that each of the pairs gets on average.
        stddev = stddev_within(for_pairs.split([1] * picks)[0], unit.squared_l2_count_sensitivity)
        noise = self.noise_penalty * math.sqrt(2 / math.pi) * stddev
        penalties = tuple(round(noise * domain.cells(pair)) for pair in candidates)
        rate = rate_within(budget, unit.l1_count_sensitivity, picks)
        tree = SelectCliques(
            codec, candidates, references, penalties, rate, picks, acyclic=True, fairness=self.fairness
        )
        return door.run(tree, "choose the tree")

    def _pairs(self, domain: Domain) -> tuple[Clique, ...]:
        """Pairs that may be in the tree."""
        pairs = tuple(itertools.combinations(domain.columns, 2))
        return pairs if self.fairness is None else tuple(itertools.compress(pairs, self.fairness.allowed((), pairs)))


def _largest_tree(domain: Domain) -> list[Clique]:
    """Spanning tree with the most cells: every column with the largest one."""
    hub = max(domain, key=lambda column: domain[column])
    return [domain.canonical((hub, column)) for column in domain if column != hub]
