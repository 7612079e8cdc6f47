"""`mixture`: all pairs of columns at once, and a mixture of products for tables that no junction tree can hold.

Sources: Xiao, He, Zhang, Kifer, "An Optimal and Scalable Matrix Mechanism for Noisy Marginals under Convex Loss
Functions" (the residual basis), NeurIPS 2023; Liu, Vietri, Wu, "Iterative Methods for Private Synthetic Data"
(the mixture of products), NeurIPS 2021.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import ResidualMarginals, squared_residual_shift
from dpsynth.models.fit_mixture import fit_mixture
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, measure_one_ways, merge_rare
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals

# Of the fit on one core, for each component and cell of a table of all codes against all codes.
_SECONDS_PER_STEP = 2.4e-11


@dataclass(frozen=True)
class Mixture:
    """All pairs at once, fitted by a mixture of products: for wide tables whose columns all depend on each other.

    one_way_share: of the budget; the rest measures what all pairs add to the one-ways, an equal part each. merge_below:
    codes with a noisy count under this many stddevs are merged. components, factors: size of the mixture and
    rank of its logits. stages, stage_steps: how many penalties the fit tries at most, and steps for
    each.
    """

    one_way_share: float = 0.2
    merge_below: float = 3.0
    components: float = 400.0
    factors: float = 12.0
    stages: float = 20.0
    stage_steps: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.one_way_share < 1:
            raise SettingError(f"one_way_share ({self.one_way_share}) must be between 0 and 1; try 0.2")
        if not 0 <= self.merge_below < math.inf:
            raise SettingError(f"merge_below ({self.merge_below}) must be a number that is not negative")
        for name in ("components", "factors", "stages", "stage_steps"):
            number = getattr(self, name)
            if not (1 <= number <= 100_000 and number == int(number)):
                raise SettingError(f"{name} ({number}) must be a whole number from 1 to 100000")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        one_ways, pairs = budget.split((self.one_way_share, 1 - self.one_way_share) if _pairs(domain) else (1, 0))
        return one_ways, pairs

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the residuals of all pairs."""
        for_one_ways, for_pairs = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        pairs = _pairs(domain)
        if not pairs:
            return (one_ways,)
        stddevs = _even_stddevs(domain, pairs, for_pairs, unit)
        cells = sum(domain.cells(pair) for pair in pairs)
        return (
            one_ways,
            PlannedStep("all pairs", "residual marginals", for_pairs, (min(stddevs), max(stddevs)), cells),
        )

    def resources(self, domain: Domain) -> Resources:
        """All pairs are counted; the fit holds a few tables of all codes against all codes, and the mixture."""
        pairs = _pairs(domain)
        width = sum(domain.sizes)
        # Ten float32 tables of width x width (targets, precisions, errors) are less than one float64 array in six.
        model = width**2 + int(self.components) * (width + 1)
        steps = self.stages * self.stage_steps * self.components
        seconds = _SECONDS_PER_STEP * steps * width**2
        return Resources(len(pairs), sum(domain.cells(pair) for pair in pairs), model, seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, then all pairs, then fit the mixture to both."""
        for_one_ways, for_pairs = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        codec, one_ways = merge_rare(codec, one_ways, self.merge_below)
        measured, total = one_ways, estimate_total(one_ways)
        pairs = _pairs(codec.domain)
        if pairs:
            stddevs = _even_stddevs(codec.domain, pairs, for_pairs, door.unit)
            measured = (*one_ways, *door.run(ResidualMarginals(codec, pairs, stddevs), "all pairs"))
        model = fit_mixture(
            codec.domain,
            measured,
            total,
            np.random.default_rng(0),  # the fit is a function of what was measured, and of nothing else
            components=int(self.components),
            factors=int(self.factors),
            stages=int(self.stages),
            stage_steps=int(self.stage_steps),
            progress=partial(progress, "model"),
        )
        return Fitted(model, codec, measured)


def _pairs(domain: Domain) -> tuple[Clique, ...]:
    """All pairs of columns with at least two codes each."""
    return tuple(itertools.combinations((column for column in domain if domain[column] > 1), 2))


def _even_stddevs(domain: Domain, pairs: Sequence[Clique], budget: Cost, unit: PrivacyUnit) -> tuple[float, ...]:
    """Stddevs with which every pair's residual costs the same part of `budget`."""
    part = budget.split([1] * len(pairs))[-1]
    shapes = [domain.shape(pair) for pair in pairs]
    found = {
        shape: stddev_within(part, squared_residual_shift(shape, unit)) / math.prod(shape) for shape in set(shapes)
    }
    return tuple(found[shape] for shape in shapes)
