"""A classifier that was trained to tell synthetic rows from other people's rows, asked about the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, Outcome
from attacks.membership.nearest import Neighbours, coordinates, neighbours
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat


@dataclass(frozen=True)
class Classifier:
    """Log odds that a target is synthetic, by gradient-boosted trees: synthetic against reference rows.

    max_rows: of either table, so many rows are learned from: the nearest one to each target, then the second
    nearest, and so on, so that copies of targets are not lost. rounds, leaves: of the boosting. One row may
    make a leaf, since a copy is one row. Source of the score: Hayes, Melis, Danezis, De Cristofaro, "LOGAN",
    PoPETs 2019.
    """

    max_rows: int = 10_000
    rounds: int = 30
    leaves: int = 1000

    @property
    def threat(self) -> Threat:
        """Rows of the population are the other class."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "A trained classifier takes the target for a row of the synthetic table."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It needs two classes."""
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; chance seeds the boosting."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        if not evidence.reference:
            raise ValueError("evidence must have reference rows")
        tables = evidence.synthetic, evidence.reference
        limit = min(self.max_rows, *(len(table) for table in tables))
        chosen = [table.take(nearest_first(neighbours(targets, table), limit)) for table in tables]
        model = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=1,
            l2_regularization=1.0,
            early_stopping=False,
            categorical_features=[not ordered for ordered in targets.ordered],
            random_state=int(rng.integers(2**31)),
        )
        points = np.concatenate([coordinates(table) for table in chosen])
        labels = np.repeat([1, 0], [len(table) for table in chosen])
        weights = len(labels) / (2 * np.bincount(labels)[labels])  # both tables count alike
        order = np.lexsort((labels, *points.T))  # so that the order of the rows does not matter
        with threadpool_limits(1):  # many small leaves: threads would wait for each other most of the time
            model.fit(points[order], labels[order], weights[order])
            scores = model.decision_function(coordinates(targets))
        details = {"synthetic_rows": len(chosen[0]), "reference_rows": len(chosen[1])}
        return Outcome(scores, details=details)


def nearest_first(found: Neighbours, limit: int) -> npt.NDArray[np.int64]:
    """At most `limit` different rows: the nearest ones to all targets, then the second nearest, and so on."""
    by_rank = found.places.T.ravel()
    rows, first = np.unique(by_rank, return_index=True)
    return np.sort(rows[np.argsort(first)[:limit]]).astype(np.int64)
