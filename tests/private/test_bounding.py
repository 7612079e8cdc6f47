"""At most k rows of a unit, each subset of them equally likely, whatever the order of the rows."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import EntropySource, InsecureTestEntropy, OsEntropy
from dpsynth.private.bounding import bounded_rows

ALPHA = 1e-6
DRAWS = 6000


class TiesFirst:
    """Words that tie at every threshold on the first call, so that the choice must be drawn anew."""

    private = False

    def __init__(self) -> None:
        self.calls = 0
        self._then = InsecureTestEntropy(1)

    def words(self, count: int) -> np.ndarray:
        self.calls += 1
        return np.zeros(count, dtype=np.uint64) if self.calls == 1 else self._then.words(count)


@given(st.lists(st.integers(0, 8), max_size=60), st.integers(1, 4))
def test_every_unit_keeps_the_lesser_of_its_rows_and_k(raw: list[int], max_rows: int) -> None:
    units = np.unique(raw, return_inverse=True)[1].astype(np.int64)
    kept = bounded_rows(units, max_rows, OsEntropy())
    assert (np.diff(kept) > 0).all()
    had, has = Counter(units.tolist()), Counter(units[kept].tolist())
    assert has == {unit: min(rows, max_rows) for unit, rows in had.items()}


def first_k(units: np.ndarray, max_rows: int, source: EntropySource) -> np.ndarray:
    """The planted bug: keep the first rows of each unit in table order."""
    seen: Counter[int] = Counter()
    kept = []
    for row, unit in enumerate(units.tolist()):
        seen[unit] += 1
        if seen[unit] <= max_rows:
            kept.append(row)
    return np.array(kept)


def subset_p_value(
    choose: object, units: np.ndarray, names: np.ndarray, unit: int, max_rows: int, draws: int = DRAWS
) -> float:
    """p-value that all subsets of the unit's rows, named by `names`, are kept equally often."""
    source = InsecureTestEntropy(7)
    own = sorted(names[units == unit].tolist())
    counts = dict.fromkeys(itertools.combinations(own, max_rows), 0)
    for _ in range(draws):
        kept = choose(units, max_rows, source)  # type: ignore[operator]
        counts[tuple(sorted(names[kept][units[kept] == unit].tolist()))] += 1
    return float(stats.chisquare(list(counts.values())).pvalue)


UNITS = np.array([0, 1, 0, 0, 1, 1, 0, 2, 1, 0])


def test_all_subsets_are_equally_likely_and_the_test_sees_first_k() -> None:
    names = np.arange(len(UNITS))
    assert subset_p_value(bounded_rows, UNITS, names, 0, 2) > ALPHA
    assert subset_p_value(bounded_rows, UNITS, names, 1, 2) > ALPHA
    assert subset_p_value(first_k, UNITS, names, 0, 2) < ALPHA


def test_permuting_the_rows_leaves_the_law_equal() -> None:
    order = np.array([9, 0, 4, 7, 3, 8, 1, 2, 6, 5])
    assert subset_p_value(bounded_rows, UNITS[order], order, 0, 2) > ALPHA
    assert subset_p_value(first_k, UNITS[order], order, 0, 2) < ALPHA


def test_removing_a_unit_leaves_the_choice_in_the_others_equal_in_law() -> None:
    left = UNITS != 1
    units = np.unique(UNITS[left], return_inverse=True)[1].astype(np.int64)
    assert subset_p_value(bounded_rows, units, np.flatnonzero(left), 0, 2) > ALPHA


def test_units_are_chosen_from_independently() -> None:
    """The joint law of two units' kept rows is the product of the two."""
    source, units = InsecureTestEntropy(3), np.array([0, 0, 1, 1])
    joint = np.zeros((2, 2))
    for _ in range(DRAWS):
        first, second = bounded_rows(units, 1, source)
        joint[first, second - 2] += 1
    assert stats.chisquare(joint.ravel()).pvalue > ALPHA


def test_a_tie_is_drawn_anew() -> None:
    source = TiesFirst()
    assert len(bounded_rows(np.zeros(5, dtype=np.int64), 2, source)) == 2
    assert source.calls == 2


def test_no_words_are_drawn_when_nothing_is_to_choose() -> None:
    source = TiesFirst()
    assert bounded_rows(np.array([0, 1, 1]), 2, source).tolist() == [0, 1, 2]
    assert bounded_rows(np.array([], dtype=np.int64), 1, source).tolist() == []
    assert source.calls == 0


def test_max_rows_must_be_positive() -> None:
    with pytest.raises(SettingError, match="max_rows"):
        bounded_rows(np.array([0]), 0, OsEntropy())
