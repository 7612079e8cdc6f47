"""Row reconstruction: whole rows that the release's marginals support more than the population does.

Candidates are the distinct synthetic rows that the reference does not have: what a prior alone would also propose is no
reconstruction. They are ranked by how much oftener their cells come up in the release than in the reference, over
many marginals: random sets of columns of the synthetic table, or the noisy marginals published with it, in which
case the synthetic table holds nothing further. The first of the list are proposed as rows of the private table.

Source: Dick et al., "Confidence-ranked reconstruction of census microdata from published statistics", PNAS 2023
(ranked candidates, judged beside a prior's). Their ranking by many random fits of rows to the released marginals
becomes a ranking by the marginals themselves, for a synthetic table is such a fit already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.reconstruction.candidates import log_likelihood_ratios, total
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat

CodeArray = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowReconstruction:
    """Proposes rows of the private table.

    marginals: random sets of columns that are counted, beside that of all columns; candidates: rows proposed;
    max_rows: synthetic and reference rows used, each, drawn at random.
    """

    marginals: int = 32
    candidates: int = 10_000
    max_rows: int = 100_000

    def __post_init__(self) -> None:
        if self.marginals < 0 or self.candidates < 1 or self.max_rows < 1:
            raise ValueError("marginals must be >= 0, candidates and max_rows >= 1")

    @property
    def threat(self) -> Threat:
        """The release and reference rows."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Reconstruction."""
        return Criterion.RECONSTRUCTION

    @property
    def about(self) -> str:
        """One plain sentence for the report: what a good score means."""
        return "Rows of real people can be rebuilt from the release's counts, beyond what the population suggests."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run; None when it can."""
        if evidence.reference is None or not len(evidence.reference):
            return "there are no reference rows"
        return None if len(evidence.synthetic) and targets.names else "the synthetic table has no row or no column"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score of a target: its support beyond that of the least proposed row if it is proposed, else at most 0."""
        if evidence.reference is None:
            raise ValueError("the attack needs reference rows")
        chosen, known = (_sample(len(table), self.max_rows, rng) for table in (evidence.synthetic, evidence.reference))
        synthetic, reference = evidence.synthetic.codes[chosen], evidence.reference.codes[known]
        measured = _published_support(evidence, chosen)
        support, mine = measured or log_frequency_ratios(
            [synthetic, targets.codes], synthetic, reference, self.marginals, rng
        )
        whole, theirs = shared_cells(synthetic, np.concatenate([reference, targets.codes]), rng)
        of_reference, own = np.split(theirs, [len(reference)])
        ranked = np.full(int(whole.max()) + 1, -np.inf)
        np.maximum.at(ranked, whole, support)
        ranked[of_reference[of_reference >= 0]] = -np.inf
        order = np.argsort(-ranked, kind="stable")[: min(self.candidates, int(np.isfinite(ranked).sum()))]
        proposed = np.zeros(len(ranked) + 1, bool)  # the last place: for rows that the synthetic table does not have
        proposed[order] = True
        success = proposed[own]
        least = ranked[order].min(initial=np.inf)
        beyond = np.where(success, 1 + np.maximum(mine - least, 0.0), 0.0)
        scores = np.where(success, beyond, mine - mine[~success].max(initial=-np.inf))
        details = {
            "synthetic rows used": len(synthetic),
            "reference rows used": len(reference),
            "support from": "published marginals" if measured else f"{self.marginals + 1} marginals of the table",
            "rows proposed": len(order),
            "of them targets": len(np.unique(own[success])),
        }
        return Outcome(scores, success=success, details=details)


def _published_support(evidence: Evidence, chosen: IntArray) -> list[FloatArray] | None:
    """Log likelihood ratios of synthetic rows and of targets by the published marginals; None when there are none."""
    cells = evidence.synthetic_cells, evidence.target_cells, evidence.reference_cells
    if evidence.published is None or not evidence.published.measured or cells[0] is None:
        return None
    if cells[1] is None or cells[2] is None:
        return None
    ratios = log_likelihood_ratios(evidence.published, cells[2])
    asked = {name: codes[chosen] for name, codes in cells[0].items()}, cells[1]
    return [total(evidence.published, ratios, rows) for rows in asked]


def log_frequency_ratios(
    asked: list[CodeArray], synthetic: CodeArray, reference: CodeArray, marginals: int, rng: np.random.Generator
) -> list[FloatArray]:
    """How much oftener the cells of rows come up in the synthetic table than in the reference.

    asked: tables of rows, each answered by an array: log of the ratio of the two frequencies, averaged over the
    marginal of all columns and random ones of any number of columns.
    """
    width = synthetic.shape[1]
    sums = [np.zeros(len(rows)) for rows in asked]
    for marginal in range(marginals + 1):
        size = width if not marginal else int(rng.integers(1, width + 1))
        columns = np.sort(rng.permutation(width)[:size])
        parts = [rows[:, columns] for rows in (synthetic, reference, *asked)]
        cells, _ = shared_cells(np.concatenate(parts), parts[0][:0], rng)
        ours, theirs, *rest = np.split(cells, np.cumsum([len(part) for part in parts])[:-1])
        count = int(cells.max()) + 1
        ratio = np.log((np.bincount(ours, minlength=count) + 0.5) / (len(ours) + 1))
        ratio -= np.log((np.bincount(theirs, minlength=count) + 0.5) / (len(theirs) + 1))
        for total_, cells_asked in zip(sums, rest, strict=True):
            total_ += ratio[cells_asked] / (marginals + 1)
    return sums


def shared_cells(own: CodeArray, other: CodeArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """For each row of `own` its cell, numbered 0, 1, ...; for each row of `other` the same cell, -1 where none has it.

    own, other: codes, shape (rows, columns). A row becomes a random linear hash of 64 bits: two different rows
    get the same number with a chance below 1e-16.
    """
    factors = rng.integers(2**64, size=own.shape[1], dtype=np.uint64) | np.uint64(1)
    keys, others = own.astype(np.uint64) @ factors, other.astype(np.uint64) @ factors
    values, cells = np.unique(keys, return_inverse=True)
    if not len(values):
        return cells.astype(np.int64), np.full(len(others), -1, np.int64)
    places = np.minimum(np.searchsorted(values, others), len(values) - 1)
    return cells.astype(np.int64), np.where(values[places] == others, places, -1)


def _sample(rows: int, at_most: int, rng: np.random.Generator) -> IntArray:
    return np.arange(rows) if rows <= at_most else np.sort(rng.choice(rows, at_most, replace=False))
