"""`mwem`: a fixed number of rounds, each measuring the workload's marginal that the model explains worst.

Source: Hardt, Ligett, McSherry, "A Simple and Practical Algorithm for Differentially Private Data Release",
NIPS 2012, with the graphical model of McKenna, Sheldon, Miklau, "Graphical-model based estimation and
inference for differential privacy", ICML 2019, section 5 (MWEM + PGM), in the place of a table of every
possible row. As there, a whole marginal is measured in a round, by Gaussian noise, and the model is fitted to
everything measured so far. The one-ways come first; they give the number of rows and show rare codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.models.fit import fit
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.rounds import RoundBudget, Weighted, affordable, grown_tree, run_round
from dpsynth.synthesizers.settings import require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals, require_gap
from dpsynth.workload import Workload

_ALL_PAIRS = Workload(degree=2)


@dataclass(frozen=True)
class MWEM:
    """A few rounds over the marginals you ask for: good with a short list of them, plain and predictable.

    It is good where the workload is small or a few of its marginals hold nearly all that is to be learnt:
    every round gets the same, large part of the budget. It knows its number of rounds in advance, so it
    neither stops where nothing is left to learn nor goes on where there is more; `aim` does both.

    workload: the candidates (see `Workload`; all pairs by default); with a list, name cliques small enough to
    measure. rounds: how many marginals are measured; 0 means as many as there are columns. one_way_share: of
    the budget, for the first measurement. select_share: of every round's budget; the rest measures.
    max_model_cells: cells of the largest model, one-ways not counted. merge_below, noise_penalty, gap: as
    those of `aim`.
    """

    workload: Any = _ALL_PAIRS
    rounds: float = 0.0
    one_way_share: float = 0.2
    select_share: float = 0.1
    max_model_cells: float = 200_000.0
    merge_below: float = 3.0
    noise_penalty: float = 1.0
    gap: float = 1e-2

    def __post_init__(self) -> None:
        object.__setattr__(self, "workload", Workload.read(self.workload))
        require_shares(self, "one_way_share", "select_share")
        require_not_negative(self, "noise_penalty", "merge_below", "rounds", "max_model_cells")
        if self.rounds != round(self.rounds):
            raise SettingError(f"rounds ({self.rounds}) must be a whole number; try 0 for one round a column")
        require_gap(self.gap)

    def _rounds(self, domain: Domain) -> int:
        return round(self.rounds) or len(domain)

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        shares = (self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0)
        one_ways, rounds = budget.split(shares)
        return one_ways, rounds

    def _candidates(self, domain: Domain) -> Weighted:
        fitting = tuple(each for each in self.workload.resolve(domain) if domain.cells(each[0]) <= self.max_model_cells)
        if not fitting:
            raise PlanTooLargeError(
                f"max_model_cells ({self.max_model_cells:.0f}) must hold one marginal of the workload at least;"
                " try smaller cliques in the workload"
            )
        return fitting

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the selections and measurements of all rounds together."""
        for_one_ways, for_rounds = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        choosing, measuring = for_rounds.split((self.select_share, 1 - self.select_share))
        rounds, cells = self._rounds(domain), [domain.cells(clique) for clique, _ in self._candidates(domain)]
        each = RoundBudget(for_rounds.split([1] * rounds)[0], self.select_share, self.noise_penalty)
        return (
            one_ways,
            PlannedStep("choose marginals", "selection", choosing, None, sum(cells)),
            PlannedStep("chosen marginals", "marginals", measuring, (each.stddev(unit),) * 2, rounds * max(cells)),
        )

    def resources(self, domain: Domain) -> Resources:
        """All candidates are counted in a round; models are limited in size."""
        if len(domain) < 2:
            return Resources(1, domain.sizes[0], domain.sizes[0])
        cells = [domain.cells(clique) for clique, _ in self._candidates(domain)]
        return Resources(len(cells), sum(cells), int(self.max_model_cells) + sum(domain.sizes))

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways; then choose, measure and fit, round by round."""
        for_one_ways, for_rounds = self._split(codec.domain, budget)
        measured = measure_one_ways(door, codec, for_one_ways)
        codec, measured = merge_rare(codec, measured, self.merge_below)
        domain = codec.domain
        model = independent_model(codec, measured, estimate_total(measured))
        if len(domain) < 2:
            return Fitted(model, codec, measured)
        candidates, rounds = self._candidates(domain), self._rounds(domain)
        spending = RoundBudget(for_rounds.split([1] * rounds)[0], self.select_share, self.noise_penalty)
        most_cells, last = self.max_model_cells + sum(domain.sizes), partial(progress, "model")
        for number in range(rounds):
            progress("choose, measure and fit", number / rounds)
            fitting = affordable(model.tree, candidates, most_cells)
            done = run_round(door, codec, model, measured, fitting, spending)
            measured, tree = done.measured, grown_tree(model.tree, measured, done.clique)
            gap, say = (self.gap, last) if number == rounds - 1 else (10 * self.gap, None)
            model = fit(
                domain, measured, model.total, structural_zeros=codec.zeros, cliques=tree.cliques, gap=gap, progress=say
            )
        return Fitted(model, codec, measured)
