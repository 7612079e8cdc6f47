"""`priview`: views that cover all pairs (or triples) of columns, chosen without looking, measured at once.

Source: Qardaji, Yang, Li, "PriView: Practical Differentially Private Release of Marginal Contingency
Tables", SIGMOD 2014: a covering design of views, one noisy measurement of all of them, consistency and
maximum entropy. Here the views are bounded in cells instead of columns, noise is Gaussian in the
(mu^2, delta0) currency, and the fit is one model of the whole table instead of one for each query.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.models.fit import fit
from dpsynth.models.junction_tree import predicted_cells
from dpsynth.models.model import Model
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_update import fit_records
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways, merge_rare
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import (
    Fitted,
    Progress,
    allocate_stddevs,
    planned_marginals,
    require_gap,
)
from dpsynth.synthesizers.views import cover


@dataclass(frozen=True)
class PriView:
    """All pairs, or all triples, through overlapping views: spends nothing on choosing; best with few small columns.

    one_way_share: of the budget; the rest measures the views. merge_below: codes with a noisy count under
    this many stddevs are merged. view_cells: cells of a view at most. slack: how much larger than the
    marginals that it holds a view may be. triple_error: triples are covered instead of pairs when the
    expected noise of one is at most this (mean total variation), and they have at most triple_cells
    cells together. model_cells: with at most so many cells the model is an exact random field, else
    synthetic records. gap: where its inference stops. sweeps, temperature, max_records: see `fit_records`.
    """

    one_way_share: float = 0.3
    merge_below: float = 2.0
    view_cells: float = 4096.0
    slack: float = 1.0
    triple_error: float = 0.02
    triple_cells: float = 200_000.0
    model_cells: float = 200_000.0
    gap: float = 1e-2
    sweeps: float = 8.0
    temperature: float = 1.5
    max_records: float = 250_000.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share")
        require_not_negative(
            self, "merge_below", "view_cells", "slack", "triple_error", "triple_cells", "model_cells", "temperature"
        )
        require_at_least_one(self, "sweeps", "max_records")
        require_gap(self.gap)

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        one_ways, views = budget.split((self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0))
        return one_ways, views

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the views of all pairs (the views of triples, if any, are chosen once the rows are known)."""
        for_one_ways, for_views = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        return (one_ways, planned_marginals("views", domain, self._views(domain, 2), for_views, unit))

    def resources(self, domain: Domain) -> Resources:
        """The views of pairs or triples; an exact model of bounded size, or records held twice at 4 bytes an entry."""
        pairs, triples = (_combinations(domain, order) for order in (2, 3))
        cells = [sum(domain.cells(clique) for clique in cliques) for cliques in (pairs, triples)]
        counted = max(1.0, self.slack) * max(cells[0], min(cells[1], self.triple_cells)) + sum(domain.sizes)
        records = self.max_records * len(domain) * 8 / 48
        return Resources(len(triples), math.ceil(counted), math.ceil(max(self.model_cells, records)))

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, cover, measure the views in one shot, fit."""
        for_one_ways, for_views = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        total, measured = estimate_total(one_ways), one_ways
        start = independent_model(codec, one_ways, total)
        if len(codec.domain) < 2:
            return Fitted(start, codec, one_ways)
        views = self._choose(codec.domain, total, for_views, door.unit)
        stddevs = allocate_stddevs(codec.domain, views, for_views, door.unit)
        measured = (*one_ways, *door.run(Marginals(codec, views, stddevs), "views"))
        return Fitted(self._model(codec, start, measured, progress), codec, measured)

    def _choose(self, domain: Domain, total: float, budget: Cost, unit: PrivacyUnit) -> tuple[Clique, ...]:
        """Views of all triples when those come out well enough, else of all pairs: from released values alone."""
        triples = _combinations(domain, 3)
        if triples and sum(domain.cells(triple) for triple in triples) <= self.triple_cells:
            views = self._views(domain, 3)
            stddevs = dict(zip(views, allocate_stddevs(domain, views, budget, unit), strict=True))
            if mean_noise(domain, triples, stddevs) <= self.triple_error * total:
                return views
        return self._views(domain, 2)

    def _views(self, domain: Domain, order: int) -> tuple[Clique, ...]:
        largest_first = sorted(_combinations(domain, order), key=domain.cells, reverse=True)
        return cover(domain, largest_first, self.view_cells, self.slack)

    def _model(
        self, codec: Codec, start: RandomField, measured: tuple[NoisyMarginal, ...], progress: Progress
    ) -> Model:
        zeros = codec.zeros
        if (
            predicted_cells(start.domain, [*(one.clique for one in measured), *(one.clique for one in zeros)])
            <= self.model_cells
        ):
            return fit(
                start.domain,
                measured,
                start.total,
                structural_zeros=zeros,
                gap=self.gap,
                progress=partial(progress, "model"),
            )
        # Post-processing: a fixed seed makes the model a function of the measurements alone.
        return fit_records(
            start,
            measured,
            np.random.default_rng(0),
            max_records=int(self.max_records),
            sweeps=int(self.sweeps),
            temperature=self.temperature,
            zeros=zeros,
            progress=partial(progress, "records"),
        )


def mean_noise(domain: Domain, cliques: list[Clique], stddevs: dict[Clique, float]) -> float:
    """Expected total variation noise, in rows, of `cliques` summed out of the views that hold them, on average.

    A clique of c cells inside a view of v cells has noise of stddev * sqrt(v / c) in each cell.
    """
    held = [
        min(
            math.sqrt(domain.cells(clique) * domain.cells(view)) * stddev
            for view, stddev in stddevs.items()
            if set(clique) <= set(view)
        )
        for clique in cliques
    ]
    return math.sqrt(2 / math.pi) / 2 * math.fsum(held) / len(held)


def _combinations(domain: Domain, order: int) -> list[Clique]:
    return list(itertools.combinations(domain.columns, order))
