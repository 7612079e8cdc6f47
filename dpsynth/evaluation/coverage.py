"""What is rare: values and pairs of values that few private rows hold, tails of numbers, and rows unlike most others.

A private model is made not to remember single rows, so some loss here is the promise at work. What matters is whether
rare things together keep their share.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from dpsynth.evaluation.arms import thinned
from dpsynth.evaluation.table import IntArray, Table

RARE_SHARE = 0.01
"""Values and pairs that this share of the rows hold, or fewer, are rare; so many rows count as outliers or tails."""

MOST_PAIRS = 60
MOST_ROWS = 20_000  # that the forest looks at, of each table


def rare_coverage(real: Table, other: Table) -> dict[str, float]:
    """How many of the real table's rare values and pairs of values the other has, and the share of rows with them."""
    singles = [(field.name,) for field in real.fields]
    every = list(itertools.combinations([field.name for field in real.fields], 2))
    if len(every) > MOST_PAIRS:
        chosen = np.random.default_rng(0).choice(len(every), MOST_PAIRS, replace=False)
        every = [every[place] for place in sorted(chosen.tolist())]
    found = {}
    for what, sets in (("values", singles), ("pairs of values", every)):
        rare = [_rare(real, other, names) for names in sets]
        kinds, kept = sum(each[0] for each in rare), sum(each[1] for each in rare)
        mass, synthetic = math.fsum(each[2] for each in rare), math.fsum(each[3] for each in rare)
        if kinds:
            found[f"rare {what} that occur"] = kept / kinds
            found[f"share of rare {what}, relative"] = synthetic / mass
    return found


def _rare(real: Table, other: Table, names: tuple[str, ...]) -> tuple[int, int, float, float]:
    """Rare cells of a marginal: how many there are, how many of them the other has; their shares of rows in both."""
    cells = math.prod(real.field(name).size for name in names)
    counts = [np.bincount(_cells(each, names), minlength=cells) for each in (real, other)]
    rare = (counts[0] > 0) & (counts[0] <= RARE_SHARE * real.rows)
    shares = [count[rare].sum() / table.rows for count, table in zip(counts, (real, other), strict=True)]
    return int(rare.sum()), int((rare & (counts[1] > 0)).sum()), float(shares[0]), float(shares[1])


def _cells(table: Table, names: tuple[str, ...]) -> IntArray:
    cell = np.zeros(table.rows, dtype=np.int64)
    for name in names:
        cell = cell * table.field(name).size + table.codes[name]
    return cell


def tail_shares(real: Table, other: Table) -> dict[str, float]:
    """The share of other values beyond the outermost hundredths of the real ones, over all ordered columns.

    1 where the tails weigh what they weigh in the real table. Columns whose tails have no rows beyond are left out.
    """
    found = []
    for name in real.ordered:
        values, others = (each[~np.isnan(each)] for each in (real.values[name], other.values[name]))
        if not (len(values) and len(others)):
            continue
        low, high = np.quantile(values, [RARE_SHARE, 1 - RARE_SHARE])
        real_share = float(((values < low) | (values > high)).mean())
        if real_share:
            found.append(float(((others < low) | (others > high)).mean()) / real_share)
    return {"share of tails of numbers, relative": float(np.mean(found))} if found else {}


def outlier_share(real: Table, other: Table, seed: int) -> dict[str, float]:
    """The share of other rows that an isolation forest calls as odd as the oddest hundredth of the real rows.

    1 where there are as many as among real rows. The forest is grown on real rows, whose other half sets the bar.
    """
    from sklearn.ensemble import IsolationForest

    from dpsynth.evaluation.features import for_trees

    rng = np.random.default_rng(seed)
    real, other = thinned(real, MOST_ROWS, rng), thinned(other, MOST_ROWS, rng)
    names = [field.name for field in real.fields]
    rows = for_trees(real, names, fill=-1.0)
    grown, held = rows[::2], rows[1::2]
    forest = IsolationForest(random_state=seed).fit(grown)
    bar = np.quantile(forest.score_samples(held), RARE_SHARE)
    odd = float((forest.score_samples(for_trees(other, names, fill=-1.0)) < bar).mean())
    return {"share of outlying rows, relative": odd / RARE_SHARE}
