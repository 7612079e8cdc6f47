"""Merged codes: encoding goes through, decoding follows the weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpsynth.codec.categorical import CategoricalCodec
from dpsynth.codec.merged import MergedCodec, draw_members
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Categorical

ALPHA = 1e-6
LETTERS = CategoricalCodec(Categorical("c", values=list("abcdef"), nullable=True))


@given(st.lists(st.integers(0, 4), min_size=7, max_size=7), st.integers(0, 2**32))
def test_decode_stays_inside_the_group(raw: list[int], seed: int) -> None:
    groups = tuple(np.unique(raw, return_inverse=True)[1].tolist())
    codec = MergedCodec(LETTERS, groups, tuple(float(code % 3) - 0.5 for code in range(7)))
    ticks = np.array([-1, 0, 1, 2, 3, 4, 5])
    codes = codec.encode(ticks)
    assert codes.tolist() == [groups[code] for code in LETTERS.encode(ticks)]
    values = codec.decode(codes, np.random.default_rng(seed)).tolist()
    back = [LETTERS.size - 1 if value not in list("abcdef") else "abcdef".index(value) for value in values]
    assert [groups[code] for code in back] == codes.tolist()
    assert codec.size == max(groups) + 1 == len(codec.code_labels())


def test_inner_codes_are_drawn_in_proportion_to_their_weights(rng: np.random.Generator) -> None:
    codec = MergedCodec(LETTERS, (0, 1, 1, 1, 0, 0, 1), (5, 1, 2, -3, 0, 0, 7))
    drawn = codec.decode(np.ones(40_000, dtype=int), rng)
    counts = np.array([(drawn == "b").sum(), (drawn == "c").sum(), drawn.isna().sum()])
    assert counts.sum() == 40_000
    assert (np.abs(counts - [4000, 8000, 28_000]) <= 1).all(), "rows served one by one would be off by about 60"
    assert set(codec.decode(np.zeros(1000, dtype=int), rng)) == {"a"}


def test_a_group_without_weight_is_drawn_from_evenly(rng: np.random.Generator) -> None:
    first = np.array([0, 2, 6])
    drawn = draw_members(first, np.array([1.0, 1.0, 0.0, -1.0, 0.0, 0.0]), np.ones(8000, dtype=int), rng)
    assert (np.abs(np.bincount(drawn, minlength=6) - [0, 0, 2000, 2000, 2000, 2000]) <= 1).all()


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e12]), min_size=1, max_size=5), min_size=1, max_size=60
    ),
    st.integers(0, 2**32),
)
def test_members_without_weight_are_never_drawn(weights: list[list[float]], seed: int) -> None:
    first = np.concatenate([[0], np.cumsum([len(group) for group in weights])])
    flat = np.concatenate(weights)
    groups = np.repeat(np.arange(len(weights)), 20)
    drawn = draw_members(first, flat, groups, np.random.default_rng(seed))
    assert (first[groups] <= drawn).all()
    assert (drawn < first[groups + 1]).all()
    some = np.array([max(group) > 0 for group in weights])[groups]
    assert (flat[drawn][some] > 0).all()


@given(
    st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=6), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=200),
    st.integers(0, 2**32),
)
def test_how_often_members_are_drawn_is_within_one_of_their_weight(
    weights: list[list[float]], drawn_from: list[int], seed: int
) -> None:
    groups = np.array([group for group in drawn_from if group < len(weights)], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum([len(group) for group in weights])])
    drawn = draw_members(first, np.concatenate(weights), groups, np.random.default_rng(seed))
    counts = np.bincount(drawn, minlength=first[-1])
    for group, given_weights in enumerate(weights):
        shares = np.array(given_weights) if any(given_weights) else np.ones(len(given_weights))
        expected = (groups == group).sum() * shares / shares.sum()
        found = counts[first[group] : first[group + 1]]
        assert found.sum() == (groups == group).sum()
        assert (np.abs(found - expected) < 1 + 1e-6).all()
        assert (np.abs(found.cumsum() - expected.cumsum()) < 1 + 1e-6).all(), "runs of neighbours too"


LAW = np.array([1.0, 2.0, 7.0]) / 10


def draws_of_six_rows(repeats: int = 4000) -> np.ndarray:
    """Members of 5 rows of a group of weights 1 : 2 : 7, and of one row of a second group; shape (repeats, 6)."""
    rng, groups = np.random.default_rng(7), np.array([1, 1, 0, 1, 1, 1])
    first, weights = np.array([0, 2, 5]), np.array([1.0, 3.0, 1.0, 2.0, 7.0])
    return np.array([draw_members(first, weights, groups, rng) for _ in range(repeats)])


def law_p_value(members: np.ndarray) -> float:
    return float(stats.chisquare(np.bincount(members - 2, minlength=3), LAW * len(members)).pvalue)


def test_each_row_by_itself_follows_the_weights() -> None:
    drawn = draws_of_six_rows()
    for row in (0, 1, 3, 4, 5):
        assert law_p_value(drawn[:, row]) > ALPHA
    assert stats.chisquare(np.bincount(drawn[:, 2], minlength=2), np.array([1, 3]) * 1000).pvalue > ALPHA
    in_order = np.sort(drawn[:, [0, 1, 3, 4, 5]], axis=1)
    assert law_p_value(in_order[:, 0]) < ALPHA, "power: rows that are served in order are seen"
    unshifted = np.searchsorted(np.cumsum(LAW), np.random.default_rng(8).integers(0, 5, 4000) / 5, side="right") + 2
    assert law_p_value(unshifted) < ALPHA, "power: points that are not shifted at random are seen"


def test_rows_are_exchangeable() -> None:
    """Which two of the rows are looked at does not matter, nor in which order."""
    drawn = draws_of_six_rows() - 2

    def pairs(one: int, other: int) -> np.ndarray:
        counts = np.bincount(3 * drawn[:, one] + drawn[:, other], minlength=9)
        return counts[[1, 2, 3, 4, 5, 6, 7, 8]]  # two rows of the rarest member never come together

    for one, other in ((1, 0), (3, 5), (5, 4)):
        both = np.array([pairs(0, 1), pairs(one, other)])
        assert stats.chi2_contingency(both[:, both.sum(axis=0) > 0]).pvalue > ALPHA
    ranked = np.sort(drawn[:, [0, 1, 3, 4, 5]], axis=1)
    swapped = np.bincount(3 * ranked[:, 0] + ranked[:, 1], minlength=9)[1:]
    both = np.array([pairs(0, 1), swapped])
    assert stats.chi2_contingency(both[:, both.sum(axis=0) > 0]).pvalue < ALPHA, "power"


class TopOfRange:
    """A generator that always returns the largest float below 1, and leaves order alone."""

    def random(self, count: int) -> np.ndarray:
        return np.full(count, np.nextafter(1.0, 0.0))

    def permutation(self, count: int) -> np.ndarray:
        return np.arange(count)


def test_the_largest_uniform_number_stays_inside_its_group() -> None:
    first = np.array([0, 3, 6, 9])
    weights = np.array([0.1, 0.2, 0.0] * 3)
    assert draw_members(first, weights, np.array([0, 1, 2]), TopOfRange()).tolist() == [1, 4, 7]  # type: ignore[arg-type]


def test_rounding_of_the_weights_never_leads_out_of_a_group(rng: np.random.Generator) -> None:
    sizes = rng.integers(1, 8, 3000)
    first = np.concatenate([[0], np.cumsum(sizes)])
    weights = rng.random(first[-1])
    weights[rng.random(first[-1]) < 0.3] = 0.0
    groups = np.arange(3000)
    drawn = draw_members(first, weights, groups, TopOfRange())  # type: ignore[arg-type]
    inside = [weights[low:high] for low, high in itertools.pairwise(first)]
    expected = [len(group) - 1 if not group.any() else int(np.flatnonzero(group)[-1]) for group in inside]
    assert (drawn - first[:-1]).tolist() == expected


@pytest.mark.parametrize("codes", [np.array([]), np.array([1, 0], dtype=np.uint64), np.array([1, 0], dtype=np.uint8)])
def test_codes_of_any_type_are_decoded(codes: np.ndarray, rng: np.random.Generator) -> None:
    drawn = MergedCodec(LETTERS, (0, 1, 1, 1, 1, 1, 1), (1.0,) * 7).decode(codes, rng)
    assert (drawn == "a").tolist() == (codes == 0).tolist()


def test_merging_merged_codes_again() -> None:
    once = MergedCodec(LETTERS, (0, 1, 2, 2, 2, 2, 3), (1.0,) * 7)
    twice = MergedCodec(once, (0, 0, 1, 1), (1.0, 0.0, 0.0, 1.0))
    assert twice.encode(np.array([0, 1, 5, -1])).tolist() == [0, 0, 1, 1]
    assert set(twice.decode(np.zeros(50, dtype=int), np.random.default_rng(0))) == {"a"}
    assert twice.code_labels()[0] == "one of: a, b"


@pytest.mark.parametrize(
    ("groups", "weights"),
    [
        ((0,) * 6, (1.0,) * 6),
        ((0,) * 7, (1.0,) * 6),
        ((0, 0, 0, 0, 0, 0, 2), (1.0,) * 7),
        ((-1, 0, 0, 0, 0, 0, 0), (1.0,) * 7),
        ((0.5,) * 7, (1.0,) * 7),
        ((0,) * 7, (float("inf"),) * 7),
        ((0,) * 7, ("a",) * 7),
    ],
)
def test_what_does_not_fit_is_refused(groups: tuple[int, ...], weights: tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="'c'"):
        MergedCodec(LETTERS, groups, weights)
