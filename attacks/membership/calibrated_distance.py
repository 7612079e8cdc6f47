"""How much nearer a target is to the synthetic table than to other people's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.attack import Criterion, Evidence, Outcome
from attacks.membership.nearest import neighbours, thinned
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat


@dataclass(frozen=True)
class CalibratedDistance:
    """log(distance to the nearest reference rows / distance to the nearest synthetic rows), both plus `floor`.

    nearest: over so many neighbours the distances are averaged. floor: a distance, in columns, below which nearer
    tells no more; with a large one the order of scores is that of differences of distances. The larger of the two
    tables counts as if it had been thinned to the size of the smaller, in expectation, so that its size gains it
    nothing. Without reference rows: minus the log of the distance to synthetic ones, plus `floor`. Source: Chen, Yu,
    Zhang, Fritz, "GAN-Leaks", CCS 2020.
    """

    nearest: int = 1
    floor: float = 0.05

    @property
    def threat(self) -> Threat:
        """Rows of the population calibrate the distance."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "The synthetic table has rows suspiciously near the target, nearer than other people's rows are."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Never: it runs on any release."""
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; no chance is used."""
        synthetic = neighbours(targets, evidence.synthetic)
        details = {"synthetic_rows": synthetic.searched}
        if not evidence.reference:
            return Outcome(-np.log(thinned(synthetic, 1.0, self.nearest) + self.floor), details=details)
        reference = neighbours(targets, evidence.reference)
        rows = min(synthetic.searched, reference.searched)
        away, near = (thinned(found, rows / found.searched, self.nearest) for found in (reference, synthetic))
        scores = np.log((away + self.floor) / (near + self.floor))
        return Outcome(scores, details={**details, "reference_rows": reference.searched})
