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
    places = [_places(table.values[name]) for name in table.ordered]
    found = np.eye(len(places))
    for (i, one), (j, other) in itertools.combinations(enumerate(places), 2):
        both = (one >= 0) & (other >= 0)
        found[i, j] = found[j, i] = _correlation(_ranks(one[both]), _ranks(other[both]))
    return found


def _places(values: FloatArray) -> IntArray:
    """Where each value stands among the distinct ones, from 0; -1 where missing."""
    known = np.unique(values[~np.isnan(values)])
    places = np.searchsorted(known, values)
    return np.where(np.isnan(values), -1, places)


def _ranks(places: IntArray) -> FloatArray:
    """Ranks among the given rows, equal values at their mean rank; counting spares sorting each pair anew."""
    counts = np.bincount(places)
    middle: FloatArray = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middle[places], dtype=np.float64)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if len(one) < 2 or one.min() == one.max() or other.min() == other.max():
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


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
