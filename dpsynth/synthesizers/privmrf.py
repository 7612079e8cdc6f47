"""`privmrf`: a chordal graph of dependent columns, its small marginals at once, then rounds on what is left.

Source: Cai, Lei, Wei, Xiao, "Data Synthesis via Differentially Private Markov Random Fields", VLDB 2021:
a dependency graph kept chordal within a limit of cells (section 4.1), initial marginals inside its maximal
cliques (4.2), further ones where the model is off by more than the noise (4.3). In the (mu^2, delta0)
currency; edges are the pairs worth their noise (PrivSyn, algorithm 1) instead of all above a threshold;
a round chooses as in `aim`, from pairs and triples inside the graph, so that the model never grows.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.dependence import PairDependence, column_pairs, dependence_stddev
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.models.fit import fit
from dpsynth.models.junction_tree import JunctionTree, junction_tree, predicted_cells
from dpsynth.models.random_field import RandomField
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.privsyn import choose_marginals
from dpsynth.synthesizers.rounds import (
    EXPECTED_NOISE,
    RoundBudget,
    run_round,
)
from dpsynth.synthesizers.settings import require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals, require_gap
from dpsynth.synthesizers.views import cover

# Pairs and triples inside one tree clique have at most 1.5 + 2.5 times its cells: the worst of
# C(k, j) / 2^(k - j) over the number of columns k, as each column left out has at least 2 codes.
_CANDIDATE_CELLS = 4
# Of one fit on one core.
_SECONDS_PER_CELL = 4e-5
_LOOSER_IN_THE_LOOP = 10.0


@dataclass(frozen=True)
class PrivMRF:
    """One graph for the strong dependences and few rounds on top: an exact model in a fraction of the fits of `aim`.

    one_way_share, dependence_share, round_share: of the budget; the rest measures the graph's marginals at
    once. rounds: how many further marginals; select_share: of a round's budget. merge_below: codes with a
    noisy count under this many stddevs are merged. noise_penalty: how much of the expected noise of a
    marginal (L1) counts against it. max_model_cells: cells of the model. gap: where the last inference stops.
    """

    one_way_share: float = 0.3
    dependence_share: float = 0.1
    round_share: float = 0.2
    rounds: float = 3.0
    select_share: float = 0.1
    merge_below: float = 2.0
    noise_penalty: float = 0.5
    max_model_cells: float = 50_000.0
    gap: float = 1e-2

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share", "dependence_share", "round_share", "select_share")
        if not self.one_way_share + self.dependence_share + self.round_share < 1:
            raise SettingError("one_way_share + dependence_share + round_share must be below 1; got none for the graph")
        require_not_negative(self, "merge_below", "noise_penalty")
        for name in ("rounds", "max_model_cells"):
            number = getattr(self, name)
            if not 1 <= number < 2**53:
                raise SettingError(f"{name} ({number}) must be at least 1")
        require_gap(self.gap)

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost, Cost]:
        shares = (self.one_way_share, self.dependence_share, self.round_share)
        one_ways, dependence, rounds, graph = budget.split(
            (*shares, 1 - sum(shares)) if len(domain) > 1 else (1, 0, 0, 0)
        )
        return one_ways, dependence, rounds, graph

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, dependence, (as if every pair were an edge) the graph's marginals, and all rounds together."""
        for_one_ways, for_dependence, for_rounds, for_graph = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        pairs, stddev = column_pairs(domain), dependence_stddev(domain, for_dependence, unit)
        cells = sum(domain.cells(pair) for pair in pairs)
        choosing, measuring = for_rounds.split((self.select_share, 1 - self.select_share))
        noise = stddev_within(self._round(measuring), unit.squared_l2_count_sensitivity)
        inside = math.ceil(_CANDIDATE_CELLS * self.max_model_cells)
        return (
            one_ways,
            PlannedStep("dependence of pairs", "dependence", for_dependence, (stddev, stddev), cells),
            planned_marginals("marginals of the graph", domain, pairs, for_graph, unit),
            PlannedStep("choose marginals", "selection", choosing, None, inside),
            PlannedStep("chosen marginals", "marginals", measuring, (noise, noise), inside),
        )

    def resources(self, domain: Domain) -> Resources:
        """All pairs, and the candidates inside the graph; the model is limited, but holds at least every one-way."""
        pairs = column_pairs(domain)
        cells = sum(domain.cells(pair) for pair in pairs) + sum(domain.sizes)
        model = math.ceil(self.max_model_cells) + sum(domain.sizes)
        seconds = _SECONDS_PER_CELL * (self.rounds + 1) * model
        return Resources(len(pairs), cells + _CANDIDATE_CELLS * model, model, seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, find the graph, measure inside it, and add what the model explains worst."""
        for_one_ways, for_dependence, for_rounds, for_graph = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        model = independent_model(codec, one_ways, estimate_total(one_ways))
        if len(codec.domain) < 2:
            return Fitted(model, codec, one_ways)
        tree = self._graph(door, codec, model, for_dependence, for_graph)
        cliques = _inside(codec.domain, tree)
        stddevs = allocate_stddevs(codec.domain, cliques, for_graph, door.unit)
        measured = (*one_ways, *door.run(Marginals(codec, cliques, stddevs), "marginals of the graph"))
        measured = self._rounds(door, codec, tree, measured, model.total, for_rounds, progress)
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

    def _graph(
        self, door: Door, codec: Codec, model: RandomField, for_dependence: Cost, for_graph: Cost
    ) -> JunctionTree:
        """The edges worth their noise, most so first, each kept if the model still has few enough cells."""
        domain, unit = codec.domain, door.unit
        products = tuple(model.project((column,)) for column in domain)
        stddev = dependence_stddev(domain, for_dependence, unit)
        scores = door.run(PairDependence(codec, products, model.total, stddev), "dependence of pairs")
        noise = self.noise_penalty * EXPECTED_NOISE * stddev_within(for_graph, unit.squared_l2_count_sensitivity)
        pairs = column_pairs(domain)
        cells = np.array([domain.cells(pair) for pair in pairs], dtype=np.float64)
        edges: list[Clique] = []
        for index in choose_marginals(scores.astype(np.float64), cells, noise):
            if predicted_cells(domain, [*edges, pairs[index]]) <= self.max_model_cells:
                edges.append(pairs[index])
        return junction_tree(domain, edges)

    def _round(self, budget: Cost) -> Cost:
        return Cost(budget.mu_squared / int(self.rounds))

    def _rounds(
        self,
        door: Door,
        codec: Codec,
        tree: JunctionTree,
        measured: tuple[NoisyMarginal, ...],
        total: float,
        budget: Cost,
        progress: Progress,
    ) -> tuple[NoisyMarginal, ...]:
        """All measurements with those of the rounds."""
        domain = codec.domain
        spending = RoundBudget(self._round(budget), self.select_share, self.noise_penalty)
        wide = [[column for column in clique if domain[column] > 1] for clique in tree.cliques]
        candidates = {c: 1.0 for bag in wide for order in (2, 3) for c in itertools.combinations(bag, order)}
        noise = spending.penalty(door.unit)
        useful = tuple((c, one) for c, one in candidates.items() if domain.cells(c) * noise < total)
        chosen_from = useful or tuple(((column,), 1.0) for column in domain)
        for done in range(int(self.rounds)):
            progress("choose, measure and fit", done / int(self.rounds))
            gap = self.gap * _LOOSER_IN_THE_LOOP
            model = fit(domain, measured, total, cliques=tree.cliques, structural_zeros=codec.zeros, gap=gap)
            measured = run_round(door, codec, model, measured, chosen_from, spending).measured
        return measured


def _inside(domain: Domain, tree: JunctionTree) -> tuple[Clique, ...]:
    """Marginals that hold all pairs inside the tree's cliques, combined where that costs nothing."""
    found: list[Clique] = []
    held: set[Clique] = set()
    for clique in tree.cliques:
        wanted = [pair for pair in itertools.combinations(clique, 2) if pair not in held]
        held.update(wanted)
        part = Domain(clique, domain.shape(clique))
        found += cover(part, sorted(wanted, key=domain.cells, reverse=True), domain.cells(clique), slack=1)
    return tuple(found) or tuple((column,) for column in domain)
