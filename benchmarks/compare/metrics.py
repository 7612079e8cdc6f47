"""Distances between two coded tables, and how well a classifier trained on one judges the other.

The total variation distance of a marginal is half the L1 distance of the two tables of shares. Sets of columns
are all there are of one and of two columns, and 100 fixed random ones of three, four and five (numpy's
`default_rng(0)` chooses from all in the order of the columns), the sets by which published results are compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Codes = Mapping[str, NDArray[np.int64]]

SETS = 100  # of three, four and five columns
DENSE_CELLS = 1 << 21  # up to here a table of counts is quicker than sorting
# The score of NIST's data excerpts cuts these columns into twentieths of the real rows before it compares.
# Whether the first code, "not applicable", and the last, a top code, are bins of their own.
NIST_RANKED = {"AGEP": (False, False), "PINCP": (True, False), "POVPIP": (True, True)}
NIST_BINS = 20


def column_sets(columns: Sequence[str], ways: int, most: int | None = None) -> list[tuple[str, ...]]:
    """All sets of so many columns, or a fixed random choice of `most` of them."""
    count = math.comb(len(columns), ways)
    every = itertools.combinations(columns, ways)
    if most is None or count <= most:
        return list(every)
    chosen = set(np.random.default_rng(0).choice(count, most, replace=False).tolist())
    return [names for index, names in enumerate(every) if index in chosen]


def total_variation(real: Codes, synthetic: Codes, domain: Mapping[str, int], columns: Sequence[str]) -> float:
    """Half the L1 distance of the shares of the marginal on `columns`: 0 for equal, 1 for disjoint tables."""
    rows = len(real[columns[0]]), len(synthetic[columns[0]])
    cell = np.zeros(sum(rows), dtype=np.int64)
    cells = 1
    for name in columns:
        if cells * domain[name] > np.iinfo(np.int64).max:  # number the cells that occur afresh
            found, cell = np.unique(cell, return_inverse=True)
            cells = len(found)
        cell = cell * domain[name] + np.concatenate([real[name], synthetic[name]])
        cells *= domain[name]
    if cells > DENSE_CELLS:
        found, cell = np.unique(cell, return_inverse=True)
        cells = len(found)
    counts = (np.bincount(part, minlength=cells) for part in np.split(cell, [rows[0]]))
    shares = [count / total for count, total in zip(counts, rows, strict=True)]
    return 0.5 * float(np.abs(shares[0] - shares[1]).sum())


def marginal_errors(real: Codes, synthetic: Codes, domain: Mapping[str, int]) -> dict[str, float]:
    """Mean distance over the marginals of one to five columns, as `error1` to `error5`."""
    columns = list(domain)
    errors = {}
    for ways in range(1, min(5, len(columns)) + 1):
        sets = column_sets(columns, ways, None if ways <= 2 else SETS)
        errors[f"error{ways}"] = float(np.mean([total_variation(real, synthetic, domain, names) for names in sets]))
    return errors


def classifier_auc(train: Codes, test: Codes, domain: Mapping[str, int], target: str) -> float | None:
    """Area under the ROC curve on `test` of boosted trees trained on `train`; None without scikit-learn.

    A table whose target has one value teaches nothing: 0.5.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.metrics import roc_auc_score
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    features = [name for name in domain if name != target]
    labels = train[target] == 1
    if labels.all() or not labels.any():
        return 0.5
    inputs, questions = (np.column_stack([part[name] for name in features]).astype(float) for part in (train, test))
    with threadpool_limits(limits=1):  # threads that wait for each other are slow on a busy machine
        model = HistGradientBoostingClassifier(random_state=0).fit(inputs, labels.astype(int))
        return float(roc_auc_score(test[target] == 1, model.predict_proba(questions)[:, 1]))


def nist_score(real: Codes, synthetic: Codes, domain: Mapping[str, int]) -> float:
    """The k-marginal score, 1000 * (1 - mean distance over the 3-way sets), on columns binned as NIST bins them.

    As in NIST's SDNist report tool: age, income and the poverty ratio are cut by the ranks of the real rows into
    twenty bins, with "not applicable" (the first code), and of the poverty ratio the top code, apart. The tool
    draws pairs of columns and scores them within each area (PUMA); here the sets are any three columns, so compare
    scores of this benchmark with each other and not with published ones.
    """
    tables = dict(real), dict(synthetic)
    sizes = dict(domain)
    for name, (first_apart, last_apart) in NIST_RANKED.items():
        if name not in domain:
            continue
        edges = rank_edges(real[name], 0 if first_apart else None, domain[name] - 1 if last_apart else None)
        for table in tables:
            table[name] = np.searchsorted(edges, table[name], side="left")
        sizes[name] = len(edges) + 1
    sets = column_sets(list(domain), 3, SETS)
    return 1000 * (1 - float(np.mean([total_variation(*tables, sizes, names) for names in sets])))


def rank_edges(codes: NDArray[np.int64], first: int | None, last: int | None) -> NDArray[np.int64]:
    """Last code of every bin but the top one: equal shares by rank, with the codes `first` and `last` apart."""
    apart = [code for code in (first, last - 1 if last is not None else None) if code is not None]
    values, counts = np.unique(codes[(codes != first) & (codes != last)], return_counts=True)
    share = (np.cumsum(counts) - (counts - 1) / 2) / counts.sum()  # mean rank of equal codes
    bins = np.minimum((NIST_BINS * share).astype(np.int64), NIST_BINS - 1)
    return np.unique(np.concatenate([apart, values[:-1][np.diff(bins) > 0]])).astype(np.int64)
