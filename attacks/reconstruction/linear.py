"""Linear reconstruction: the secret bits of all targets from many answers that are sums over them.

The attacker knows every other column of the targets. A query is a cell of a few known columns: how many targets in
it have the secret? The synthetic table's answer is its share of the secret in that cell, times the targets there. All
answers together are linear equations in the unknown bits, solved for the bits that violate them least.

Much of a bit can be guessed from the other columns by anybody who knows the population, and such success is no leak.
So the score of a member must be compared with that of other targets. To see what leaks of individuals alone, fit the
generator on a twin whose secret is a fair coin (`twin_secret`): nothing but the rows themselves can tell it then, and
success above one half is individual leakage.

Sources: Dinur, Nissim, "Revealing information while preserving privacy", PODS 2003; Annamalai, Gadotti, Rocher, "A
linear reconstruction attack for private synthetic data", USENIX Security 2024 (answers read off a synthetic table).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.reconstruction.rows import shared_cells
from attacks.tables import UNSEEN, Table
from attacks.threat import RELEASE, Threat

# How hard a bit is drawn to the release's overall rate: only bits that no query pins down feel it.
PULL = 0.01
STEPS = 300  # of projected gradient


@dataclass(frozen=True)
class LinearReconstruction:
    """Guesses a binary column from the others.

    secret: the column; by default the two-level column nearest to half and half, else the last column with labels:
    its most frequent level against all others. marginals: random sets of 1 to most_columns known columns, each cell
    of which is a query. max_targets: those attacked together, drawn at random (the others score 0, unsuccessful).
    program_targets: up to that many the sum of absolute violations is minimised, by a linear program of at most
    program_queries queries, drawn at random; beyond, the sum of squares, by projected gradient. The squares are the
    default: faster with all queries, and their bits stay near one half where small groups contradict each other, so
    that they tell members apart better than the program's, most of which are 0 or 1.
    """

    secret: str | None = None
    marginals: int = 200
    most_columns: int = 7
    max_targets: int = 20_000
    program_targets: int = 0
    program_queries: int = 4_000

    def __post_init__(self) -> None:
        if min(self.marginals, self.most_columns, self.max_targets, self.program_queries) < 1:
            raise ValueError("marginals, most_columns, max_targets and program_queries must be at least 1")

    @property
    def threat(self) -> Threat:
        """The release alone."""
        return RELEASE

    @property
    def criterion(self) -> Criterion:
        """Reconstruction."""
        return Criterion.RECONSTRUCTION

    @property
    def about(self) -> str:
        """One plain sentence for the report: what a good score means."""
        return "A yes-or-no secret of real people can be computed from what the synthetic table says of small groups."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run; None when it can."""
        if len(evidence.synthetic.names) < 2:
            return "there is no column beside the secret one"
        if self.secret is not None and self.secret not in evidence.synthetic.names:
            return f"there is no column {self.secret!r}"
        if secret_of(evidence.synthetic, self.secret) is None:
            return "no column of the synthetic table can be read as a binary secret"
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score of a target: the distance of its solved bit from one half where the guess is right, else minus it.

        A success weighs one over twice the share of the true value, so that guessing the commoner one gains nothing.
        """
        chosen = secret_of(evidence.synthetic, self.secret)
        if chosen is None:
            raise ValueError("no column of the synthetic table can be read as a binary secret")
        column, level = chosen
        attacked = np.sort(rng.permutation(len(targets))[: self.max_targets])
        place = targets.names.index(column)
        bits = evidence.synthetic.codes[:, place] == level
        known = targets.take(attacked).without(column)
        matrix, answers, weights = queries(
            known, evidence.synthetic.without(column), bits, self.marginals, self.most_columns, rng
        )
        rate = float(bits.mean())
        program = len(attacked) <= self.program_targets
        if program:
            kept = np.sort(rng.permutation(len(answers))[: self.program_queries])
            solved = least_absolute(matrix[kept], answers[kept], weights[kept], rate)
        else:
            solved = least_squares(matrix, answers, weights, rate)
        true = targets.codes[attacked, place] == level
        right = np.where(solved == 0.5, rng.random(len(solved)) < 0.5, solved > 0.5) == true
        scores, success = np.zeros(len(targets)), np.zeros(len(targets), bool)
        scores[attacked] = np.abs(solved - 0.5) * np.where(right, 1, -1)
        success[attacked] = right
        shares = np.where(targets.codes[:, place] == level, rate, 1 - rate)
        weights_of_success = 0.5 / np.maximum(shares, 1 / len(bits))
        details = {
            "secret": column,
            "targets attacked": len(attacked),
            "queries": min(len(answers), self.program_queries) if program else len(answers),
            "solver": "linear program" if program else "projected gradient",
            "right": float(right.mean()) if len(right) else 0.0,
            "right by the commoner value alone": max(rate, 1 - rate),
        }
        return Outcome(scores, success=success, weights=weights_of_success, details=details)


def secret_of(table: Table, column: str | None = None) -> tuple[str, int] | None:
    """Which column is the secret, and which of its codes counts as 1; None when it has fewer than two levels.

    Without a column: the one with just two levels that is nearest to half and half; else the last with labels.
    """
    counts = {name: np.bincount(table.codes[:, place]) for place, name in enumerate(table.names)}
    for each in counts.values():
        each[: UNSEEN + 1] = 0
    varied = {name: each for name, each in counts.items() if (each > 0).sum() > 1}
    if column is not None:
        return (column, int(varied[column].argmax())) if column in varied else None
    binary = [name for name, each in varied.items() if (each > 0).sum() == 2]
    labels = [name for name, ordered in zip(table.names, table.ordered, strict=True) if name in varied and not ordered]
    if not binary and not labels:
        return None
    chosen = max(binary, key=lambda name: varied[name][varied[name] > 0].min()) if binary else labels[-1]
    return chosen, int(varied[chosen].argmax())


def twin_secret(table: Table, rng: np.random.Generator, column: str | None = None) -> Table:
    """The table with its secret column replaced by fair coins, independent of all else.

    Give the twin to the generator, and its rows as targets to `LinearReconstruction(secret=column)`: success above
    one half is leakage of individuals. Raises ValueError when no column can be the secret.
    """
    chosen = secret_of(table, column)
    if chosen is None:
        raise ValueError("the table must have a column with at least two levels, for the secret")
    place = table.names.index(chosen[0])
    cells = table.codes[:, place]
    counts = np.bincount(cells)
    counts[: UNSEEN + 1] = 0
    counts[chosen[1]] = 0
    donors = np.array([int(np.argmax(cells == counts.argmax())), int(np.argmax(cells == chosen[1]))])
    rows = donors[rng.integers(2, size=len(table))]
    views = {}
    for view in ("ticks", "codes", "ranks"):
        values = getattr(table, view).copy()
        values[:, place] = values[rows, place]
        views[view] = values
    return replace(table, **views)


def queries(
    known: Table,
    synthetic: Table,
    bits: npt.NDArray[np.bool_],
    marginals: int,
    most_columns: int,
    rng: np.random.Generator,
) -> tuple[Any, FloatArray, FloatArray]:
    """Sums of the targets' secret bits, as the synthetic table answers them.

    known, synthetic: the known columns of targets and of synthetic rows; bits: the secret of the latter.
    Returns a sparse 0-1 matrix, shape (queries, targets); answers; weights, one over the standard deviation (up to a
    factor) that an answer has as an estimate of the targets' sum: of n targets' own bits, and of a share among s rows.
    """
    from scipy import sparse

    blocks, answers, weights = [], [], []
    for _ in range(marginals):
        size = rng.integers(1, min(most_columns, len(known.names)) + 1)
        columns = np.sort(rng.permutation(len(known.names))[:size])
        cells, theirs = shared_cells(known.codes[:, columns], synthetic.codes[:, columns], rng)
        count = int(cells.max(initial=-1)) + 1
        rows = np.bincount(theirs[theirs >= 0], minlength=count)
        ones = np.bincount(theirs[(theirs >= 0) & bits], minlength=count)
        own = np.bincount(cells, minlength=count)
        answered = np.flatnonzero(rows)  # a cell without synthetic rows says nothing
        indicator = sparse.csr_array((np.ones(len(cells)), (cells, np.arange(len(cells)))), shape=(count, len(cells)))
        blocks.append(indicator[answered])
        answers.append((own * ones)[answered] / rows[answered])
        weights.append(1 / np.sqrt(own[answered] + own[answered] ** 2 / rows[answered]))
    return sparse.vstack(blocks, format="csr"), np.concatenate(answers), np.concatenate(weights)


def least_absolute(matrix: Any, answers: FloatArray, weights: FloatArray, rate: float) -> FloatArray:
    """Bits from 0 to 1 that minimise the weighted sum of |matrix @ bits - answers|, with a slight pull to the rate."""
    from scipy import optimize, sparse

    count = matrix.shape[1]
    every = sparse.vstack([matrix, sparse.eye_array(count)], format="csr")
    right = np.concatenate([answers, np.full(count, rate)])
    prices = np.concatenate([weights, np.full(count, PULL)])
    slack = sparse.eye_array(len(right))
    solution = optimize.linprog(
        np.concatenate([np.zeros(count), prices, prices]),
        A_eq=sparse.hstack([every, slack, -slack], format="csc"),
        b_eq=right,
        bounds=[(0, 1)] * count + [(0, None)] * (2 * len(right)),
        method="highs",
    )
    if solution.x is None:  # any bits are feasible: only a solver out of its limits comes here
        return np.full(count, rate)
    solved: FloatArray = np.clip(solution.x[:count], 0, 1)
    return solved


def least_squares(matrix: Any, answers: FloatArray, weights: FloatArray, rate: float) -> FloatArray:
    """Bits from 0 to 1 that minimise the weighted sum of squares, by projected gradient with momentum (FISTA)."""
    from scipy import sparse

    scaled = sparse.csr_array(matrix.multiply(weights[:, None]))
    transposed, wanted = scaled.T.tocsr(), answers * weights
    direction = np.ones(matrix.shape[1])
    for _ in range(20):  # power iteration: the largest curvature
        direction = transposed @ (scaled @ direction)
        direction /= max(float(np.linalg.norm(direction)), 1e-300)
    curvature = 1.1 * float(np.linalg.norm(transposed @ (scaled @ direction))) + PULL
    bits = ahead = np.full(matrix.shape[1], rate)
    pace = 1.0
    for _ in range(STEPS):
        slope = transposed @ (scaled @ ahead - wanted) + PULL * (ahead - rate)
        stepped = np.clip(ahead - slope / curvature, 0, 1)
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead = stepped + (pace - 1) / faster * (stepped - bits)
        bits, pace = stepped, faster
    return bits
