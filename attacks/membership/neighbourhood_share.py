"""Whether the rows around a target are synthetic ones more often than chance would have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.membership.nearest import Neighbours, neighbours
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat


@dataclass(frozen=True)
class NeighbourhoodShare:
    """Share of synthetic rows among the k nearest of the synthetic and equally many reference rows.

    sizes: the values of k, over which the share is averaged; each at most 200. A row at distance d counts
    1 / (d + floor), so that a copy outweighs many that are merely near; a large floor counts all alike. Rows of the
    larger table count as a fraction of a row. Rows that tie at the edge of the neighbourhood fill it in proportion to
    how many of either table tie, so a tie of one synthetic and one reference row counts one half. Source: Ward,
    Wang, Cheng, "Data plagiarism index", 2024.
    """

    sizes: tuple[int, ...] = (5, 10, 20, 40)
    floor: float = 0.05

    @property
    def threat(self) -> Threat:
        """Rows of the population are what synthetic ones are counted against."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "The synthetic table is denser around the target than the population is."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It compares two densities, so it needs both tables."""
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; no chance is used."""
        if not evidence.reference:
            raise ValueError("evidence must have reference rows")
        synthetic, reference = neighbours(targets, evidence.synthetic), neighbours(targets, evidence.reference)
        shares = [synthetic_share(synthetic, reference, size, self.floor) for size in self.sizes]
        details = {"synthetic_rows": synthetic.searched, "reference_rows": reference.searched}
        return Outcome(np.mean(shares, axis=0), details=details)


def synthetic_share(synthetic: Neighbours, reference: Neighbours, size: int, floor: float) -> FloatArray:
    """Share of synthetic rows among the `size` nearest rows of both, shape (targets,); tables count alike."""
    both = synthetic.distances, reference.distances
    rows = min(synthetic.searched, reference.searched)
    weight = rows / synthetic.searched, rows / reference.searched
    wanted = min(float(size), *(each * found.shape[1] for each, found in zip(weight, both, strict=True)))
    merged = np.concatenate(both, axis=1)
    order = np.argsort(merged, axis=1, kind="stable")
    total = np.cumsum(np.repeat(weight, [found.shape[1] for found in both])[order], axis=1)
    last = np.argmax(total >= wanted * (1 - 1e-9), axis=1)
    edge = np.take_along_axis(merged, np.take_along_axis(order, last[:, None], axis=1), axis=1)
    nearer = sum(each * (found < edge).sum(axis=1) for each, found in zip(weight, both, strict=True))
    tied = sum(each * (found == edge).sum(axis=1) for each, found in zip(weight, both, strict=True))
    part = ((wanted - nearer) / tied)[:, None]  # of a row at the edge that is within
    sums = [
        each * (np.where(found < edge, 1.0, part * (found == edge)) / (found + floor)).sum(axis=1)
        for each, found in zip(weight, both, strict=True)
    ]
    return np.asarray(sums[0] / (sums[0] + sums[1]))
