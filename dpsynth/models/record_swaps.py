"""Swap entries between records until the pairs of columns have the counts of an average over many draws.

Records drawn at random carry sampling noise: two tables of n rows drawn from one model differ from each
other more than either need differ from the model. Swapping the entries of two records in one column keeps
every one-way exactly; swaps that lower the squared distance of all pair counts from their average take
most of that noise out of pairs, and a good part of it out of larger marginals. Post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.models.record_zeros import lay_out_zeros
from dpsynth.structural_zeros import StructuralZeros

# Beyond this many codes in all columns the dense table of pairs is not worth its memory (4 bytes a cell).
_MOST_CODES = 8_000


def settle_records(
    domain: Domain,
    records: npt.NDArray[np.int32],
    kept: npt.NDArray[np.int32],
    rng: np.random.Generator,
    *,
    zeros: Sequence[StructuralZeros] = (),
    sweeps: int = 3,
) -> int:
    """Swap entries of `records` in place towards the mean pair counts of `kept`; returns how many swaps were done.

    records: shape (records, columns); kept: several such tables, one below the other. Each sweep offers
    every entry one swap with a random record; with more than 8,000 codes in all columns nothing is done. No swap puts a
    record into a cell of `zeros`.
    """
    from dpsynth.models import record_kernels as kernels

    codes = sum(domain.sizes)
    if codes > _MOST_CODES or len(domain) < 2 or not len(kept):
        return 0
    firsts = np.cumsum([0, *domain.sizes], dtype=np.int64)[:-1]
    excess = np.zeros((codes, codes), dtype=np.float32)
    kernels.count_pairs(kept, firsts, np.float32(1.0), excess)
    excess *= np.float32(-len(records) / len(kept))
    kernels.count_pairs(records, firsts, np.float32(1.0), excess)
    barred = lay_out_zeros(domain, zeros)
    keys = [np.uint64(rng.integers(2**63)) for _ in range(sweeps)]
    return sum(int(kernels.swap(records, firsts, barred, key, excess)) for key in keys)
