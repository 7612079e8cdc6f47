"""Random forests as attackers: beliefs about one hidden column, from the known ones."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray
from attacks.tables import Table


def features(table: Table) -> npt.NDArray[np.float32]:
    """Cells as numbers that a tree can cut: ranks of numbers, -1 where missing, and codes of categories."""
    cells = np.where(np.array(table.ordered, bool), table.ranks, table.codes.astype(np.float32))
    return np.nan_to_num(cells, nan=-1.0).astype(np.float32)


def forest_beliefs(
    synthetic: Table,
    answers: npt.NDArray[np.int64],
    targets: Table,
    *,
    trees: int,
    depth: int,
    rows: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Probability of every answer for every target, shape (targets, answers); none is 0.

    synthetic, targets: the known columns alone. answers: for each synthetic row the index of its hidden value, from
    0 on without gaps. Every tree is grown on all rows; on `rows` random ones where there are more, other ones for
    each tree, so that few synthetic rows go unseen. The forest counts `trees` times as much as the frequencies of
    the synthetic table.
    """
    from sklearn.ensemble import RandomForestClassifier

    prior = np.bincount(answers) / len(answers)
    if len(prior) == 1:
        return np.ones((len(targets), 1))
    forest = RandomForestClassifier(
        n_estimators=trees,
        max_depth=depth,
        bootstrap=len(answers) > rows,  # a row that was copied then marks every tree
        max_samples=rows if len(answers) > rows else None,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)  # tiny tables
        forest.fit(features(synthetic), answers)
    found = forest.predict_proba(features(targets))
    return np.asarray((trees * found + prior) / (trees + 1))
