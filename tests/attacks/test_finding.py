"""Findings: what is proved of whom, in which terms, and that nothing is proved where there is nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.attack import Criterion, Outcome
from attacks.claim import Claim
from attacks.finding import failed, judge, not_run
from attacks.statistics.one_run import p_value
from attacks.statistics.trade_off import Approximate
from attacks.threat import REFERENCE, Threat
from attacks.trial import Trial, paired

CLAIM = Claim(1.0, 1e-5, mu=0.268)


@dataclass(frozen=True)
class Told:
    """An attack of which only the words matter here."""

    threat: Threat = REFERENCE
    criterion: Criterion = Criterion.MEMBERSHIP
    about: str = "It was told."

    def missing(self, evidence, targets):
        return None

    def run(self, evidence, targets, rng):
        raise NotImplementedError


def judged(scores, trial, claim=CLAIM, *, seed=0, **more):
    outcome = scores if isinstance(scores, Outcome) else Outcome(np.asarray(scores, dtype=float))
    return judge("told", Told(), outcome, trial, claim, 0.95, np.random.default_rng(seed), **more)


def pool(count, seed=0):
    return Trial(np.random.default_rng([seed, 1]).random(count) < 0.5)


def pairs(count, seed=0):
    return paired(count, count, count, np.random.default_rng([seed, 2]))[1]


def test_telling_all_breaks_every_claim():
    for trial in (pool(1000), pairs(500)):
        found = judged(np.where(trial.coins, 1.0, 0.0), trial)
        assert found.auc == 1.0
        assert found.auc_interval[1] == 1.0
        assert found.p_value < 1e-6
        assert found.epsilon_lower > 1
        assert found.mu_lower > 0.268
        assert found.correct >= 0.95 * found.guesses
        assert found.true_positive_rates["0.1"] == found.true_positive_rates["0.01"] == 1.0


def test_telling_the_opposite_breaks_none():
    for trial in (pool(1000), pairs(500)):
        found = judged(np.where(trial.coins, 0.0, 1.0), trial)
        assert found.auc == 0.0
        assert found.p_value == found.p_value_no_learning == 1.0
        assert found.epsilon_lower == found.mu_lower == 0.0


@pytest.mark.parametrize("score", [0.0, 1.0, np.inf, -np.inf])
def test_equal_scores_prove_nothing(score):
    """Also where the members are listed first, so that an order that leaked through ties would show."""
    for trial in (Trial(np.arange(1200) < 600), Trial(np.arange(1200) % 2 == 0, pairs=True)):
        found = [judged(np.full(1200, score), trial, Claim(), seed=seed) for seed in range(60)]
        assert sum(each.p_value <= 0.05 for each in found) <= 12
        assert {each.auc for each in found} == {0.5}


def test_false_alarms_of_the_whole_judgement_against_a_true_claim():
    """Each target hides in Gaussian noise of its own, with the mu that is claimed: p <= 0.1 at most that often."""
    rng, runs = np.random.default_rng(3), 200
    for trial_of, steps in ((pool, 1), (pairs, 2)):
        alarms = exceeded = uncovered = 0
        for seed in range(runs):
            trial = trial_of(300, seed)
            noise = rng.standard_normal(trial.rows)
            mu = steps * 0.8
            scores = noise + mu * trial.coins
            if trial.pairs:  # one noise for both: the difference of the two scores tells them apart with mu
                scores = (
                    np.repeat(noise[::2], 2) * np.where(np.arange(trial.rows) % 2, -0.5, 0.5) + mu / 2 * trial.coins
                )
            found = judged(scores, trial, Claim(2.0, 1e-3, mu=0.8), seed=seed)
            alarms += found.p_value <= 0.1
            exceeded += found.mu_lower > 0.8
            uncovered += found.p_value_no_learning <= 0.1
        assert alarms / runs <= 0.1 + 5 * np.sqrt(0.09 / runs)
        assert exceeded / runs <= 0.05 + 5 * np.sqrt(0.0475 / runs)
        assert uncovered / runs > 0.5  # the same scores do refute that nothing was learned


def test_bounds_are_in_the_terms_of_the_claim():
    """A pair is two steps of adding and removing: what it proves about one step is half, or nearly."""
    trial = pairs(800)
    scores = np.where(trial.coins, 1.0, 0.0)
    one = judged(scores, trial, Claim(1.0, 0.0, relation="replace-one"))
    two = judged(scores, trial, Claim(1.0, 0.0))
    assert one.epsilon_lower == pytest.approx(2 * two.epsilon_lower, abs=1e-5)
    assert one.mu_lower == pytest.approx(2 * two.mu_lower, abs=1e-5)
    assert one.power["mu"] is not None
    with pytest.raises(ValueError, match="pairs"):
        judged(np.zeros(50), pool(50), Claim(1.0, 0.0, relation="replace-one"))


def test_p_value_is_that_of_the_best_rule_with_its_price():
    trial = pool(500)
    found = judged(trial.coins + np.random.default_rng(1).standard_normal(500), trial, Claim(0.2))
    assert found.p_value == pytest.approx(
        min(1.0, 3 * p_value(Approximate(0.2, 0.0), 500, found.guesses, found.correct)), rel=1e-9
    )


def test_units_are_judged_as_units():
    """Three rows of each unit that tell the same are one guess, not three."""
    trial = pool(100)
    units = Trial(trial.coins, units=np.repeat(np.arange(100), 3))
    scores = trial.coins + np.random.default_rng(2).standard_normal(100)
    one, three = judged(scores, trial), judged(np.repeat(scores, 3), units)
    assert (one.p_value, one.auc, one.targets) == (three.p_value, pytest.approx(three.auc), three.targets)
    with pytest.raises(ValueError, match="does not belong"):
        judged(np.zeros(100), units)


def guesses(trial, members, control, weights=None, seed=0):
    rng = np.random.default_rng([seed, 4])
    success = rng.random(trial.rows) < np.where(trial.coins, members, control)
    return Outcome(np.where(success, 1.0, 0.0), success, weights)


def test_success_rates_and_their_ceiling():
    trial = pool(20_000)
    found = judged(guesses(trial, 0.5, 0.1), trial)
    assert found.success.members == pytest.approx(0.5, abs=0.03)
    assert found.success.control == pytest.approx(0.1, abs=0.02)
    low, high = found.success.gap_interval
    assert low < 0.4 < high < low + 0.05
    assert found.success.ceiling == pytest.approx(CLAIM.curve.ceiling(found.success.control))
    assert found.success.members > found.success.ceiling
    assert found.p_value < 0.05
    assert found.success.weighted_members is None


def test_weighted_success():
    """Weights that pick out the odd rows give the rates of the odd rows, and a wider interval."""
    trial = pool(4000)
    odd = (np.arange(4000) % 2).astype(float)
    outcome = guesses(trial, 0.4, 0.2, weights=odd)
    found = judged(outcome, trial).success
    inside = outcome.success[trial.coins & (odd == 1)]
    assert found.weighted_members == pytest.approx(inside.mean())
    low, high = found.weighted_gap_interval
    assert low < found.weighted_members - found.weighted_control < high
    assert 1.2 < (high - low) / (found.gap_interval[1] - found.gap_interval[0]) < 1.7
    assert judged(guesses(trial, 0.4, 0.2, weights=np.zeros(4000)), trial).success.weighted_members is None


def test_gap_intervals_cover():
    """Plain and weighted, 95 %; units of several rows that all go right or wrong together are not counted as many."""
    rng, runs = np.random.default_rng(5), 500
    covered, weighted = 0, 0
    for seed in range(runs):
        trial = Trial(rng.random(150) < 0.5, units=np.repeat(np.arange(150), 3))
        right = np.repeat(rng.random(150) < np.where(trial.coins, 0.5, 0.3), 3)
        weights = np.repeat(rng.exponential(size=150), 3)
        found = judged(Outcome(right.astype(float), right, weights), trial, seed=seed).success
        covered += found.gap_interval[0] <= 0.2 <= found.gap_interval[1]
        weighted += found.weighted_gap_interval[0] <= 0.2 <= found.weighted_gap_interval[1]
    assert 0.9 < covered / runs < 0.99
    assert 0.89 < weighted / runs < 0.99


@pytest.mark.parametrize("coins", [[True], [False], [True, True], [True, False], []])
def test_hardly_any_targets(coins):
    trial = Trial(np.array(coins, dtype=bool))
    outcome = Outcome(np.ones(len(coins)), np.ones(len(coins), bool), np.ones(len(coins)))
    found = judged(outcome, trial)
    assert found.p_value == 1.0
    json.dumps(found.to_json(), allow_nan=False)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([-np.inf, -1e300, -1.0, 0.0, 1e-300, 1.0, 1e300, np.inf]), min_size=2, max_size=24),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_scores_at_all_give_numbers_in_their_range(values, paired_up, seed):
    count = len(values) - len(values) % 2
    rng = np.random.default_rng(seed)
    first = rng.random(count // 2) < 0.5
    coins = np.column_stack([first, ~first]).ravel() if paired_up else rng.random(count) < 0.5
    scores = np.array(values[:count])
    for trial in (Trial(coins, paired_up), Trial(coins, paired_up, units=np.arange(count))):
        found = judged(Outcome(scores, scores > 0, rng.random(count)), trial, seed=seed)
        low, high = found.auc_interval
        assert 0 <= low <= found.auc <= high <= 1
        assert 0 < found.p_value <= 1
        assert 0 < found.p_value_no_learning <= 1
        assert 0 <= found.correct <= found.guesses <= found.targets
        json.dumps(found.to_json(), allow_nan=False)


def test_json_and_determinism():
    trial = pool(300)
    details = {"neighbours": np.int64(3), "used": np.array([1.5, np.nan]), "deep": {"yes": np.bool_(True)}}
    scores = np.random.default_rng(6).integers(0, 4, 300).astype(float)
    outcome = Outcome(scores, scores > 1, details=details)
    one = judged(outcome, trial, share=1 / 20, seconds=1.25, group="most vulnerable 10 %")
    document = one.to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["details"] == {"neighbours": 3, "used": [1.5, None], "deep": {"yes": True}}
    assert document["group"] == "most vulnerable 10 %"
    assert document["criterion"] == "membership"
    assert document["threat"] == "the release + rows of the same population"
    assert 2 <= len(document["roc"]) <= 60
    assert document["true_positive_rates"]["0.001"] is None
    assert judged(outcome, trial, share=1 / 20, seconds=1.25, group="most vulnerable 10 %").to_json() == document


def test_attacks_that_did_not_run_are_no_evidence():
    for found, status in (
        (not_run("told", Told(), "there is no reference"), "not run"),
        (failed("told", Told(), "KeyError in the attack", group="some"), "failed"),
    ):
        assert found.status == status
        assert found.why
        assert found.p_value == 1.0
        assert found.targets == found.guesses == 0
        json.dumps(found.to_json(), allow_nan=False)
