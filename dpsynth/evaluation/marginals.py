"""Distances of marginals: half the L1 distance of two tables of shares, 0 for equal tables and 1 for disjoint ones.

Sets of columns are all there are of one and of two columns, and 100 fixed random ones of three, four and five (numpy's
`default_rng(0)` chooses from all in the order of the columns), the sets by which published results are compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Codes = Mapping[str, npt.NDArray[np.int64]]

SETS = 100
"""Sets of three, four and five columns."""

MOST_WAYS = 5
_ROWS_WORTH = 4  # a table of counts of more cells than so many times the rows is sparse, and its cells are numbered


def column_sets(columns: Sequence[str], ways: int, most: int | None = None) -> list[tuple[str, ...]]:
    """All sets of so many columns, or a fixed random choice of `most` of them."""
    count = math.comb(len(columns), ways)
    every = itertools.combinations(columns, ways)
    if most is None or count <= most:
        return list(every)
    chosen = set(np.random.default_rng(0).choice(count, most, replace=False).tolist())
    return [names for index, names in enumerate(every) if index in chosen]


def total_variation(real: Codes, synthetic: Codes, sizes: Mapping[str, int], columns: Sequence[str]) -> float:
    """Half the L1 distance of the shares of the marginal on `columns`; sizes: number of codes of each column."""
    rows = len(real[columns[0]]), len(synthetic[columns[0]])
    if not all(rows):
        return math.nan
    cell = np.zeros(sum(rows), dtype=np.int64)
    cells = 1
    for name in columns:
        if cells * sizes[name] > np.iinfo(np.int64).max:
            cell, cells = _numbered(cell)
        cell *= sizes[name]
        cell[: rows[0]] += real[name]
        cell[rows[0] :] += synthetic[name]
        cells *= sizes[name]
    if cells > _ROWS_WORTH * sum(rows):
        cell, cells = _numbered(cell)
    counts = (np.bincount(part, minlength=cells) for part in np.split(cell, [rows[0]]))
    shares = [count / total for count, total in zip(counts, rows, strict=True)]
    return 0.5 * float(np.abs(shares[0] - shares[1]).sum())


def _numbered(cell: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """The cells that occur, numbered afresh."""
    import pandas as pd

    places, found = pd.factorize(cell)
    return places.astype(np.int64), len(found)


def mean_variation(real: Codes, synthetic: Codes, sizes: Mapping[str, int], sets: Iterable[tuple[str, ...]]) -> float:
    """Mean distance over sets of columns."""
    return float(np.mean([total_variation(real, synthetic, sizes, names) for names in sets]))


def marginal_errors(
    real: Codes, synthetic: Codes, sizes: Mapping[str, int], ways: Sequence[int] = range(1, MOST_WAYS + 1)
) -> dict[str, float]:
    """Mean distance over the marginals of one to five columns, as `error1` to `error5`."""
    columns = list(sizes)
    return {
        f"error{each}": mean_variation(real, synthetic, sizes, column_sets(columns, each, None if each <= 2 else SETS))
        for each in ways
        if each <= len(columns)
    }


def k_marginal_score(real: Codes, synthetic: Codes, sizes: Mapping[str, int], sets: Iterable[tuple[str, ...]]) -> float:
    """NIST's score: 1000 for equal tables, 0 for disjoint ones, linear in the mean distance over the sets."""
    return 1000 * (1 - mean_variation(real, synthetic, sizes, sets))


def area_sets(columns: Sequence[str], area: str) -> list[tuple[str, ...]]:
    """The sets of NIST's SDNist 2.4: every pair of the other columns, within an area (there, PUMA)."""
    return [(area, *pair) for pair in itertools.combinations([name for name in columns if name != area], 2)]
