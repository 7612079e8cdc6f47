"""`independent`: one-way marginals only; the floor that every other synthesizer must beat."""

from __future__ import annotations

from dataclasses import dataclass

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals


@dataclass(frozen=True)
class Independent:
    """Noisy one-way marginals, columns drawn independently: right shares, no relations between columns."""

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One step: all one-way marginals."""
        return (planned_marginals("one-way marginals", domain, [(column,) for column in domain], budget, unit),)

    def resources(self, domain: Domain) -> Resources:
        """One cell for each code."""
        return Resources(len(domain), sum(domain.sizes), sum(domain.sizes))

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways and multiply them."""
        one_ways = measure_one_ways(door, codec, budget)
        progress("model", 1.0)
        return Fitted(independent_model(codec, one_ways, estimate_total(one_ways)), codec, one_ways)
