"""Where the synthetic table is more probable than the population: two smoothed models of dependent pairs.

The models are discrete and never singular. A tree of the most dependent pairs (Chow, Liu, IEEE Transactions on
Information Theory 1968) is what generators from marginals release; the average over all trees that could be drawn
hears the pairs besides. A pair of cells (x, y) adds log p(x, y) / (p(x) p(y)), a cell log p(x).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.copying import exact_matches
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DensityRatio:
    """log p_S(target) - log p_R(target): S the synthetic, R the reference rows, both with the tree found on S.

    smoothing: rows' worth of independence that every pair is mixed with. trees: how much the average over all
    trees counts, the rest being the best tree. rows: what part of either density is the table's own rows, so that a
    verbatim copy is seen, the rest being the trees. Source of the score: van Breugel, Sun, Qian, van der Schaar,
    "Membership inference attacks against synthetic data through overfitting detection" (DOMIAS), AISTATS 2023.
    """

    smoothing: float = 1.0
    trees: float = 0.2
    rows: float = 0.5

    @property
    def threat(self) -> Threat:
        """Rows of the population show what is probable anyway."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "The target's cells, and pairs of them, are more frequent in the synthetic table than in the population."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It compares two densities, so it needs both tables."""
        return None if evidence.reference else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; no chance is used."""
        if not evidence.reference:
            raise ValueError("evidence must have reference rows")
        tables = evidence.synthetic, evidence.reference
        edges = set(spanning_tree(evidence.synthetic))
        every = self.trees * 2 / len(targets.names)  # share of all trees on d columns that hold a given pair: 2 / d
        pairs = combinations(range(len(targets.names)), 2)
        weights = {pair: every + (1 - self.trees) * (pair in edges) for pair in pairs}
        logs = [self._log_density(table, weights, targets) for table in tables]
        details = {"synthetic_rows": len(tables[0]), "reference_rows": len(tables[1])}
        return Outcome(logs[0] - logs[1], details=details)

    def _log_density(self, table: Table, weights: dict[tuple[int, int], float], targets: Table) -> FloatArray:
        logs = np.zeros(len(targets))
        for column in range(len(targets.names)):
            logs += log_cell(table, column, targets, self.smoothing)
        for pair, weight in weights.items():
            if weight:
                logs += weight * log_pair(table, pair, targets, self.smoothing)
        own = exact_matches(targets.codes, table.codes) / len(table)
        return np.asarray(np.logaddexp(logs + np.log1p(-self.rows), np.log(np.maximum(self.rows * own, 1e-300))))


def log_cell(table: Table, column: int, rows: Table, smoothing: float) -> FloatArray:
    """log p(x) of the rows' cells in one column, under the table's counts."""
    return np.asarray(np.log(_shares(table, column, smoothing))[rows.codes[:, column]])


def log_pair(table: Table, pair: tuple[int, int], rows: Table, smoothing: float) -> FloatArray:
    """log p(x, y) / (p(x) p(y)) of the rows' cells in two columns, under the table's counts."""
    one, other = pair
    counts = _joint(table, one, other)[rows.codes[:, one], rows.codes[:, other]]
    alone = [_shares(table, column, smoothing)[rows.codes[:, column]] for column in pair]
    product = alone[0] * alone[1]
    return np.asarray(np.log((counts + smoothing * product) / ((len(table) + smoothing) * product)))


def log_probability(table: Table, edges: Edges, rows: Table, smoothing: float) -> FloatArray:
    """log p(row) under the tree with these edges, shape (rows,)."""
    cells = sum(log_cell(table, column, rows, smoothing) for column in range(len(rows.names)))
    return np.asarray(cells + sum(log_pair(table, edge, rows, smoothing) for edge in edges))


def spanning_tree(table: Table) -> Edges:
    """The tree of largest mutual information, each edge (lower, higher) column; corrected for chance dependence."""
    columns = len(table.names)
    information = np.zeros((columns, columns))
    for one, other in combinations(range(columns), 2):
        information[one, other] = information[other, one] = _information(_joint(table, one, other))
    reached, edges = [0], []
    while len(reached) < columns:
        open_columns = [column for column in range(columns) if column not in reached]
        gains = information[np.ix_(reached, open_columns)]
        start, end = np.unravel_index(int(gains.argmax()), gains.shape)
        edges.append((min(reached[start], open_columns[end]), max(reached[start], open_columns[end])))
        reached.append(open_columns[end])
    return tuple(edges)


def _shares(table: Table, column: int, smoothing: float) -> FloatArray:
    counts = np.bincount(table.codes[:, column], minlength=table.levels[column])
    return np.asarray((counts + smoothing / len(counts)) / (len(table) + smoothing))


def _joint(table: Table, one: int, other: int) -> npt.NDArray[np.int64]:
    levels = table.levels[one], table.levels[other]
    flat = table.codes[:, one].astype(np.int64) * levels[1] + table.codes[:, other]
    return np.bincount(flat, minlength=levels[0] * levels[1]).reshape(levels)


def _information(counts: npt.NDArray[np.int64]) -> float:
    """Mutual information in nats less what independent columns would show by chance (Miller, 1955)."""
    rows = counts.sum()
    sides = counts.sum(axis=1), counts.sum(axis=0)
    joint, one, other = (each[each > 0] for each in (counts, *sides))
    entropies = [float(np.log(rows) - (each * np.log(each)).sum() / rows) for each in (one, other, joint)]
    freedom = (len(one) - 1) * (len(other) - 1)
    return entropies[0] + entropies[1] - entropies[2] - freedom / (2 * float(rows))
