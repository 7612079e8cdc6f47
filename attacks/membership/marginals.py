"""Membership from marginals: a row that was in the private table left its cells a little fuller than the population.

Scores add up over *focal points*, the marginals that the synthesizer is likely to have kept. Per marginal, a
target in cell c gets

- "ratio": P_S(c) / P_R(c), released over reference share;
- "gaussian": (n P_S(c) - n P_R(c)) / variance of that difference, the log-likelihood ratio up to a constant.

The variance is that of sampling. Where it is not known which marginals were kept, it is times a factor: a marginal
that was not kept is off by much more than sampling would have it, how much more is seen in the two tables, and so
focal points stand out by themselves.

Source: Golob, Pentyala, Maratkhan, De Cock, "Privacy Vulnerabilities in Marginals-based Synthetic Data"
(MAMA-MIA), 2024, for focal points and the ratio.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.tables import Table
from attacks.threat import GENERATOR, REFERENCE, Threat

Cliques = tuple[tuple[str, ...], ...]

SCORES = ("ratio", "gaussian")
# Joint codes up to here are counted as they are; more of them are first numbered anew by sorting.
MAX_CELLS = 1 << 20
# Added to the reference count of every cell, so that a cell the reference lacks has a share too.
PSEUDOCOUNT = 0.5


@dataclass(frozen=True)
class PublishedMarginals:
    """Marginals of the released table against those of reference rows, summed over the target's cells.

    Focal points are the marginals that the release says it measured. Without such a list they are all pairs of
    columns, `triples` random triples, whole rows, and rows without one column: the last two show copies.
    score: "gaussian" or "ratio".
    """

    score: str = "gaussian"
    triples: int = 0

    def __post_init__(self) -> None:
        require_score(self.score)
        if self.triples < 0:
            raise ValueError(f"triples ({self.triples}) must be 0 or more")

    @property
    def threat(self) -> Threat:
        """Rows of the population say what to expect."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "Marginals of the synthetic table hold a trace of single rows."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It compares shares in two tables, so it needs both."""
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; chance only draws triples."""
        if not evidence.reference:
            raise ValueError("evidence must have reference rows")
        published = published_cliques(evidence)
        cliques = published or likely_cliques(evidence.synthetic.names, self.triples, rng)
        tables = evidence.synthetic, evidence.reference, targets
        scores = np.zeros(len(targets))
        for clique in cliques:
            scores += scores_in_one(joint_codes(tables, clique), self.score, kept=bool(published))
        return Outcome(scores, details={"score": self.score, "marginals": len(cliques), "published": bool(published)})


@dataclass(frozen=True)
class ShadowMarginals:
    """Marginals that the program chooses on tables like the private one, weighted by how often it does.

    runs: bootstrap samples of the reference, of as many rows as were released. least: marginals chosen in a
    smaller share of runs are left out. score: "gaussian" or "ratio", as above.

    Source: Golob, Pentyala, Maratkhan, De Cock, "Privacy Vulnerabilities in Marginals-based Synthetic Data", 2024.
    """

    runs: int = 50
    least: float = 0.05
    score: str = "gaussian"

    def __post_init__(self) -> None:
        require_score(self.score)
        if self.runs < 1 or not 0 <= self.least <= 1:
            raise ValueError("runs must be 1 or more, and least from 0 to 1")

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
        return "Marginals that the program tends to keep hold a trace of single rows."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It runs the program's choice of marginals on reference rows."""
        if evidence.select is None:
            return "it needs the program's choice of marginals"
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; chance draws the samples and the program's seeds."""
        if not evidence.reference or evidence.select is None:
            raise ValueError("evidence must have reference rows and the program's choice of marginals")
        chosen: Counter[tuple[str, ...]] = Counter()
        for _ in range(self.runs):
            sample = evidence.reference.take(
                rng.integers(len(evidence.reference), size=max(len(evidence.synthetic), 1))
            )
            chosen.update(_known(evidence.select(sample, int(rng.integers(1 << 31))), evidence.synthetic.names))
        often = {clique: times for clique, times in sorted(chosen.items()) if times >= self.least * self.runs}
        tables = evidence.synthetic, evidence.reference, targets
        scores = np.zeros(len(targets))
        for clique, times in often.items():
            scores += times / self.runs * scores_in_one(joint_codes(tables, clique), self.score, kept=True)
        return Outcome(scores, details={"runs": self.runs, "marginals": len(often), "score": self.score})


def require_score(score: str) -> None:
    """ValueError unless it is the name of a score."""
    if score not in SCORES:
        raise ValueError(f"score ({score!r}) must be one of: {', '.join(SCORES)}")


def published_cliques(evidence: Evidence) -> Cliques:
    """The sets of columns that the release says were measured together; empty when it says nothing."""
    if evidence.published is None:
        return ()
    return tuple(clique for clique in evidence.published.cliques if set(clique) <= set(evidence.synthetic.names))


def likely_cliques(names: Sequence[str], triples: int, rng: np.random.Generator) -> Cliques:
    """All pairs of columns, random triples, all columns, and all but one; each set once, in a fixed order."""
    places = range(len(names))
    drawn = {tuple(sorted(rng.permutation(len(names))[:3].tolist())) for _ in range(triples if len(names) > 2 else 0)}
    large = [tuple(places), *itertools.combinations(places, len(names) - 1)]
    found = dict.fromkeys([*itertools.combinations(places, 2), *sorted(drawn), *large])
    return tuple(tuple(names[place] for place in clique) for clique in found if clique)


def joint_codes(tables: Sequence[Table], clique: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """For each table the cell of every row in one marginal, numbered alike, each shape (rows,).

    Numbers stay below the number of rows of all tables together or MAX_CELLS, whichever is larger.
    """
    ends = np.cumsum([len(table) for table in tables])
    cells, size = np.zeros(ends[-1], np.int64), 1
    for name in clique:
        place = tables[0].names.index(name)
        levels = tables[0].levels[place]
        cells = cells * levels + np.concatenate([table.codes[:, place] for table in tables])
        size *= levels
        if size > MAX_CELLS:
            known, cells = np.unique(cells, return_inverse=True)
            size = len(known)
    return np.split(cells, ends[:-1])


def scores_in_one(cells: Sequence[npt.NDArray[np.int64]], score: str, *, kept: bool) -> FloatArray:
    """Scores of the targets from the cells of synthetic, reference and target rows in one marginal.

    kept: the synthesizer is known to have kept this marginal, so that it differs by sampling (and noise) alone.
    """
    synthetic, reference, targets = cells
    size = 1 + max(int(each.max(initial=0)) for each in cells)
    released, known = (np.bincount(each, minlength=size) for each in (synthetic, reference))
    held = max(int(((released > 0) | (known > 0)).sum()), 1)
    share = (known + PSEUDOCOUNT) / (len(reference) + PSEUDOCOUNT * held)
    rows = max(len(synthetic), 1)
    if score == "ratio":
        return np.asarray((released / rows / share)[targets])
    difference = released - known * (rows / max(len(reference), 1))
    sampling = rows * (1 + rows / max(len(reference), 1)) * share
    excess = 1.0 if kept else float((difference**2 / sampling).sum()) / max(held - 1, 1)
    return np.asarray((difference / sampling)[targets]) / max(excess, 1.0)


def _known(cliques: Cliques, names: tuple[str, ...]) -> Cliques:
    """The sets of columns that the released table has, each once."""
    return tuple(dict.fromkeys(clique for clique in cliques if clique and set(clique) <= set(names)))
