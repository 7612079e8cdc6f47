"""Bounding part by part: the law of bounding in memory, whatever the parts are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.privacy.randomness import EntropySource, OsEntropy
from dpsynth.private import partitions
from dpsynth.private.partitions import SpooledUnits, dense_units
from dpsynth.private.spool import Spool
from tests.private.test_bounding import ALPHA, UNITS, subset_p_value


def kept_rows(units: np.ndarray, max_rows: int, source: EntropySource) -> np.ndarray:
    """The rows that stay, of units in batches of three rows."""
    spool = Spool()
    spooled = SpooledUnits(spool)
    for start in range(0, len(units), 3):
        words = units[start : start + 3].astype(np.uint64)
        spooled.append(np.stack([words, words * np.uint64(3)], axis=1))
    dropped, going = spooled.dropped(max_rows, source)
    spool.close()
    stays = np.unpackbits(dropped)[: len(units)] == 0
    assert going == len(units) - stays.sum()
    return np.flatnonzero(stays)


@given(st.lists(st.integers(0, 8), max_size=60), st.integers(1, 4))
def test_every_unit_keeps_the_lesser_of_its_rows_and_k(units: list[int], max_rows: int) -> None:
    kept = kept_rows(np.array(units, dtype=np.int64), max_rows, OsEntropy())
    has = Counter(np.array(units, dtype=np.int64)[kept].tolist())
    assert has == {unit: min(rows, max_rows) for unit, rows in Counter(units).items()}


def test_all_subsets_are_equally_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "SPREAD", np.uint64(1) << np.uint64(56))  # units 0 and 1 in a part each, ...
    monkeypatch.setattr(partitions, "PARTS", 3)  # ... and unit 2 in a third
    assert subset_p_value(kept_rows, UNITS, np.arange(len(UNITS)), 0, 2, draws=1500) > ALPHA
    assert subset_p_value(kept_rows, UNITS, np.arange(len(UNITS)), 1, 2, draws=1500) > ALPHA


def test_units_that_follow_each_other_go_to_all_parts() -> None:
    numbers = np.arange(100_000, dtype=np.uint64)
    parts = np.bincount((numbers * partitions.SPREAD) >> np.uint64(56), minlength=partitions.PARTS)
    assert parts.max() < 2 * parts.mean()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_pairs_that_share_their_first_word_stay_apart(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array([pair[place] for pair in pairs], dtype=np.uint64) for place in (0, 1))
    codes = dense_units(first, second)
    both = set(zip(pairs, codes.tolist(), strict=True))
    assert len(both) == len(set(pairs)) == len(set(codes.tolist()))
    assert sorted(set(codes.tolist())) == list(range(len(set(pairs))))
