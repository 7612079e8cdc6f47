"""Membership with the generator at hand: what it makes of tables with a target, and of tables without it.

The attack runs the release's own program on tables of reference rows, so it needs no guess of how that works.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, Outcome
from attacks.tables import Table, stacked
from attacks.threat import GENERATOR, Threat

# Up to so many columns, counts of all their subsets are computed; up to so many, of sets of at most 3; then 2.
ALL_SUBSETS, TRIPLES = 16, 64


@dataclass(frozen=True)
class QueryShadow:
    """Counts of released rows that agree with a target on a set of columns, judged by releases with and without it.

    targets: the rarest ones, so many, are attacked; the others get score 0. shadows: releases made from samples of
    reference rows, each with a random half of the attacked targets added, so that all targets share them. rows: of
    a sample, as many as were released if None. features: at most so many sets of columns, drawn at random,
    are given to the classifier, a forest of `trees`; sets whose count never varies are left out first.

    Source: Houssiau et al., "TAPAS: a toolbox for adversarial privacy auditing of synthetic data", 2022, and
    Cretu et al., "Achilles' heels", ESORICS 2023, for the counts. The score is the forest's chance of "in", less
    the share of its shadows that are "in".
    """

    targets: int = 10
    shadows: int = 100
    rows: int | None = None
    features: int = 2000
    trees: int = 200

    def __post_init__(self) -> None:
        for name in ("targets", "features", "trees"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} ({getattr(self, name)}) must be 1 or more")
        if self.shadows < 4 or (self.rows is not None and self.rows < 1):
            raise ValueError("shadows must be 4 or more, and rows 1 or more")

    @property
    def threat(self) -> Threat:
        """The program is run on rows of the population."""
        return GENERATOR

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "Releases with a rare row can be told from releases without it."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It runs the whole program on reference rows."""
        if evidence.generate is None:
            return "it needs the program that made the release"
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score the rarest targets; chance draws samples, seeds, shadow memberships and features."""
        if not evidence.reference or evidence.generate is None:
            raise ValueError("evidence must have reference rows and the program that made the release")
        attacked = rarest(targets, evidence.reference, self.targets)
        inside = _half_of_each(self.shadows, len(attacked), rng)
        rows = self.rows or max(len(evidence.synthetic), 1)
        tables = []
        for members in inside:
            sample = evidence.reference.take(rng.integers(len(evidence.reference), size=rows))
            tables.append(evidence.generate(stacked(sample, targets.take(attacked[members])), _seed(rng)))
        scores = np.zeros(len(targets))
        for place, target in enumerate(attacked):
            codes = targets.codes[target]
            counts = np.stack([_shares(table, codes) for table in tables])
            seen = _shares(evidence.synthetic, codes)
            scores[target] = self._judge(counts, inside[:, place], seen, rng)
        return Outcome(scores, details={"attacked": len(attacked), "shadows": self.shadows, "rows": rows})

    def _judge(
        self,
        counts: npt.NDArray[np.float32],
        inside: npt.NDArray[np.bool_],
        seen: npt.NDArray[np.float32],
        rng: np.random.Generator,
    ) -> float:
        """The forest's chance that the release is one with the target, less the share of such shadows."""
        from sklearn.ensemble import RandomForestClassifier

        varied = np.flatnonzero((counts != counts[0]).any(axis=0))
        if not len(varied):
            return 0.0
        used = rng.permutation(varied)[: self.features]
        forest = RandomForestClassifier(self.trees, min_samples_leaf=2, random_state=_seed(rng))
        forest.fit(counts[:, used], inside)
        return float(forest.predict_proba(seen[None, used])[0, 1] - inside.mean())


def rarest(targets: Table, reference: Table, count: int) -> npt.NDArray[np.int64]:
    """Places of the targets whose cells are rarest in the reference: by the sum of -log shares over columns."""
    surprise = np.zeros(len(targets))
    for place, levels in enumerate(targets.levels):
        seen = np.bincount(reference.codes[:, place], minlength=levels) + 0.5
        surprise -= np.log(seen / seen.sum())[targets.codes[:, place]]
    return np.argsort(-surprise, kind="stable")[:count]


def matching_counts(rows: npt.NDArray[np.int32], target: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """For each set of columns, how many rows agree with the target on all of them; the set is a bit mask.

    rows: shape (rows, d). Returns shape (2^d,) for d up to 16: each row is a mask of agreements, masks are counted,
    and sums over supersets take d passes over the table. With more columns: the sets of at most 3 (with more than
    64, of at most 2), in order of size.

    >>> matching_counts(np.array([[1, 5], [1, 6], [2, 5]]), np.array([1, 5])).tolist()
    [3.0, 2.0, 2.0, 1.0]
    """
    agree = rows == target
    columns = agree.shape[1]
    if columns > ALL_SUBSETS:
        return _small_sets(agree)
    masks = np.zeros(len(rows), np.int64)
    for column in range(columns):
        masks |= agree[:, column].astype(np.int64) << column
    counts = np.bincount(masks, minlength=1 << columns).astype(np.float32)
    for column in range(columns):
        halves = counts.reshape(-1, 2, 1 << column)
        halves[:, 0] += halves[:, 1]
    return counts


def _small_sets(agree: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Counts of rows that agree on sets of 0, 1, 2 and perhaps 3 columns, by products of matrices."""
    matrix = agree.astype(np.float32)
    columns = matrix.shape[1]
    pairs = matrix.T @ matrix
    found = [np.array([len(matrix)], np.float32), np.diag(pairs), pairs[np.triu_indices(columns, 1)]]
    for first in range(columns - 2 if columns <= TRIPLES else 0):
        within = matrix[agree[:, first], first + 1 :]
        found.append((within.T @ within)[np.triu_indices(columns - first - 1, 1)])
    return np.concatenate(found)


def _shares(table: Table, target: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Matching counts as shares of the table's rows."""
    return matching_counts(table.codes, target) / np.float32(max(len(table), 1))


def _half_of_each(shadows: int, targets: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """For each shadow and target whether the target is in; each is in half of the shadows, independently."""
    return rng.permuted(np.tile(np.arange(shadows)[:, None] < shadows // 2, (1, targets)), axis=0)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))
