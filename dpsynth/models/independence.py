"""How far a model is from a conditional independence: a number read off its own tables, whatever made them."""

from __future__ import annotations

import numpy as np

from dpsynth.domain import Clique
from dpsynth.models.model import Model


def dependence_given(model: Model, one: Clique, other: Clique, given: Clique, *, max_cells: int = 1_000_000) -> float:
    """Share of rows that must change for `one` and `other` to be independent given `given`; 0 when they are.

    Half the L1 distance of p(one, other, given) from p(one, given) p(other, given) / p(given). The three name different
    columns; `given` may be empty. Post-processing: no privacy cost. Raises PlanTooLargeError beyond `max_cells` cells.

    >>> from dpsynth.domain import Domain
    >>> from dpsynth.models.random_field import RandomField
    >>> field = RandomField.independent(Domain.of({"a": 2, "b": 2}), {"a": np.array([3.0, 1.0])}, 4)
    >>> dependence_given(field, ("a",), ("b",), ())
    0.0
    """
    shape = [model.domain.cells(part) if part else 1 for part in (one, other, given)]
    joint = model.project((*one, *other, *given), max_cells=max_cells).reshape(shape) / model.total
    with_one, with_other = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    alone = joint.sum(axis=(0, 1), keepdims=True)
    independent = with_one * with_other / np.where(alone > 0, alone, 1.0)
    return float(np.abs(joint - independent).sum() / 2)
