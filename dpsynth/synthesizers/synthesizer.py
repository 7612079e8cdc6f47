"""The protocol of a synthesizer, and how several of them divide noise over marginals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.models.evidence import within_zeros
from dpsynth.models.model import Model
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door

Progress = Callable[[str, float], None]


def no_progress(stage: str, fraction: float) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Fitted:
    """What a synthesizer returns: a model over the codes of `codec`, and all that it measured."""

    model: Model
    codec: Codec
    measurements: tuple[NoisyMarginal, ...]

    def within_constraints(self) -> Fitted:
        """The same with a model that gives no row to what the codec's constraints rule out; post-processing."""
        return replace(self, model=within_zeros(self.model, self.codec.zeros))

    @property
    def rows(self) -> int:
        """Synthetic rows of a release that asks for no number: as many as the model stands for, if keys allow it."""
        rows, most = max(round(self.model.total), 0), self.codec.most_rows
        return rows if most is None else min(rows, most)


class Synthesizer(Protocol):
    """A way to spend a budget on a coded table; a frozen value whose fields are its settings."""

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """What will run, at which cost, on a domain of at most these sizes; costs sum to at most `budget`."""
        ...

    def resources(self, domain: Domain) -> Resources:
        """Upper bounds of cells needed on a domain of at most these sizes."""
        ...

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Run mechanisms of total cost at most `budget` at the door, and fit a model to their answers."""
        ...


def require_gap(gap: float) -> None:
    """Raise SettingError unless `gap`, where inference stops, is a positive number."""
    if not 0 < gap < math.inf:
        raise SettingError(f"gap ({gap}) must be a positive number; try 1e-3")


def allocate_stddevs(domain: Domain, cliques: Sequence[Clique], budget: Cost, unit: PrivacyUnit) -> tuple[float, ...]:
    """Stddevs for measuring `cliques` together within `budget`, minimising the total expected L1 error.

    The L1 error of a marginal of c cells grows as c * stddev and its cost as 1 / stddev^2; minimising
    sum c_i s_i under sum 1/s_i^2 fixed gives s_i ~ c_i^(-1/3), so clique i gets a share ~ c_i^(2/3).
    """
    weights = [domain.cells(clique) ** (2 / 3) for clique in cliques]
    shift = unit.squared_l2_count_sensitivity
    return tuple(stddev_within(part, shift) for part in budget.split(weights))


def planned_marginals(
    label: str, domain: Domain, cliques: Sequence[Clique], budget: Cost, unit: PrivacyUnit
) -> PlannedStep:
    """The planned step of measuring `cliques` with `allocate_stddevs`."""
    stddevs = allocate_stddevs(domain, cliques, budget, unit)
    return PlannedStep(
        label, "marginals", budget, (min(stddevs), max(stddevs)), sum(domain.cells(clique) for clique in cliques)
    )
