"""Swaps: one-ways stay, the squared excess of pairs falls, and what is too wide is left alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.models import record_kernels as kernels
from dpsynth.models.record_swaps import settle_records
from dpsynth.models.record_zeros import lay_out_zeros

DOMAIN = Domain.of({"a": 4, "b": 3, "c": 2, "d": 5, "one": 1})


def drawn(rows: int, seed: int, domain: Domain = DOMAIN) -> np.ndarray:
    """Rows of columns that hang together: every other column leans to the first."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 60, rows)
    noise = rng.random((rows, len(domain))) < 0.4
    columns = [np.where(noise[:, i], rng.integers(0, s, rows), first % s) for i, s in enumerate(domain.sizes)]
    return np.ascontiguousarray(np.column_stack(columns).astype(np.int32))


def pairs(records: np.ndarray, domain: Domain = DOMAIN) -> np.ndarray:
    """Counts of all pairs of codes, plainly, as one vector of shares."""
    out = []
    for a, b in itertools.combinations(range(len(domain)), 2):
        table = np.zeros((domain.sizes[a], domain.sizes[b]))
        np.add.at(table, (records[:, a], records[:, b]), 1)
        out.append(table.ravel())
    return np.concatenate(out) / len(records)


def squared_excess(records: np.ndarray, wanted: np.ndarray) -> float:
    return float(((pairs(records) - pairs(wanted)) ** 2).sum())


def test_one_ways_are_kept_exactly_and_every_sweep_helps():
    records, kept = drawn(700, 0), drawn(7000, 1)
    before = [np.bincount(records[:, i], minlength=size) for i, size in enumerate(DOMAIN.sizes)]
    losses = [squared_excess(records, kept)]
    for seed in range(6):
        done = settle_records(DOMAIN, records, kept, np.random.default_rng(seed), sweeps=1)
        losses.append(squared_excess(records, kept))
        assert (losses[-1] < losses[-2]) if done else (losses[-1] == losses[-2])
    for i, size in enumerate(DOMAIN.sizes):
        np.testing.assert_array_equal(np.bincount(records[:, i], minlength=size), before[i])
    assert records.dtype == np.int32


def test_records_without_any_dependence_end_nearer_than_a_random_table():
    """With the average's one-ways but shuffled columns: swaps bring all dependence, and less noise than drawing."""
    kept, rng = drawn(40_000, 1), np.random.default_rng(0)
    settled = np.ascontiguousarray(np.column_stack([rng.permutation(np.sort(column)[::20]) for column in kept.T]))
    shuffled, random = squared_excess(settled, kept), squared_excess(drawn(2000, 2), kept)
    settle_records(DOMAIN, settled, kept, np.random.default_rng(0), sweeps=10)
    assert random < 0.3 * shuffled
    assert squared_excess(settled, kept) < 0.1 * random


def test_no_single_swap_raises_the_squared_excess():
    """The kernel's running excess is that of a recount, and a table that cannot be bettered is left as it is."""
    records = drawn(60, 3)
    firsts = np.cumsum([0, *DOMAIN.sizes])[:-1]
    target = drawn(60, 4)
    excess = np.zeros((sum(DOMAIN.sizes),) * 2, dtype=np.float32)
    kernels.count_pairs(target, firsts, np.float32(-1.0), excess)
    kernels.count_pairs(records, firsts, np.float32(1.0), excess)
    previous = float((excess.astype(float) ** 2).sum())
    for key in range(5):
        done = kernels.swap(records, firsts, lay_out_zeros(DOMAIN, []), np.uint64(key), excess)
        recount = np.zeros_like(excess)
        kernels.count_pairs(target, firsts, np.float32(-1.0), recount)
        kernels.count_pairs(records, firsts, np.float32(1.0), recount)
        np.testing.assert_array_equal(excess, recount)
        now = float((excess.astype(float) ** 2).sum())
        assert now <= previous - 4 * done  # in whole counts a swap gains at least 1 in half of the symmetric table
        previous = now
    same = target.copy()
    assert settle_records(DOMAIN, same, target, np.random.default_rng(0)) == 0
    np.testing.assert_array_equal(same, target)


@pytest.mark.parametrize("sizes", [(7_999, 2), (4,)])
def test_too_many_codes_or_a_single_column_are_left_alone(sizes):
    domain = Domain.of({f"c{i}": size for i, size in enumerate(sizes)})
    records = drawn(50, 0, domain)
    before = records.copy()
    assert settle_records(domain, records, drawn(500, 1, domain), np.random.default_rng(0)) == 0
    np.testing.assert_array_equal(records, before)


def test_up_to_8_000_codes_are_settled():
    domain = Domain.of({"a": 2_000, "b": 2})
    records = drawn(300, 0, domain)
    assert settle_records(domain, records, drawn(600, 1, domain), np.random.default_rng(0)) > 0


def test_nothing_to_settle_towards_and_a_single_record():
    records = drawn(20, 0)
    before = records.copy()
    assert settle_records(DOMAIN, records, records[:0], np.random.default_rng(0)) == 0
    assert settle_records(DOMAIN, records[:1], drawn(10, 1), np.random.default_rng(0)) == 0
    np.testing.assert_array_equal(records, before)
