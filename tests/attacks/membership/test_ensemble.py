"""Combined scores: the rule without coins, and the fit that keeps the judged coins fair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attack import Outcome
from attacks.membership.ensemble import fitted, rank_average
from attacks.trial import Trial
from tests.attacks.worlds import auc, auc_noise


def signals(coins, strengths, rng):
    return [Outcome(strength * coins + rng.standard_normal(len(coins))) for strength in strengths]


def coins_of(design, count, rng):
    coins = rng.random(count) < 0.5
    if design == "pairs":
        coins[1::2] = ~coins[::2]
    return coins


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 4))
def test_rank_average_minds_neither_scale_nor_order(seed, count, attacks):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (attacks, count)).astype(float)
    straight = rank_average([Outcome(each) for each in scores]).scores
    assert ((straight > 0) & (straight < 1)).all()
    assert np.allclose(straight.mean(), 0.5)
    order = rng.permutation(count)
    stretched = [Outcome(np.exp(each[order]) * (place + 1) - 7) for place, each in enumerate(scores)]
    assert np.allclose(rank_average(stretched).scores, straight[order])


def test_rank_average_is_better_than_each_of_equal_attacks(rng):
    coins = rng.random(4000) < 0.5
    outcomes = signals(coins, (0.5, 0.5, 0.5, 0.5), rng)
    best = max(auc(each.scores, coins) for each in outcomes)
    assert auc(rank_average(outcomes).scores, coins) > best + 2 * auc_noise(coins)


def test_outcomes_must_fit_together():
    with pytest.raises(ValueError, match="outcomes"):
        rank_average([])
    with pytest.raises(ValueError, match="outcomes"):
        rank_average([Outcome(np.zeros(3)), Outcome(np.zeros(4))])
    with pytest.raises(ValueError, match="target rows"):
        fitted([Outcome(np.zeros(3))], Trial(np.array([True, False])), np.random.default_rng(0))
    with pytest.raises(ValueError, match="two coins"):
        fitted([Outcome(np.zeros(2))], Trial(np.array([True, False]), pairs=True), np.random.default_rng(0))


@pytest.mark.parametrize("design", ["pool", "pairs", "units"])
def test_what_works_gets_the_weight(design, rng):
    """One good attack among seven that know nothing, and one that is wrong: the fit is better than the average."""
    coins = coins_of(design, 3000, rng)
    units = np.concatenate([np.arange(3000), rng.integers(0, 3000, 1000)]) if design == "units" else None
    trial = Trial(coins, pairs=design == "pairs", units=units)
    per_row = coins if units is None else coins[units]
    outcomes = signals(per_row, (1.0, *[0.0] * 6, -1.0), rng)
    held = fitted(outcomes, trial, rng)
    assert len(held.outcome.scores) == held.rows.sum() == held.trial.rows
    assert abs(len(held.trial.coins) - len(coins) / 2) <= 1
    judged = held.trial.coins if held.trial.units is None else held.trial.coins[held.trial.units]
    assert (judged == per_row[held.rows]).all()
    assert held.weights.argmax() == 0
    assert held.weights[7] < 0
    gain = auc(held.outcome.scores, judged) - auc(rank_average(outcomes).scores[held.rows], judged)
    assert gain > 3 * auc_noise(judged)


@pytest.mark.parametrize("design", ["pool", "pairs"])
def test_the_held_coins_stay_fair(design, rng):
    """Thirty useless scores: on the coins that were learned from they look good (power), on the held ones not."""
    means = []
    for _ in range(60):
        coins = coins_of(design, 200, rng)
        outcomes = signals(coins, [0.0] * 30, rng)
        held = fitted(outcomes, Trial(coins, pairs=design == "pairs"), rng)
        learned = rank_features(outcomes)[~held.rows] @ held.weights
        means.append((auc(held.outcome.scores, held.trial.coins), auc(learned, coins[~held.rows])))
    on_held, on_learned = np.mean(means, axis=0)
    noise = 0.06 / np.sqrt(60)
    assert abs(on_held - 0.5) < 5 * noise
    assert on_learned > 0.5 + 5 * noise


def rank_features(outcomes):
    return np.stack([rank_average([each]).scores for each in outcomes], axis=1)


def test_a_half_with_one_side_only():
    held = fitted([Outcome(np.arange(6.0))], Trial(np.ones(6, bool)), np.random.default_rng(0))
    assert np.isfinite(held.outcome.scores).all()
    assert np.isfinite(held.weights).all()


@given(st.integers(0, 2**32), st.integers(2, 30))
def test_ties_everywhere_and_few_coins(seed, count):
    rng = np.random.default_rng(seed)
    outcomes = [Outcome(np.zeros(count)), Outcome(rng.integers(0, 2, count) * 1e300)]
    held = fitted(outcomes, Trial(rng.random(count) < 0.5), rng)
    assert np.isfinite(held.outcome.scores).all()
