"""One-run p-values: equal to the linear programs they solve, and valid on mechanisms that do their worst."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog

from attacks.statistics.one_run import (
    LEAST,
    epsilon_lower,
    lower_bound,
    mu_lower,
    p_value,
    p_value_of_any_number,
    rejects,
)
from attacks.statistics.trade_off import Approximate, Gaussian

LEVELS = (0.2, 0.05, 0.01, 0.001)


def worst_approximate(epsilon, delta, coins, guesses, correct):
    """max P[at least `correct` right]: k X_k <= e^eps (r - k + 1) X_{k-1} + E_k, with m delta of E in all."""
    counts = guesses + 1
    rows, limits = [], []
    for k in range(1, counts):
        row = np.zeros(counts + guesses)
        row[k], row[k - 1], row[counts + k - 1] = k, -math.exp(epsilon) * (guesses - k + 1), -1
        rows.append(row)
        limits.append(0.0)
    rows.append(np.r_[np.zeros(counts), np.ones(guesses)])
    limits.append(coins * delta)
    wanted = np.r_[np.zeros(correct), -np.ones(counts - correct), np.zeros(guesses)]
    whole = np.r_[np.ones(counts), np.zeros(guesses)][None, :]
    return -linprog(wanted, A_ub=np.array(rows), b_ub=limits, A_eq=whole, b_eq=[1.0]).fun


def worst_gaussian(claim, coins, guesses, correct):
    """max P[at least `correct` right] under F's tangents: sum_{k>=j} k X_k / m <= F(sum_{k>=j} (r-k+1) X_{k-1} / m)."""
    tangents = [(math.exp(epsilon), claim.delta_at(epsilon)) for epsilon in np.linspace(0, 25, 700)]
    # F is its own inverse about the falling diagonal: y <= d + s x  also gives  1 - x <= d + s (1 - y).
    tangents += [(1 / slope, (slope + least - 1) / slope) for slope, least in tangents]
    rows, limits = [], []
    for j in range(1, guesses + 1):
        right, wrong = np.zeros(guesses + 1), np.zeros(guesses + 1)
        for k in range(j, guesses + 1):
            right[k] += k / coins
            wrong[k - 1] += (guesses - k + 1) / coins
        for slope, least in tangents:
            rows.append(right - slope * wrong)
            limits.append(least)
    wanted = np.r_[np.zeros(correct), -np.ones(guesses + 1 - correct)]
    return -linprog(wanted, A_ub=np.array(rows), b_ub=limits, A_eq=np.ones((1, guesses + 1)), b_eq=[1.0]).fun


def textbook(epsilon, delta, coins, guesses, correct):
    """Steinke, Nasr, Jagielski 2023, theorem 5.2."""
    rate = 1 / (1 + math.exp(-epsilon))
    beyond = stats.binom.sf(correct - 1, guesses, rate)
    fewer = np.arange(1, correct + 1)
    gain = ((stats.binom.sf(correct - fewer - 1, guesses, rate) - beyond) / fewer).max()
    return min(1.0, beyond + 2 * coins * delta * gain)


@st.composite
def counts(draw):
    guesses = draw(st.integers(1, 25))
    return guesses + draw(st.integers(0, 30)), guesses, draw(st.integers(1, guesses))


