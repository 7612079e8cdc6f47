"""Whether the synthetic rows around a target are more likely once the target is added to the population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.membership.density_ratio import log_probability, spanning_tree
from attacks.membership.nearest import KEPT, neighbours
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat


@dataclass(frozen=True)
class LocalLikelihood:
    """Gain in log likelihood of the synthetic rows x nearest to a target t, when t joins the n reference rows.

    The density of the population, p, is a tree of dependent pairs; with t it is (n p + K(., t)) / (n + 1), in closed
    form and without a fit for each target. K puts weight 1 - width on t's own cell in each column, and `width`
    on the population's cells. nearest: how many x, at most 200. smoothing: rows' worth of independence in p.
    Source: Ward et al., "Gen-LRA: generative likelihood ratio attack", 2025.
    """

    nearest: int = 100
    width: float = 0.05
    smoothing: float = 1.0

    @property
    def threat(self) -> Threat:
        """Rows of the population give the density that the target is added to."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "The synthetic rows around the target are explained better by a population that holds the target."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It starts from the population's density."""
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; no chance is used."""
        if not evidence.reference:
            raise ValueError("evidence must have reference rows")
        synthetic, reference = evidence.synthetic, evidence.reference
        near = neighbours(targets, synthetic)
        density = log_probability(reference, spanning_tree(reference), synthetic, self.smoothing)
        scores = np.zeros(len(targets))
        for place in near.places.T[: min(self.nearest, KEPT)]:
            kernel = self._kernel(reference, synthetic.take(place), targets)
            gain = np.exp(np.minimum(kernel - density[place], 700.0)) / len(reference)
            scores += np.log1p(gain) - np.log1p(1 / len(reference))
        details = {"synthetic_rows": near.searched, "reference_rows": len(reference)}
        return Outcome(scores, details=details)

    def _kernel(self, reference: Table, rows: Table, targets: Table) -> FloatArray:
        """log K(row i, target i) for all i."""
        total = np.zeros(len(rows))
        for column, levels in enumerate(reference.levels):
            counts = np.bincount(reference.codes[:, column], minlength=levels)
            share = self.width * (counts + self.smoothing / levels) / (len(reference) + self.smoothing)
            cells = rows.codes[:, column]
            total += np.log(share[cells] + (1 - self.width) * (cells == targets.codes[:, column]))
        return total
