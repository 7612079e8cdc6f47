"""Which of M candidate rows was in the private table? The published noisy marginals are asked, by likelihood.

One candidate is the target's own row, the others are random rows of the population. Of an attacker who has a prior
of 1 / M on each, differential privacy promises more than of any other: reconstruction succeeds with a chance of at
most 1 - f(1 / M), f the trade-off curve. So the attack is a test of that promise on the measurements themselves.

Sources: Hayes, Mahloujifar, Balle, "Bounding training data reconstruction in DP-SGD", NeurIPS 2023 (the prior of M
candidates); Kulynych et al., "Unifying re-identification, attribute inference, and data reconstruction risks in
differential privacy", NeurIPS 2025 (success at most 1 - f of the success without the target's row).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Measured, Outcome, Published
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat

IntArray = npt.NDArray[np.int64]
Cells = Mapping[str, IntArray]


@dataclass(frozen=True)
class CandidateReconstruction:
    """Picks the target's row out of `candidates` rows, the others drawn from the reference.

    By chance, one of `candidates` picks is right. Where the reference rows are of the private table themselves they
    are as likely as a member: members then are picked no oftener, and other targets less often.
    """

    candidates: int = 10

    def __post_init__(self) -> None:
        if self.candidates < 2:
            raise ValueError(f"candidates ({self.candidates}) must be at least 2")

    @property
    def threat(self) -> Threat:
        """The release with its published measurements, and reference rows."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Reconstruction."""
        return Criterion.RECONSTRUCTION

    @property
    def about(self) -> str:
        """One plain sentence for the report: what a good score means."""
        return f"Of {self.candidates} plausible rows, the noisy counts published tell which one was in the table."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run; None when it can."""
        if evidence.published is None or not evidence.published.measured or evidence.target_cells is None:
            return "no noisy marginals were published with the table"
        if evidence.reference_cells is None:
            return "there are no reference rows"
        if _rows(evidence.reference_cells) < self.candidates:
            return f"there are fewer than {self.candidates} reference rows"
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score of a target: how far its own row's log likelihood is above that of the best other candidate."""
        published, own, reference = evidence.published, evidence.target_cells, evidence.reference_cells
        if published is None or own is None or reference is None:
            raise ValueError("the attack needs published marginals and cells of targets and reference")
        mine = total(published, log_likelihood_ratios(published, reference), own)
        rivals = total(published, log_likelihood_ratios(published, reference, without_one=True), reference)
        starts = rng.integers(len(rivals), size=len(mine))
        rivals = rivals[rng.permutation(len(rivals))]
        places = (starts[:, None] + np.arange(self.candidates - 1)) % len(rivals)
        best = rivals[places].max(axis=1)
        ties = (rivals[places] == best[:, None]).sum(axis=1)
        margin = mine - best
        success = np.where(margin == 0, rng.random(len(mine)) < 1 / (1 + ties), margin > 0)
        details = {
            "candidates": self.candidates,
            "picked right": float(success.mean()) if len(success) else 0.0,
            "picked right by chance": 1 / self.candidates,
            "marginals": len(published.measured),
        }
        return Outcome(margin, success=success, details=details)


def reconstruction_ceiling(mu: float, candidates: int) -> float:
    """The greatest chance of the right pick under mu-GDP: 1 - G_mu(1 / candidates).

    >>> round(reconstruction_ceiling(1.0, 10), 3)
    0.389
    """
    from scipy.special import ndtr, ndtri

    return float(ndtr(ndtri(1 / candidates) + mu))


def log_likelihood_ratios(
    published: Published, reference: Cells, *, without_one: bool = False
) -> tuple[FloatArray, ...]:
    """For each measured marginal and each of its cells: log likelihood with one more row there, less without, flat.

    A count is taken as normal about what the reference suggests for the other rows; one row more shifts it by 1. Its
    variance is that of the noise, and of sampling by a factor that is seen in the counts themselves: reference rows may
    be of the private table, or strangers to it. without_one: what a reference row would be told by all others.
    Otherwise its own row would make its cell look expected, and any target, being no reference row, would stand out.
    """
    rows = _rows(reference)
    size = _total(published)
    ratios = []
    for measured in published.measured:
        cells = cells_of(measured, reference)
        counts = np.bincount(cells[cells >= 0], minlength=measured.values.size)
        values = measured.values.ravel()
        noise = max(measured.stddev, 1e-9) ** 2
        residual, sampling = _residual(values, size, counts, rows)
        factor = max(float((residual**2 - noise).sum() / sampling.sum()), 0.0)
        if without_one:
            residual, sampling = _residual(values, size, np.maximum(counts - 1, 0), max(rows - 1, 0))
        ratios.append((residual - 0.5) / (noise + factor * sampling))
    return tuple(ratios)


def _residual(values: FloatArray, size: float, counts: IntArray, rows: int) -> tuple[FloatArray, FloatArray]:
    """Published less expected counts, and the variance of counts of a sample of `size` rows, with smoothed shares."""
    share = np.minimum((counts + 0.5) / (rows + 1), 0.5)
    return values - size * counts / max(rows, 1), size * share * (1 - share)


def total(published: Published, ratios: tuple[FloatArray, ...], rows: Cells) -> FloatArray:
    """The sum of the ratios over all measured marginals, for each row; a cell outside the domain adds nothing."""
    sums = np.zeros(_rows(rows))
    for measured, ratio in zip(published.measured, ratios, strict=True):
        cells = cells_of(measured, rows)
        sums += np.where(cells >= 0, ratio[cells], 0.0)
    return sums


def cells_of(measured: Measured, rows: Cells) -> IntArray:
    """Each row's cell of a measured marginal, as a place in its flat values; -1 outside the domain."""
    places, inside = np.zeros(_rows(rows), np.int64), np.ones(_rows(rows), bool)
    for name, groups, size in zip(measured.columns, measured.groups, measured.values.shape, strict=True):
        codes = rows[name]
        valid = (codes >= 0) & (codes < len(groups))
        places = places * size + groups[np.where(valid, codes, 0)]
        inside &= valid
    return np.where(inside, places, -1)


def _rows(cells: Cells) -> int:
    return len(next(iter(cells.values()), ()))


def _total(published: Published) -> float:
    """Rows of the private table, at least 1: each marginal's sum, weighted by one over its variance."""
    sums = np.array([measured.values.sum() for measured in published.measured])
    variances = np.array([measured.values.size * max(measured.stddev, 1e-9) ** 2 for measured in published.measured])
    return max(float((sums / variances).sum() / (1 / variances).sum()), 1.0)
