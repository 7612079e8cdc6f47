"""Naive Bayes: beliefs about one hidden column, from how often its values meet those of the known columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray
from attacks.tables import Table

# Rows that are added to every pair of values, so that a pair never seen is unlikely and not impossible.
_PSEUDO_ROWS = 0.5


def pair_counts(
    first: npt.NDArray[np.integer], second: npt.NDArray[np.integer], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """Rows of every pair of codes, of the given shape."""
    cells = first.astype(np.int64) * shape[1] + second
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def naive_beliefs(synthetic: Table, answers: npt.NDArray[np.int64], targets: Table) -> FloatArray:
    """Probability of every answer for every target, shape (targets, answers), as if known columns were independent.

    synthetic, targets: the known columns alone. answers: for each synthetic row the index of its hidden value.
    """
    counts = np.bincount(answers)
    logs = np.tile(np.log(counts / len(answers)), (len(targets), 1))
    for place, levels in enumerate(synthetic.levels):
        pairs = pair_counts(synthetic.codes[:, place], answers, (levels, len(counts))) + _PSEUDO_ROWS
        logs += np.log(pairs / pairs.sum(axis=0))[targets.codes[:, place]]
    likelihoods = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(likelihoods / likelihoods.sum(axis=1, keepdims=True))
