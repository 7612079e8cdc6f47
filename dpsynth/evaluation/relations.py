"""How columns go together: Cramer's V of every pair of columns, Spearman's correlation of every two ordered ones."""

from __future__ import annotations

import itertools
import math

import numpy as np

from dpsynth.evaluation.table import FloatArray, IntArray, Table


def cramers_v(one: IntArray, other: IntArray, sizes: tuple[int, int]) -> float:
    """Cramer's V of two columns of codes: 0 independent, 1 one decides the other; NaN where a column is constant.

    The plain estimate (Cramer 1946), which chance makes larger in small tables: read it beside the ceiling.
    """
    counts = np.bincount(one * sizes[1] + other, minlength=sizes[0] * sizes[1]).reshape(sizes).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return math.nan
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    squared = ((counts - expected) ** 2 / expected).sum() / counts.sum()
    return float(math.sqrt(squared / (min(counts.shape) - 1)))


def associations(table: Table) -> FloatArray:
    """Cramer's V of all pairs of columns, on their codes, shape (columns, columns); 1 on the diagonal."""
    found = np.eye(len(table.fields))
    for (i, one), (j, other) in itertools.combinations(enumerate(table.fields), 2):
        value = cramers_v(table.codes[one.name], table.codes[other.name], (one.size, other.size))
        found[i, j] = found[j, i] = value
    return found


def rank_correlations(table: Table) -> FloatArray:
    """Spearman's correlation of ordered columns, over the rows where both are present; NaN where one is constant."""
    import pandas as pd

    values = {name: table.values[name] for name in table.ordered}
    if not values:
        return np.zeros((0, 0))
    ranked = pd.DataFrame(values).rank()
    whole = ~ranked.isna().to_numpy().any()
    # Ranks of whole columns are the ranks of every pair of them; with missing cells each pair is ranked by itself.
    matrix = ranked.corr() if whole else pd.DataFrame(values).corr(method="spearman")
    return np.asarray(matrix, dtype=np.float64)


def relation_errors(real: Table, other: Table) -> dict[str, float]:
    """Mean and largest absolute difference of the coefficients, over pairs where both tables have one."""
    named = {
        "Cramer's V": (associations(real), associations(other)),
        "Spearman's correlation": (rank_correlations(real), rank_correlations(other)),
    }
    found = {}
    for name, (one, two) in named.items():
        upper = np.triu_indices(len(one), 1)
        off = np.abs(one[upper] - two[upper])
        off = off[~np.isnan(off)]
        if len(off):
            found[f"{name}, mean difference"] = float(off.mean())
            found[f"{name}, largest difference"] = float(off.max())
    return found
