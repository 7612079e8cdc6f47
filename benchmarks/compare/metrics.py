"""What only the comparison measures: the AUC that published results give, and NIST's score of its excerpts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dpsynth.evaluation.marginals import SETS, Codes, column_sets, k_marginal_score
from dpsynth.evaluation.table import Table
from dpsynth.evaluation.utility import boosted_auc

# The score of NIST's data excerpts cuts these columns into twentieths of the real rows before it compares.
# Whether the first code, "not applicable", and the last, a top code, are bins of their own.
NIST_RANKED = {"AGEP": (False, False), "PINCP": (True, False), "POVPIP": (True, True)}
NIST_BINS = 20


def classifier_auc(train: Codes, test: Codes, domain: Mapping[str, int], target: str) -> float:
    """Area under the ROC curve on `test` of boosted trees trained on `train`, for code 1 of the target.

    A table whose target has one value teaches nothing: 0.5.
    """
    return boosted_auc(Table.of_codes(train, domain), Table.of_codes(test, domain), target, 1)


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
    return k_marginal_score(*tables, sizes, sets)


def rank_edges(codes: NDArray[np.int64], first: int | None, last: int | None) -> NDArray[np.int64]:
    """Last code of every bin but the top one: equal shares by rank, with the codes `first` and `last` apart."""
    apart = [code for code in (first, last - 1 if last is not None else None) if code is not None]
    values, counts = np.unique(codes[(codes != first) & (codes != last)], return_counts=True)
    share = (np.cumsum(counts) - (counts - 1) / 2) / counts.sum()  # mean rank of equal codes
    bins = np.minimum((NIST_BINS * share).astype(np.int64), NIST_BINS - 1)
    return np.unique(np.concatenate([apart, values[:-1][np.diff(bins) > 0]])).astype(np.int64)
