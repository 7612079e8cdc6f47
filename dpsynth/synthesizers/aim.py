"""`aim`: round after round, the marginal that the model explains worst is chosen, measured and fitted.

Source: McKenna, Mullins, Sheldon, Miklau, "AIM: An Adaptive and Iterative Mechanism for Differentially
Private Synthetic Data", VLDB 2022, algorithms 2 to 4, in the (mu^2, delta0) currency: Gaussian steps compose
exactly, selections cost mu_of_range instead of eta^2 / 8, and spending that depends on earlier answers is
what the session's filter allows.

What differs from the paper, all of it public: rare codes are merged after the one-ways, as in `mst`; the
one-ways have a share of their own; repeated measurements of a clique are kept as their weighted mean; a
candidate whose noise would exceed any error that a marginal can have (every row in a wrong cell) is left out,
since its score would be negative; the size of models is limited in cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness, tied
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.models.fit import fit
from dpsynth.models.junction_tree import JunctionTree
from dpsynth.models.random_field import RandomField
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.rounds import RoundBudget, Weighted, affordable, grown_tree, run_round
from dpsynth.synthesizers.settings import require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals, require_gap
from dpsynth.workload import Workload

LOOSER_IN_THE_LOOP = 30.0  # rounds only need to know what is explained worst
_ALL_TRIPLES = Workload()
# Of one planned round, on one core.
_SECONDS_PER_CANDIDATE_CELL = 1e-8
_SECONDS_PER_CELL = 4e-7


@dataclass(frozen=True)
class AIM:
    """Marginals chosen one by one, each where the model is furthest off: accurate for many relations, slower.

    workload: which marginals matter (see `Workload`; text such as "3;label=income" is read). one_way_share:
    of the budget, for the first measurement. select_share: of every round's budget; the rest measures.
    max_model_cells: cells of the largest model. merge_below: codes with a noisy one-way count under this many
    stddevs are merged. noise_penalty: how much of the expected noise of a measurement is taken off its score
    (the paper: all of it). rounds_per_column: how many rounds are planned, as in the paper; there are fewer
    when rounds learn too little, since the budget of the following ones is then four times as large.
    gap: where the last inference stops, relative to the objective. fairness: a `Fairness` that every round keeps to
    (see `dpsynth.fairness`): marginals that would break it are left out of the choice, free of cost.
    """

    workload: Any = _ALL_TRIPLES
    one_way_share: float = 0.3
    select_share: float = 0.1
    max_model_cells: float = 40_000.0
    merge_below: float = 2.0
    noise_penalty: float = 1.0
    rounds_per_column: float = 16.0
    gap: float = 1e-2
    fairness: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fairness", None if self.fairness is None else Fairness.read(self.fairness))
        object.__setattr__(self, "workload", Workload.read(self.workload))
        require_shares(self, "one_way_share", "select_share")
        require_not_negative(self, "noise_penalty", "merge_below")
        if not 1 <= self.max_model_cells < math.inf:
            raise SettingError(f"max_model_cells ({self.max_model_cells}) must be a number, at least 1")
        if not 0 < self.rounds_per_column < math.inf:
            raise SettingError(f"rounds_per_column ({self.rounds_per_column}) must be a positive number; try 16")
        require_gap(self.gap)

    def _rounds_planned(self, domain: Domain) -> int:
        return math.ceil(self.rounds_per_column * len(domain))

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        shares = (self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0)
        one_ways, rounds = budget.split(shares)
        return one_ways, rounds

    def _candidates(self, domain: Domain) -> Weighted:
        """Parts of the workload's cliques that a model can hold; one-ways always, since it holds those anyway."""
        found: Weighted = self.workload.closure(domain, max(int(self.max_model_cells), *domain.sizes))
        return self._fair((), found)

    def _fair(self, cliques: Iterable[Clique], candidates: Weighted) -> Weighted:
        """Candidates that may be measured beside `cliques`; one-ways always may."""
        if self.fairness is None:
            return candidates
        return tuple(compress(candidates, self.fairness.allowed(cliques, (clique for clique, _ in candidates))))

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the selections and measurements of all rounds together (noise: first round, one round)."""
        for_one_ways, for_rounds = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        choosing, measuring = for_rounds.split((self.select_share, 1 - self.select_share))
        first, shift = measuring.split([1] * self._rounds_planned(domain))[0], unit.squared_l2_count_sensitivity
        noise = stddev_within(measuring, shift), stddev_within(first, shift)
        cells = [domain.cells(clique) for clique, _ in self._candidates(domain)]
        return (
            one_ways,
            PlannedStep("choose marginals", "selection", choosing, None, sum(cells)),
            PlannedStep("chosen marginals", "marginals", measuring, noise, sum(cells)),
        )

    def resources(self, domain: Domain) -> Resources:
        """All candidates are counted in a round; models are limited, but hold at least every one-way."""
        cells = [domain.cells(clique) for clique, _ in self._candidates(domain)]
        model = max(int(self.max_model_cells), sum(domain.sizes))
        seconds = self._rounds_planned(domain) * (_SECONDS_PER_CANDIDATE_CELL * sum(cells) + _SECONDS_PER_CELL * model)
        return Resources(len(cells), sum(cells), model, seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways; then choose, measure and fit until the budget is spent."""
        for_one_ways, for_rounds = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        model = independent_model(codec, one_ways, estimate_total(one_ways))
        if len(codec.domain) < 2:
            return Fitted(model, codec, one_ways)
        measured, tree = self._rounds(door, codec, for_rounds, one_ways, model, progress)
        model = fit(
            codec.domain,
            measured,
            model.total,
            structural_zeros=codec.zeros,
            cliques=tree.cliques,
            gap=self.gap,
            progress=partial(progress, "model"),
        )
        return Fitted(model, codec, measured)

    def _rounds(
        self,
        door: Door,
        codec: Codec,
        budget: Cost,
        measured: tuple[NoisyMarginal, ...],
        model: RandomField,
        progress: Progress,
    ) -> tuple[tuple[NoisyMarginal, ...], JunctionTree]:
        """Algorithm 2 of the paper from line 6 on: all that was measured, one-ways included, and the model's tree."""
        domain = codec.domain
        closure = self._candidates(domain)
        ones = tuple(each for each in closure if len(each[0]) == 1)
        left, each = budget, Cost(budget.mu_squared / self._rounds_planned(domain))
        while True:
            last = left.mu_squared <= 2 * each.mu_squared
            each = left if last else each
            spending = RoundBudget(each, self.select_share, self.noise_penalty)
            spent = 1 - float((left.mu_squared - each.mu_squared) / budget.mu_squared)
            progress("choose, measure and fit", spent)
            fair = self._fair([*tied(codec.constraints), *(one.clique for one in measured)], closure)
            worthwhile = _worth_a_look(domain, fair, spending.penalty(door.unit), model.total)
            candidates = affordable(model.tree, worthwhile, self.max_model_cells * spent) or ones
            done = run_round(door, codec, model, measured, candidates, spending)
            measured, tree = done.measured, grown_tree(model.tree, measured, done.clique)
            if last:
                return measured, tree
            left = left.minus(done.cost)
            before = model.project(done.clique)
            model = fit(
                domain,
                measured,
                model.total,
                structural_zeros=codec.zeros,
                cliques=tree.cliques,
                gap=self.gap * LOOSER_IN_THE_LOOP,
            )
            if np.abs(model.project(done.clique) - before).sum() <= done.noise:
                each = Cost(4 * each.mu_squared)  # half the noise, twice the rate


def _worth_a_look(domain: Domain, candidates: Weighted, noise_per_cell: float, total: float) -> Weighted:
    """Candidates whose noise is less than the largest error there can be, every row in a wrong cell."""
    return tuple(each for each in candidates if domain.cells(each[0]) * noise_per_cell < 2 * total)