@settings(max_examples=40, deadline=None)
@given(counts(), st.floats(0, 4), st.floats(1e-6, 0.03))
def test_approximate_claims_attain_their_linear_program(sizes, epsilon, delta):
    assert p_value(Approximate(epsilon, delta), *sizes) == pytest.approx(
        min(1.0, worst_approximate(epsilon, delta, *sizes)), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize(
    ("claim", "sizes"),
    [
        (Gaussian(0.5), (20, 20, 16)),
        (Gaussian(0.5), (20, 20, 19)),
        (Gaussian(0.8), (30, 10, 9)),
        (Gaussian(1.0), (40, 8, 8)),
        (Gaussian(0.5, 0.01), (20, 15, 13)),
        (Gaussian(0.2, 0.001), (16, 16, 13)),
    ],
)
def test_gaussian_claims_attain_their_convex_program(claim, sizes):
    found, outer = p_value(claim, *sizes), worst_gaussian(claim, *sizes)
    assert found * (1 - 1e-5) <= outer  # finitely many tangents leave a little more room
    assert found == pytest.approx(outer, rel=5e-3)


@settings(max_examples=150, deadline=None)
@given(counts(), st.floats(0, 4), st.floats(0, 0.03))
def test_never_above_the_published_bound_where_it_matters(sizes, epsilon, delta):
    found = p_value(Approximate(epsilon, delta), *sizes)
    assert found >= stats.binom.sf(sizes[2] - 1, sizes[1], 1 / (1 + math.exp(-epsilon))) * (1 - 1e-9)
    if found < 0.5:
        assert found <= textbook(epsilon, delta, *sizes) * (1 + 1e-9)


def test_no_learning_is_the_binomial_test():
    for guesses, correct in ((10, 10), (1000, 560), (100_000, 50_900)):
        exact = stats.binom.sf(correct - 1, guesses, 0.5)
        assert p_value(Approximate(0, 0), guesses, guesses, correct) == pytest.approx(exact, rel=1e-9)
        assert p_value(Gaussian(0), guesses, guesses, correct) >= exact


@settings(max_examples=60, deadline=None)
@given(counts(), st.floats(0, 3), st.floats(0, 0.05), st.booleans())
def test_p_values_fall_with_right_guesses_and_rise_with_the_claim(sizes, parameter, slack, gaussian):
    coins, guesses, correct = sizes
    curve = Gaussian if gaussian else Approximate
    here = p_value(curve(parameter, slack), *sizes)
    tolerance = 1 + 1e-5
    assert here <= p_value(curve(parameter, slack), coins, guesses, correct - 1) * tolerance
    assert here <= p_value(curve(parameter + 0.3, slack), *sizes) * tolerance
    assert here <= p_value(curve(parameter, slack + 0.01), *sizes) * tolerance
    assert here <= p_value(curve(parameter, slack), coins + 5, guesses, correct) * tolerance


@settings(max_examples=60, deadline=None)
@given(counts(), st.floats(0, 3), st.sampled_from([0.0, 1e-5, 0.02]), st.booleans(), st.floats(1e-6, 0.9))
def test_rejects_is_the_p_value_at_a_level(sizes, parameter, slack, gaussian, level):
    claim = Gaussian(parameter, slack) if gaussian else Approximate(parameter, slack)
    value = p_value(claim, *sizes)
    if not 0.9999 < value / level < 1.0001:
        assert rejects(claim, *sizes, level) == (value <= level)


# Mechanisms: each gives P[exactly k right guesses], and the claim that it just keeps.


def randomised_response(coins, guesses, claim):
    return stats.binom.pmf(np.arange(guesses + 1), guesses, 1 / (1 + math.exp(-claim.epsilon)))


def all_or_nothing(coins, guesses, claim):
    """Randomised response, but with probability delta all coins are shown."""
    chances = (1 - claim.delta) * randomised_response(coins, guesses, claim)
    chances[-1] += claim.delta
    return chances


def some_shown(coins, guesses, claim):
    """Each coin is shown with probability delta, and those are guessed first."""
    shown = stats.binom.pmf(np.arange(coins + 1), coins, claim.delta)
    rate = 1 / (1 + math.exp(-claim.epsilon))
    chances = np.zeros(guesses + 1)
    for sure, chance in enumerate(shown[:guesses]):
        chances[sure:] += chance * stats.binom.pmf(np.arange(guesses + 1 - sure), guesses - sure, rate)
    chances[-1] += shown[guesses:].sum()
    return chances


def gaussian_each(coins, guesses, claim):
    """Each coin hides in Gaussian noise of its own; the clearest ones are guessed. By simulation."""
    rng = np.random.default_rng(5)
    members = rng.random((2000, coins)) < 0.5
    seen = rng.standard_normal(members.shape) + claim.mu * (members - 0.5)
    clearest = np.argsort(-np.abs(seen), axis=1)[:, :guesses]
    right = np.take_along_axis((seen > 0) == members, clearest, axis=1).sum(axis=1)
    return np.bincount(right, minlength=guesses + 1) / len(right)


def gaussian_all(coins, guesses, claim):
    """As `gaussian_each` where all coins are guessed, exactly; and with probability delta0 all coins are shown."""
    chances = (1 - claim.delta0) * stats.binom.pmf(np.arange(guesses + 1), guesses, stats.norm.cdf(claim.mu / 2))
    chances[-1] += claim.delta0
    return chances


def noisy_sum(coins, guesses, claim):
    """The number of heads with noise; all coins are guessed to be what most are."""
    heads = np.arange(coins + 1)
    weights = stats.binom.pmf(heads, coins, 0.5)
    says_heads = stats.norm.cdf((heads - coins / 2) * claim.mu)
    chances = weights * says_heads
    return chances + (weights * (1 - says_heads))[::-1]


MECHANISMS = [
    (randomised_response, Approximate(0.0, 0.0), 60, 60),
    (randomised_response, Approximate(1.0, 0.0), 300, 200),
    (all_or_nothing, Approximate(1.0, 0.03), 100, 40),
    (all_or_nothing, Approximate(0.5, 0.004), 50, 50),
    (some_shown, Approximate(0.0, 0.005), 2000, 5),
    (some_shown, Approximate(1.0, 0.001), 1000, 12),
    (gaussian_each, Gaussian(1.0), 200, 20),
    (gaussian_each, Gaussian(3.0), 100, 50),
    (gaussian_all, Gaussian(0.5), 150, 150),
    (gaussian_all, Gaussian(0.5, 0.02), 80, 80),
    (noisy_sum, Gaussian(0.3), 100, 100),
    (noisy_sum, Gaussian(2.0), 9, 9),
]


def excess(mechanism, claim, coins, guesses, p_of=p_value):
    """By how much P[p <= level] exceeds the level, at worst over levels and all attainable p-values."""
    chances = mechanism(coins, guesses, claim)
    assert chances.sum() == pytest.approx(1)
    values = np.array([p_of(claim, coins, guesses, correct) for correct in range(guesses + 1)])
    levels = np.unique(np.concatenate([values, LEVELS]))
    return max(chances[values <= level].sum() - level for level in levels)


@pytest.mark.parametrize("case", MECHANISMS, ids=lambda case: f"{case[0].__name__}-{case[1]}")
def test_valid_at_every_level(case):
    simulated = 5 * math.sqrt(0.25 / 2000) if case[0] is gaussian_each else 1e-9
    assert excess(*case) <= simulated


@pytest.mark.parametrize(
    ("bug", "case"),
    [
        (lambda c, m, r, v: p_value(Approximate(c.epsilon, 0.0), m, r, v), (*MECHANISMS[2][:2], 100, 40)),  # no delta
        (lambda c, m, r, v: p_value(c, r, r, v), MECHANISMS[4]),  # delta only for the coins that were guessed
        (lambda c, m, r, v: p_value(c, m, r, min(r, v + 1)), MECHANISMS[0]),  # one right guess too many
        (lambda c, m, r, v: p_value(c, m, r, min(r, v + 1)), MECHANISMS[1]),
        (lambda c, m, r, v: p_value(Approximate(0.8 * c.epsilon, c.delta), m, r, v), MECHANISMS[1]),  # too strong q
        (lambda c, m, r, v: p_value(Gaussian(c.mu), m, r, v), MECHANISMS[9]),  # no delta0
        (lambda c, m, r, v: p_value(Gaussian(0.2 * c.mu), m, r, v), MECHANISMS[8]),
    ],
)
def test_planted_bugs_are_seen_by_the_test_above(bug, case):
    assert excess(*case, p_of=bug) > 1e-3


def test_how_many_to_guess_must_not_depend_on_the_coins():
    """The best of all prefixes of a random order, seen with the coins, is significant far too often."""
    rng = np.random.default_rng(1)
    nothing, alarms = Approximate(0, 0), 0
    for _ in range(300):
        right = np.cumsum(rng.random(60) < 0.5)
        alarms += min(p_value(nothing, 60, r, int(right[r - 1])) for r in range(5, 61)) <= 0.05
    assert alarms > 30  # 15 are expected of a valid test


def test_known_bounds():
    assert epsilon_lower(1000, 1000, 560, level=0.05) == pytest.approx(0.13, abs=0.01)
    assert epsilon_lower(1000, 1000, 600, level=0.05) == pytest.approx(0.30, abs=0.01)
    assert epsilon_lower(1000, 100, 100, level=0.05) == pytest.approx(3.5, abs=0.02)
    # delta costs next to nothing here; the published bound would prove 5.5
    assert epsilon_lower(10_000, 1000, 1000, level=0.05, delta=1e-5) == pytest.approx(5.808, abs=0.001)
    assert textbook(5.45, 1e-5, 10_000, 1000, 1000) < 0.05 < textbook(5.55, 1e-5, 10_000, 1000, 1000)
    assert epsilon_lower(1000, 100, 100, level=0.05) == pytest.approx(-math.log(0.05 ** (-1 / 100) - 1), abs=1e-5)
    assert epsilon_lower(1000, 100, 55, level=0.05) == mu_lower(1000, 100, 55, level=0.05) == 0.0
    assert epsilon_lower(100, 10, 10, level=0.05, delta=0.01) == 0.0
    for bound, family in (
        (epsilon_lower(500, 80, 75, level=0.01, delta=1e-4), lambda epsilon: Approximate(epsilon, 1e-4)),
        (mu_lower(500, 80, 75, level=0.01, delta0=1e-4), lambda mu: Gaussian(mu, 1e-4)),
    ):
        assert p_value(family(bound), 500, 80, 75) <= 0.01 < p_value(family(bound + 1e-4), 500, 80, 75)


def test_extremes_are_numbers():
    for claim in (
        Approximate(0, 0),
        Approximate(650, 1e-9),
        Approximate(1, 1),
        Gaussian(0),
        Gaussian(1e3),
        Gaussian(1, 1),
    ):
        for sizes in (
            (0, 0, 0),
            (1, 1, 0),
            (1, 1, 1),
            (10**6, 10**6, 10**6),
            (10**6, 10**4, 9_000),
            (10**6, 10**6, 500_300),
        ):
            assert LEAST <= p_value(claim, *sizes) <= 1
    assert p_value(Approximate(0.1, 1e-9), 10**6, 10**6, 10**6) == pytest.approx(1e-9)
    assert p_value(Gaussian(0.1, 1e-15), 10**6, 10**6, 10**6) == LEAST
    assert p_value(Approximate(1, 1), 5, 5, 5) == p_value(Gaussian(1, 1), 5, 5, 5) == 1
    assert lower_bound(lambda mu: Gaussian(mu), 10**6, 10**6, 10**6, level=0.05, largest=2.0) == pytest.approx(
        2, abs=1e-5
    )
    for bad in ((5, 6, 1), (5, 3, 4), (5, 3, -1)):
        with pytest.raises(ValueError):
            p_value(Gaussian(1), *bad)


def any_number(epsilon, delta, coins, rng):
    """Randomised response with leaks of probability delta a coin; the attacker guesses as many as look promising."""
    truth = rng.random(coins) < 0.5
    shown = rng.random(coins) < delta
    said = np.where(rng.random(coins) < 1 / (1 + np.exp(-epsilon)), truth, ~truth)
    # A release that says by itself how many to guess: long runs where a leak was, few guesses else.
    count = coins if shown.any() else int(rng.integers(1, coins + 1))
    guessed = np.argsort(~shown, kind="stable")[:count]
    return count, int(np.where(shown, True, said == truth)[guessed].sum())


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (1.0, 0.0), (1.0, 1e-4), (2.0, 1e-3)])
def test_a_number_of_guesses_that_follows_the_release_is_paid_for(epsilon, delta):
    rng, claim, coins, runs = np.random.default_rng(3), Approximate(epsilon, delta), 40, 4000
    values = np.array(
        [p_value_of_any_number(claim, coins, *any_number(epsilon, delta, coins, rng)) for _ in range(runs)]
    )
    for level in (0.01, 0.05, 0.2):
        assert (values <= level).mean() <= level + 4.8 * np.sqrt(level * (1 - level) / runs)
    # Power: the same guesses against a claim of half as much are refuted too often.
    if epsilon:
        half = Approximate(epsilon / 4, 0.0)
        rng = np.random.default_rng(3)
        low = [p_value_of_any_number(half, coins, *any_number(epsilon, delta, coins, rng)) for _ in range(runs)]
        assert np.mean(np.array(low) <= 0.05) > 0.1


