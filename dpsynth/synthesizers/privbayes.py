"""`privbayes`: one-ways, a private Bayesian network, the joint table of each column with its parents.

Source: Zhang, Cormode, Procopiuc, Srivastava, Xiao, "PrivBayes: Private Data Release via Bayesian Networks",
SIGMOD 2014 and TODS 2017, in the (mu^2, delta0) currency: Gaussian noise, and selections that cost cost_of_picks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.select import rate_within
from dpsynth.mechanisms.select_parents import Edge, SelectParents, whole_shares
from dpsynth.models.fit_bayes_net import fit_bayes_net
from dpsynth.models.simplex import project_to_simplex
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, measure_one_ways, merge_rare
from dpsynth.synthesizers.settings import require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals

_MAX_CELLS = 10_000
_MAX_SETS = 5_000
_MAX_LISTED = 300_000


@dataclass(frozen=True)
class PrivBayes:
    """A Bayesian network: every column drawn given a few others; good when relations need three columns or more.

    There is no inference over a junction tree, so any column may be a parent of any later one and the time
    hardly depends on how the columns hang together. Best with many rows or a generous epsilon; with few of
    both, where only the strongest pairs stand out from the noise, a tree of pairs is the better choice.

    one_way_share, select_share: of the budget; the rest measures the tables of the network. max_parents: of a
    column. usefulness: tables are only considered whose cells hold on average at least this many stddevs of
    their noise (the paper's theta). merge_below: codes with a noisy count under this many stddevs are merged.
    noise_penalty: how much of a table's expected noise is taken off its score; the paper has none.
    """

    one_way_share: float = 0.45
    select_share: float = 0.05
    max_parents: float = 3.0
    usefulness: float = 0.5
    merge_below: float = 2.0
    noise_penalty: float = 0.2

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share", "select_share")
        if not self.one_way_share + self.select_share < 1:
            raise SettingError("one_way_share + select_share must be below 1; got no budget for the tables")
        if self.max_parents not in (1, 2, 3, 4):
            raise SettingError(f"max_parents ({self.max_parents}) must be 1, 2, 3 or 4")
        require_not_negative(self, "usefulness", "merge_below", "noise_penalty")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.one_way_share, self.select_share, 1 - self.one_way_share - self.select_share)
        one_ways, selection, tables = budget.split(shares if len(domain) > 1 else (1, 0, 0))
        return one_ways, selection, tables

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, selection, and the tables at equal shares and the most cells that they may have."""
        for_one_ways, for_selection, for_tables = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        resources = self.resources(domain)
        stddev = _table_stddev(domain, for_tables, unit)
        counted = resources.counted_cells
        return (
            one_ways,
            PlannedStep("choose the network", "selection", for_selection, None, counted),
            PlannedStep("tables of the network", "marginals", for_tables, (stddev, stddev), resources.model_cells),
        )

    def resources(self, domain: Domain) -> Resources:
        """Every table that may be a candidate is counted; the model holds one for each column.

        Merged codes only make tables smaller. So the sum over the smallest ones, each cut at the most cells that
        a table may have, is a bound, although other tables may be among the smallest after merging.
        """
        own, tables, largest, counted = sum(domain.sizes), 0, 0, 0
        for _, cells in _column_sets(domain, self.max_parents):
            counted += int(np.minimum(cells, _MAX_CELLS).sum())
            largest = max(largest, int(np.minimum(cells, _MAX_CELLS).max()))
            tables += len(cells)
        return Resources(len(domain) + tables, own + counted, own + (len(domain) - 1) * largest)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Algorithms 1 to 4 of the paper: one-ways (ours), network, tables, conditionals."""
        for_one_ways, for_selection, for_tables = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        total = estimate_total(one_ways)
        domain = codec.domain
        network: tuple[Edge, ...] = tuple((column, ()) for column in domain)
        measured = one_ways
        if len(domain) > 1:
            progress("choose the network", 0.2)
            network = self._choose(door, codec, one_ways, total, for_selection, for_tables)
            tables = tuple(domain.canonical((column, *parents)) for column, parents in network if parents)
            cliques = tuple(dict.fromkeys(tables)) or tuple((column,) for column in domain)
            stddevs = allocate_stddevs(domain, cliques, for_tables, door.unit)
            measured = (*one_ways, *door.run(Marginals(codec, cliques, stddevs), "tables of the network"))
        progress("model", 0.8)
        model = fit_bayes_net(domain, network, measured, total)
        progress("model", 1.0)
        return Fitted(model, codec, measured)

    def _choose(
        self,
        door: Door,
        codec: Codec,
        one_ways: tuple[NoisyMarginal, ...],
        total: float,
        budget: Cost,
        for_tables: Cost,
    ) -> tuple[Edge, ...]:
        """Algorithm 2: greedy, each step by the exponential mechanism."""
        domain, unit = codec.domain, door.unit
        stddev = _table_stddev(domain, for_tables, unit)
        cliques = self._useful(domain, total, stddev)
        candidates = tuple(
            (column, tuple(name for name in clique if name != column)) for clique in cliques for column in clique
        )
        shares = {one.clique[0]: whole_shares(project_to_simplex(one.values, total)) for one in one_ways}
        # E|N(0, s)| = sqrt(2/pi) s a cell; R is half of an L1 distance.
        noise = self.noise_penalty * math.sqrt(2 / math.pi) * stddev / 2
        penalties = tuple(noise * domain.cells((column, *parents)) for column, parents in candidates)
        roots = tuple(sorted(domain, key=lambda column: -_entropy(shares[column])))
        rate = rate_within(budget, unit.l1_count_sensitivity, len(domain) - 1)
        selection = SelectParents(codec, roots, candidates, shares, penalties, rate)
        return door.run(selection, "choose the network")

    def _useful(self, domain: Domain, total: float, stddev: float) -> tuple[Clique, ...]:
        """Sets of columns whose table has enough rows in a cell for its noise."""
        most = min(_MAX_CELLS, total / (self.usefulness * stddev) if self.usefulness else math.inf)
        return tuple(
            tuple(domain.columns[place] for place in places)
            for sets, cells in _column_sets(domain, self.max_parents)
            for places in sets[cells <= most]
        )


def _table_stddev(domain: Domain, budget: Cost, unit: PrivacyUnit) -> float:
    """Stddev of each of d - 1 tables at equal shares of the budget."""
    return stddev_within(budget.split([1] * (len(domain) - 1))[0], unit.squared_l2_count_sensitivity)


def _column_sets(domain: Domain, max_parents: float) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Sets of 2, 3, ... columns (their places in the table) and the cells of their tables.

    All pairs; of larger sets the `_MAX_SETS` with the fewest cells, and no sizes with too many sets to list.
    """
    for size in range(2, int(max_parents) + 2):
        number = math.comb(len(domain), size)
        if number == 0 or (size > 2 and number > _MAX_LISTED):
            return
        listed = itertools.chain.from_iterable(itertools.combinations(range(len(domain)), size))
        sets = np.fromiter(listed, dtype=np.int64, count=number * size).reshape(number, size)
        cells = np.array(domain.sizes, dtype=np.float64)[sets].prod(axis=1)
        kept = slice(None) if size == 2 else np.sort(np.argsort(cells, kind="stable")[:_MAX_SETS])
        yield sets[kept], cells[kept]


def _entropy(shares: npt.NDArray[np.int64]) -> float:
    """Entropy of whole shares, in nats."""
    probabilities = shares[shares > 0] / shares.sum()
    return float(-(probabilities * np.log(probabilities)).sum())
