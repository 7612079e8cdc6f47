from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpsynth.models import sampling_kernels as kernels

ONE = 1 << 30


def fixed_table(rng: np.random.Generator, rows: int, columns: int, largest: int) -> npt.NDArray[np.int64]:
    """A random table in fixed point with whole row sums and many zero and whole cells."""
    bounds = np.sort(rng.integers(0, largest * ONE + 1, (rows, columns + 1)), axis=1)
    whole = rng.random((rows, columns + 1)) < 0.2
    bounds = np.sort(np.where(whole, (bounds >> 30) << 30, bounds), axis=1)
    bounds[:, 0] = 0
    bounds[:, -1] = largest * ONE
    return np.diff(bounds, axis=1)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.integers(0, 6))
def test_controlled_rounding_keeps_cells_rows_and_columns(seed: int, rows: int, columns: int, largest: int) -> None:
    fixed = fixed_table(np.random.default_rng(seed), rows, columns, largest)
    found = kernels.round_table(fixed, np.uint64(seed))
    assert ((found == fixed >> 30) | (found == -(-fixed >> 30))).all()
    assert np.array_equal(found.sum(axis=1) << 30, fixed.sum(axis=1))
    sums = fixed.sum(axis=0)
    assert ((found.sum(axis=0) == sums >> 30) | (found.sum(axis=0) == -(-sums >> 30))).all()


def test_controlled_rounding_is_unbiased() -> None:
    fixed = fixed_table(np.random.default_rng(1), 4, 5, 2)
    draws = 40_000
    keys = np.random.default_rng(2).integers(2**63, size=draws).astype(np.uint64)
    mean = sum(kernels.round_table(fixed, key) for key in keys) / draws
    fraction = (fixed % ONE) / ONE
    error = np.sqrt(fraction * (1 - fraction) / draws)
    bound = stats.norm.isf(1e-6 / 2 / fixed.size)
    assert (np.abs(mean - fixed / ONE) <= bound * error + 1e-8).all()
    # Power: a bias of 3% of a row would be seen in every fractional cell.
    assert (bound * error < 0.03).all()


def test_deal_gives_each_row_a_uniformly_random_share_of_its_group() -> None:
    groups = np.array([0, 1, 0, 1, 0], dtype=np.int64)
    starts = np.array([0, 3, 5], dtype=np.int64)
    seen: dict[tuple[int, ...], int] = {}
    draws = 12_000
    for key in np.random.default_rng(3).integers(2**63, size=draws).astype(np.uint64):
        out = np.empty(5, dtype=np.int32)
        kernels.deal(groups, starts, np.array([1, 2, 3, 8, 9], dtype=np.int32), key, out)
        seen[tuple(out.tolist())] = seen.get(tuple(out.tolist()), 0) + 1
    assert len(seen) == 6 * 2
    statistic = sum((found - draws / 12) ** 2 / (draws / 12) for found in seen.values())
    assert stats.chi2.sf(statistic, 11) > 1e-6
    # Power: one order twice as likely as the others would be refuted.
    skewed = np.full(12, draws / 13)
    skewed[0] *= 2
    assert stats.chi2.sf(float(((skewed - draws / 12) ** 2 / (draws / 12)).sum()), 11) < 1e-6
