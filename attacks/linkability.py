"""Linkability: whether a synthetic row ties the two halves of a person together.

Somebody holds one table with some columns of people, and another one with other columns, and wants to know which
two records are one person. The released table helps when the same synthetic row is among the nearest to both.

Rows are ranked by their distance to the target in either half: the rank of a row is the number of rows at most as
far. Rows that are equally far share the worse rank, so ties link nobody, and the order of the table is of no
account. The strength of a link is that of the synthetic row whose worse rank is best.

Source: Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023 (nearest
neighbours in two halves); the ranks, the rule for ties and the average over several halves are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, Outcome
from attacks.membership.nearest import search
from attacks.tables import Table
from attacks.threat import RELEASE, Threat

# Distances are sums in single precision; those that differ by less may be equal.
_EQUALLY_FAR = np.float32(1e-5)

Halves = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Linkability:
    """Whether the nearest synthetic rows by two disjoint sets of columns have one in common.

    first, second: column names; both empty means `splits` random halves of all columns. neighbours: a target is
    linked when some row's ranks in both halves are at most this, in most of the splits. max_rows: synthetic rows
    used, drawn at random.
    """

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    splits: int = 5
    neighbours: int = 10
    max_rows: int = 100_000

    def __post_init__(self) -> None:
        if bool(self.first) != bool(self.second) or set(self.first) & set(self.second):
            raise ValueError("first and second must both be given or both be empty, and have no column in common")
        if min(self.splits, self.neighbours, self.max_rows) < 1:
            raise ValueError("splits, neighbours and max_rows must be at least 1")

    @property
    def threat(self) -> Threat:
        """The release alone."""
        return RELEASE

    @property
    def criterion(self) -> Criterion:
        """Linkability."""
        return Criterion.LINKABILITY

    @property
    def about(self) -> str:
        """One plain sentence."""
        return "Two halves of a person's record are tied together by one synthetic row more often than by chance."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run: no rows or targets, a name that the table lacks, or a single column."""
        absent = [name for name in self.first + self.second if name not in targets.names]
        if absent:
            return f"the table has no column {', '.join(absent)}"
        if not len(evidence.synthetic) or not len(targets):
            return "there are no synthetic rows, or no targets"
        return None if len(targets.names) > 1 else "it takes at least two columns"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Rank in both halves of each split; the score is the mean strength of the links."""
        synthetic = evidence.synthetic
        if len(synthetic) > self.max_rows:
            synthetic = synthetic.take(np.sort(rng.permutation(len(synthetic))[: self.max_rows]))
        halves = self._halves(targets.names, rng)
        ranks = [best_common_rank(targets, synthetic, pair, self.neighbours) for pair in halves]
        linked = np.array([rank <= self.neighbours for rank in ranks])
        strength = np.log((self.neighbours + 1) / np.array(ranks))
        success = linked.mean(axis=0) > 0.5
        return Outcome(
            scores=np.where(success, strength.mean(axis=0), strength.mean(axis=0) - np.log(self.neighbours + 1)),
            success=success,
            details={
                "halves": [[list(first), list(second)] for first, second in halves],
                "neighbours": self.neighbours,
                "synthetic rows": len(synthetic),
                "linked in each split": [round(float(each.mean()), 4) for each in linked],
            },
        )

    def _halves(self, names: tuple[str, ...], rng: np.random.Generator) -> tuple[Halves, ...]:
        if self.first:
            return ((self.first, self.second),)
        halves = []
        for _ in range(self.splits):
            inside = set(rng.permutation(len(names))[: len(names) // 2])
            first = tuple(name for place, name in enumerate(names) if place in inside)
            halves.append((first, tuple(name for name in names if name not in first)))
        return tuple(halves)


def best_common_rank(targets: Table, synthetic: Table, halves: Halves, neighbours: int) -> npt.NDArray[np.int64]:
    """For each target the smallest max(rank in one half, rank in the other) of a row; neighbours + 1 if above."""
    (places, ranks), (other_places, other_ranks) = (
        ranked(targets.only(half), synthetic.only(half), neighbours) for half in halves
    )
    same = places[:, :, None] == other_places[:, None, :]
    worse = np.maximum(ranks[:, :, None], other_ranks[:, None, :])
    return np.asarray(np.where(same, worse, neighbours + 1).min(axis=(1, 2), initial=neighbours + 1))


def ranked(targets: Table, synthetic: Table, count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Places and ranks of the nearest rows, shape (targets, at most count + 1).

    A rank is the number of rows at most as far; it is count + 1 for every row that is as far as the last one kept,
    beyond which there may be more of them.
    """
    found = search(targets, synthetic, count + 1)
    ranks = (found.distances[:, None, :] <= found.distances[:, :, None] + _EQUALLY_FAR).sum(axis=2)
    return found.places, ranks
