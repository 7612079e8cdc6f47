"""`privsyn`: noisy dependence of all pairs, many small marginals, synthetic records fitted to them.

Source: Zhang, Wang, Li, Honorio, Backes, He, Chen, Zhang, "PrivSyn: Differentially Private Data Synthesis",
USENIX Security 2021: algorithm 1 (choice of marginals), section 4.3 (combined marginals), section 5
(records). In the (mu^2, delta0) currency; dependence is measured against noisy one-ways, which makes its
sensitivity 1 instead of 4; and records are drawn entry by entry, which needs no consistency step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.dependence import PairDependence, column_pairs, dependence_stddev
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.models.record_update import fit_records
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals
from dpsynth.synthesizers.views import cover

# A combined clique has at most this many times the cells of the pairs that it stands for.
_COMBINED_CELLS = 1


@dataclass(frozen=True)
class PrivSyn:
    """Many overlapping pairs and small cliques, held by synthetic records: no limit on the model, wide tables too.

    one_way_share, dependence_share: of the budget; the rest measures the chosen marginals. merge_below:
    codes with a noisy count under this many stddevs are merged. noise_penalty: how much of the expected
    noise of a marginal (L1) counts against choosing it. clique_cells: cells of a combined clique at most.
    sweeps, temperature: of the fit of the records (see `fit_records`). max_records: held at most.
    """

    one_way_share: float = 0.4
    dependence_share: float = 0.1
    merge_below: float = 2.0
    noise_penalty: float = 0.5
    clique_cells: float = 5000.0
    sweeps: float = 8.0
    temperature: float = 1.5
    max_records: float = 250_000.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share", "dependence_share")
        if not self.one_way_share + self.dependence_share < 1:
            raise SettingError("one_way_share + dependence_share must be below 1; got no budget for the marginals")
        require_not_negative(self, "merge_below", "noise_penalty", "clique_cells", "temperature")
        require_at_least_one(self, "sweeps", "max_records")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.one_way_share, self.dependence_share, 1 - self.one_way_share - self.dependence_share)
        one_ways, dependence, marginals = budget.split(shares if len(domain) > 1 else (1, 0, 0))
        return one_ways, dependence, marginals

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, dependence of all pairs, and (as if every pair were chosen) the marginals."""
        for_one_ways, for_dependence, for_marginals = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        pairs, stddev = column_pairs(domain), dependence_stddev(domain, for_dependence, unit)
        cells = sum(domain.cells(pair) for pair in pairs)
        dependence = PlannedStep("dependence of pairs", "dependence", for_dependence, (stddev, stddev), cells)
        return (one_ways, dependence, planned_marginals("chosen marginals", domain, pairs, for_marginals, unit))

    def resources(self, domain: Domain) -> Resources:
        """All pairs are counted, then the chosen marginals; the records are held twice, at 4 bytes an entry."""
        pairs = column_pairs(domain)
        cells = sum(domain.cells(pair) for pair in pairs) + sum(domain.sizes)
        records = math.ceil(self.max_records * len(domain) * 8 / 48)
        return Resources(len(pairs), (1 + _COMBINED_CELLS) * cells, records)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, release dependence, choose, measure, and fit records."""
        for_one_ways, for_dependence, for_marginals = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        total, measured = estimate_total(one_ways), one_ways
        independent = independent_model(codec, one_ways, total)
        if len(codec.domain) > 1:
            products = tuple(independent.project((column,)) for column in codec.domain)
            stddev = dependence_stddev(codec.domain, for_dependence, door.unit)
            scores = door.run(PairDependence(codec, products, total, stddev), "dependence of pairs")
            cliques = self._choose(codec.domain, scores, for_marginals, door.unit)
            stddevs = allocate_stddevs(codec.domain, cliques, for_marginals, door.unit)
            measured = (*one_ways, *door.run(Marginals(codec, cliques, stddevs), "chosen marginals"))
        # Post-processing: a fixed seed makes the model a function of the measurements alone.
        model = fit_records(
            independent,
            measured,
            np.random.default_rng(0),
            max_records=int(self.max_records),
            sweeps=int(self.sweeps),
            temperature=self.temperature,
            zeros=codec.zeros,
            progress=partial(progress, "records"),
        )
        return Fitted(model, codec, measured)

    def _choose(
        self, domain: Domain, scores: npt.NDArray[np.int64], budget: Cost, unit: PrivacyUnit
    ) -> tuple[Clique, ...]:
        """Pairs of least total error, combined where that is cheap."""
        noise = self.noise_penalty * math.sqrt(2 / math.pi) * stddev_within(budget, unit.squared_l2_count_sensitivity)
        pairs = column_pairs(domain)
        cells = np.array([domain.cells(pair) for pair in pairs], dtype=np.float64)
        chosen = choose_marginals(scores.astype(np.float64), cells, noise)
        return cover(domain, [pairs[index] for index in chosen], self.clique_cells, _COMBINED_CELLS)


def choose_marginals(dependence: FloatArray, cells: FloatArray, noise: float) -> list[int]:
    """Indices of the marginals to measure: greedy minimum of their noise plus the dependence of all others.

    noise: L1 error of one cell if the whole budget measured one marginal. Under the allocation of
    `allocate_stddevs` the chosen ones have error noise * (sum of cells^(2/3))^(3/2) together, so each
    further one costs more. At least one is chosen.

    Source: PrivSyn, algorithm 1.

    >>> choose_marginals(np.array([20.0, 900.0, 400.0]), np.array([4.0, 4.0, 1000.0]), 5.0)
    [1]
    """
    weights, left, chosen, weight = cells ** (2 / 3), np.ones(len(cells), dtype=bool), list[int](), 0.0
    while left.any():
        gains = dependence - noise * ((weight + weights) ** 1.5 - weight**1.5)
        best = int(np.argmax(np.where(left, gains, -np.inf)))
        if chosen and gains[best] <= 0:
            break
        chosen.append(best)
        left[best] = False
        weight += weights[best]
    return chosen
