"""Random words are fresh, test words say that they are not, and the exact coin has exactly its probability."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import (
    EntropySource,
    InsecureTestEntropy,
    OsEntropy,
    exp_bounds,
    exp_coin,
    next_word,
)


class Script:
    """Plays back given words, and fails when asked for more."""

    private = False

    def __init__(self, *words: int) -> None:
        self.left = list(words)

    def words(self, count: int) -> NDArray[np.uint64]:
        assert count <= len(self.left), "more words were drawn than scripted"
        taken, self.left = self.left[:count], self.left[count:]
        return np.array(taken, dtype=np.uint64)


def exp_by_fractions(exponent: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Rigorous bounds of exp(-exponent): halve below 1, sum the alternating Taylor series, square back."""
    halvings = max(0, (exponent.numerator // exponent.denominator).bit_length() + 1)
    small = exponent / 2**halvings
    low = term = Fraction(1)
    k = 0
    while True:
        k += 1
        term *= -small / k
        if k % 2 and abs(term) < Fraction(1, 2 ** (bits + 2 * halvings)):
            high, low = low, low + term
            break
        low += term
    for _ in range(halvings):
        low, high = low * low, high * high
        grid = 2 ** (bits + 4 * halvings + 64)
        low, high = Fraction(low * grid // 1, grid), Fraction(-(-high * grid // 1), grid)
    return low, high


def send_first_words(source: EntropySource, send: Callable[[list[int]], None]) -> None:
    send(source.words(2).tolist())


exponents = st.fractions(min_value=0, max_value=120, max_denominator=10**12)


@given(exponents, st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_exp_bounds_enclose_an_independent_enclosure(exponent: Fraction, bits: int) -> None:
    low, high = exp_bounds(exponent, bits)
    reference_low, reference_high = exp_by_fractions(exponent, bits + 80)
    assert reference_high - reference_low < Fraction(1, 2 ** (bits + 60))
    assert Fraction(low, 2**bits) <= reference_low
    assert reference_high <= Fraction(high, 2**bits)
    assert high - low <= 3


def test_exp_bounds_of_zero_are_equal_and_of_huge_exponents_stay_bounds() -> None:
    assert exp_bounds(Fraction(0), 70) == (1 << 70, 1 << 70)
    assert exp_bounds(Fraction(10) ** 400, 70) == (0, 1)


@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=10**6), exponents)
@settings(max_examples=150, deadline=None)
def test_exp_coin_turns_at_the_true_probability_to_128_bits(scale: Fraction, exponent: Fraction) -> None:
    low, high = (scale * bound for bound in exp_by_fractions(exponent, 256))
    if high >= 1:
        return
    threshold = int(low * 2**128)
    if threshold != int(high * 2**128) or threshold == 0:
        return
    first, second = divmod(threshold, 2**64)
    assert exp_coin(scale, exponent, Script(*divmod(threshold - 1, 2**64)))
    assert not exp_coin(scale, exponent, Script(*divmod(threshold + 1, 2**64)))
    further = Script(first, second, 0)
    assert exp_coin(scale, exponent, further)
    assert not further.left, "at the boundary a third word must be drawn"


@pytest.mark.parametrize("prefix_bits", [1, 5, 9])
def test_exp_coin_counts_the_prefix_as_the_leading_bits(prefix_bits: int) -> None:
    scale, exponent = Fraction(3, 4), Fraction(1, 3)
    low, _ = exp_by_fractions(exponent, 200)
    boundary = int(scale * low * 2**prefix_bits)
    for prefix in range(2**prefix_bits):
        if prefix != boundary:
            assert exp_coin(scale, exponent, Script(), prefix, prefix_bits) is (prefix < boundary)
    rest = int((scale * low * 2**prefix_bits - boundary) * 2**64)
    assert exp_coin(scale, exponent, Script(rest - 1), boundary, prefix_bits)
    assert not exp_coin(scale, exponent, Script(rest + 1), boundary, prefix_bits)


def test_exp_coin_knows_certain_and_rational_probabilities() -> None:
    assert exp_coin(Fraction(1), Fraction(0), Script())
    assert exp_coin(Fraction(1, 2), Fraction(0), Script(2**63 - 1))
    assert not exp_coin(Fraction(1, 2), Fraction(0), Script(2**63))
    assert not exp_coin(Fraction(1), Fraction(10) ** 30, Script(1))


def test_os_entropy_gives_fresh_uniform_words() -> None:
    source = OsEntropy()
    words = source.words(20_000)
    assert source.private
    assert words.dtype == np.uint64
    assert words.shape == (20_000,)
    assert len(np.unique(words)) == 20_000
    ones = np.array([np.count_nonzero(words >> np.uint64(bit) & np.uint64(1)) for bit in range(64)])
    # Each is Binomial(20000, 1/2); six of its standard deviations are passed with probability 64 * 2e-9.
    assert np.abs(ones - 10_000).max() < 6 * np.sqrt(5_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_workers_draw_different_words() -> None:
    def first_words(source: EntropySource) -> list[tuple[int, ...]]:
        source.words(1)  # anything a source would keep is there before the fork
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        workers = [context.Process(target=send_first_words, args=(source, queue.put)) for _ in range(4)]
        for worker in workers:
            worker.start()
        received = [tuple(queue.get()) for _ in workers]
        for worker in workers:
            worker.join()
        return [*received, tuple(source.words(2).tolist())]

    assert len(set(first_words(OsEntropy()))) == 5
    assert len(set(first_words(InsecureTestEntropy(1)))) == 1, "a source with state must fail this test"


def test_test_entropy_is_reproducible_and_says_that_it_is_not_private() -> None:
    first, again, other = InsecureTestEntropy(3), InsecureTestEntropy(3), InsecureTestEntropy(4)
    assert not first.private
    words = first.words(5)
    assert words.dtype == np.uint64
    assert np.array_equal(words[:2], again.words(2))
    assert np.array_equal(words[2:], again.words(3))
    assert not np.array_equal(words, other.words(5))
    assert next_word(Script(2**64 - 1)) == 2**64 - 1


@pytest.mark.parametrize("source", [OsEntropy(), InsecureTestEntropy(0)])
def test_a_negative_count_is_refused(source: EntropySource) -> None:
    assert source.words(0).shape == (0,)
    with pytest.raises(SettingError, match=r"count \(-1\)"):
        source.words(-1)