def test_the_best_stopping_rule_on_one_run_does_not_break_it():
    """An attacker who guesses all coins in turn and stops at will, but by the release alone, gains nothing."""
    rng, coins, epsilon = np.random.default_rng(5), 30, 1.0
    alarms = 0
    for _ in range(4000):
        truth = rng.random(coins) < 0.5
        said = np.where(rng.random(coins) < 1 / (1 + np.exp(-epsilon)), truth, ~truth)
        # The release alone: how often it says "in". Guess those only.
        guessed = said
        p = p_value_of_any_number(Approximate(epsilon, 0.0), coins, int(guessed.sum()), int((guessed & truth).sum()))
        alarms += p <= 0.05
    assert alarms / 4000 <= 0.05 + 4.8 * np.sqrt(0.05 * 0.95 / 4000)


def test_any_number_of_a_gaussian_claim_is_never_below_that_of_a_fixed_one():
    for mu in (0.1, 0.5, 1.0):
        for guesses, correct in ((10, 10), (20, 19), (100, 80)):
            fixed = p_value(Gaussian(mu), 500, guesses, correct)
            assert p_value_of_any_number(Gaussian(mu), 500, guesses, correct) >= fixed * (1 - 1e-5)
    assert p_value_of_any_number(Gaussian(0.2, delta0=1e-3), 500, 10, 10) >= 1e-3
    assert p_value_of_any_number(Gaussian(0.2), 500, 10, 3) == 1.0
