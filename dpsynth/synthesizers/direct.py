"""`direct`: the marginals that the user names, measured once, fitted together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.models.fit import fit
from dpsynth.models.junction_tree import predicted_cells
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals, require_gap

# Of the fit on one core; small and tree-like models need less, large ones with loops up to twice as much.
_SECONDS_PER_CELL = 2e-5


@dataclass(frozen=True)
class Direct:
    """Marginals named by the user, for relations known to matter; every other column gets its one-way.

    marginals: cliques as lists of column names, or one string "a,b;b,c". gap: where inference stops,
    relative to the objective.
    """

    marginals: str | Sequence[Sequence[str]] = ()
    gap: float = 1e-2

    def __post_init__(self) -> None:
        if not self._named():
            raise SettingError("marginals must name at least one clique; try marginals='age,sex;sex,income'")
        require_gap(self.gap)

    def _named(self) -> list[list[str]]:
        if isinstance(self.marginals, str):
            cliques = [[name.strip() for name in part.split(",")] for part in self.marginals.split(";")]
        else:
            cliques = [list(clique) for clique in self.marginals]
        return [[name for name in clique if name] for clique in cliques if any(clique)]

    def _cliques(self, domain: Domain) -> tuple[Clique, ...]:
        named = dict.fromkeys(domain.canonical(clique) for clique in self._named())
        covered = {column for clique in named for column in clique}
        return (*named, *((column,) for column in domain if column not in covered))

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One step: all named marginals and the remaining one-ways."""
        return (planned_marginals("named marginals", domain, self._cliques(domain), budget, unit),)

    def resources(self, domain: Domain) -> Resources:
        """The named marginals and the junction tree over them."""
        cliques = self._cliques(domain)
        counted = sum(domain.cells(clique) for clique in cliques)
        model = predicted_cells(domain, cliques)
        return Resources(len(cliques), counted, model, _SECONDS_PER_CELL * model)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the named marginals and fit the maximum-entropy model."""
        cliques = self._cliques(codec.domain)
        stddevs = allocate_stddevs(codec.domain, cliques, budget, door.unit)
        measured = door.run(Marginals(codec, cliques, stddevs), "named marginals")
        total = estimate_total(measured)
        zeros, say = codec.zeros, partial(progress, "model")
        model = fit(codec.domain, measured, total, structural_zeros=zeros, gap=self.gap, progress=say)
        return Fitted(model, codec, measured)
