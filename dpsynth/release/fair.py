"""Whether a fitted model is as fair as was asked for: its graph is looked at, and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpsynth.errors import PlanTooLargeError, ReleaseError
from dpsynth.fairness import Fairness, tied
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.independence import dependence_given
from dpsynth.models.model import Model
from dpsynth.models.random_field import RandomField
from dpsynth.schema.constraints import Constraint

# Share of rows; rounding of a fitted field is many orders below.
_ROUNDING = 1e-6


def unfairness(
    fairness: Fairness, constraints: Iterable[Constraint], measured: Sequence[NoisyMarginal], model: Model
) -> str | None:
    """What there is in a model against `fairness`, in words; None where there is nothing.

    Its graph: a fitted field is a product of tables on the sets that were measured (`models.fit`) and those of the
    constraints, so these must separate protected columns and outcome, by the theorem in `dpsynth.fairness`. (Cliques of
    its junction tree may be larger, for the sake of inference alone.) Then, where the table of all named columns is
    small, its numbers, which do not depend on how it came about. Post-processing: no privacy cost.
    """
    way = fairness.way([*tied(constraints), *(one.clique for one in measured)])
    if way:
        return f"a way {' - '.join(way)} past the admissible columns"
    if not isinstance(model, RandomField):
        return f"a model of another kind ({type(model).__name__})"
    if not set(fairness.named) <= set(model.domain.columns):
        return None  # a column that follows from others is no part of the model; the graph has spoken for it
    try:
        left = dependence_given(model, tuple(fairness.protected), (fairness.outcome,), tuple(fairness.admissible))
    except PlanTooLargeError:
        return None
    return f"a dependence beyond the admissible columns in {left:.2g} of the rows" if left > _ROUNDING else None


def require_fair(
    fairness: Fairness, constraints: Iterable[Constraint], measured: Sequence[NoisyMarginal], model: Model
) -> None:
    """Raise ReleaseError when there is anything in the model against `fairness`; see `unfairness`."""
    found = unfairness(fairness, constraints, measured, model)
    if found is not None:
        raise ReleaseError(
            f"fitted model must be such that {fairness.words}; got {found}, which is a fault of dpsynth: nothing is"
            " released; try to report it"
        )
