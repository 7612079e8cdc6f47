"""Guess rules: what they guess, and that neither position nor ties tell them anything."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.statistics.guessing import Tally, named_tally, tallies
from attacks.statistics.one_run import p_value
from attacks.statistics.trade_off import Approximate


def test_pool_rules():
    coins = np.arange(1000) >= 500
    scores = np.arange(1000.0)
    scores[999] = -1.0  # one member is taken for the surest of all others
    assert tallies(scores, coins, False, np.random.default_rng(0)) == (
        Tally("the highest 1 % are in", 10, 10),
        Tally("the highest 10 % are in", 100, 100),
        Tally("the higher half is in", 1000, 998),
    )


def test_pair_rules():
    coins = np.arange(100) % 2 == 0
    differences = np.where(coins, 1.0, -1.0) * np.arange(1, 101)
    differences[99] *= -1
    found = tallies(differences, coins, True, np.random.default_rng(0))
    assert [(each.guesses, each.correct) for each in found] == [(2, 1), (20, 19), (100, 99)]


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_coins(pairs, count):
    for each in tallies(np.zeros(count), np.ones(count, bool), pairs, np.random.default_rng(0)):
        assert 0 <= each.correct <= each.guesses <= count
        assert each.guesses >= 1


@pytest.mark.parametrize("pairs", [False, True])
def test_ties_are_broken_by_chance_alone(pairs):
    """Members listed first, and nothing but ties: a quarter of the rules' guesses would give that away if order did."""
    coins = np.arange(2000) < 1000
    for rule in range(3):
        right = np.array(
            [tallies(np.zeros(2000), coins, pairs, np.random.default_rng(s))[rule].correct for s in range(50)]
        )
        guesses = tallies(np.zeros(2000), coins, pairs, np.random.default_rng(0))[rule].guesses
        assert abs(right.mean() - guesses / 2) < 5 * np.sqrt(guesses / 4 / 50)
    assert tallies(np.zeros(2000), coins, pairs, np.random.default_rng(1)) == tallies(
        np.zeros(2000), coins, pairs, np.random.default_rng(1)
    )


@pytest.mark.parametrize("pairs", [False, True])
def test_the_best_of_three_rules_needs_its_correction(pairs):
    rng = np.random.default_rng(6)
    nothing, runs, alarms, uncorrected = Approximate(0, 0), 1500, 0, 0
    for _ in range(runs):
        coins, scores = rng.random(400) < 0.5, np.round(rng.standard_normal(400), 1)
        found = tallies(scores, coins, pairs, rng)
        least = min(p_value(nothing, 400, each.guesses, each.correct) for each in found)
        alarms += 3 * least <= 0.1
        uncorrected += least <= 0.1
    assert alarms / runs <= 0.1 + 5 * np.sqrt(0.09 / runs)
    assert uncorrected / runs > 0.15


def test_names_are_judged_by_themselves():
    coins = np.array([True, False, True, True])
    assert named_tally(np.array([True, True, False, True]), coins, False) == Tally("those it names are in", 3, 2, False)
    # Of two pairs one has exactly one name, and its first row was in.
    assert named_tally(np.array([False, True, True, True]), np.array([True, False]), True) == Tally(
        "of a pair, the one it names", 1, 0, False
    )
    assert named_tally(np.array([True, False, False, True]), np.array([True, False]), True).correct == 2
