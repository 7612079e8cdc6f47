from __future__ import annotations

import json
import math

import numpy as np
import pytest

from attacks.mechanism_audit.verdict import ROC_POINTS, Promised, epsilon_at, judge, roc_points
from dpsynth.privacy.gaussian_profile import epsilon_of, mu_of


def audited(without, within, promised, names=("score",), confidence=0.95, fixed=(0, 0.0), **options):
    return judge(
        np.atleast_2d(np.asarray(without, dtype=float).T).T,
        np.atleast_2d(np.asarray(within, dtype=float).T).T,
        names,
        promised,
        confidence=confidence,
        fixed=fixed,
        generator="made",
        neighbours="made",
        relation="add-remove",
        seconds=1.0,
        **options,
    )


def normal(mu, runs, seed=0):
    """Scores of a Gaussian mechanism: log-likelihood ratios at mu."""
    noise = np.random.default_rng(seed).normal(size=(2, runs))
    return mu * noise[0] - mu**2 / 2, mu * noise[1] + mu**2 / 2


def test_a_tight_mechanism_passes_and_nearly_all_is_proved():
    found = audited(*normal(0.5, 20_000), Promised(1.0, 1e-2, 0.5))
    assert found.verdict == "pass"
    assert 0.9 * 0.5 < found.mu_lower <= 0.5
    assert found.share == found.mu_lower / 0.5
    assert found.epsilon_lower == pytest.approx(epsilon_of(1e-2, found.mu_lower), rel=1e-9)
    assert found.ceiling > 6
    assert "fixed" in found.rule


@pytest.mark.parametrize(("mu", "runs"), [(0.268, 1200), (2.0, 200)])
def test_half_the_noise_is_caught_nearly_always(mu, runs):
    caught = [audited(*normal(2 * mu, runs, seed), Promised(1.0, 1e-5, mu)).verdict for seed in range(60)]
    assert caught.count("fail") >= 57


def test_false_alarms_are_as_rare_as_said():
    alarms = [audited(*normal(1.0, 400, seed), Promised(1.0, 1e-5, 1.0)).verdict == "fail" for seed in range(400)]
    assert 0 < sum(alarms) <= 28  # of 400 at most 5 % are expected; more than 28 with probability 0.03


def test_another_score_may_prove_more_with_a_threshold_of_its_own():
    blind = np.zeros(400)
    scores = [np.column_stack([blind, 100 + each]) for each in normal(4.0, 400)]
    found = audited(*scores, Promised(1.0, 1e-5, 1.0), names=("blind", "seeing"))
    assert (found.score, found.verdict) == ("seeing", "fail")
    assert found.threshold > 90
    assert "chosen" in found.rule


def test_a_claim_of_epsilon_and_delta_alone_is_held_against_their_own_curve():
    """Randomised response at epsilon 1 keeps its claim, and breaks the Gaussian curve through (1, 0.001)."""
    rng = np.random.default_rng(3)
    lie = 1 / (1 + math.e)
    without, within = (rng.random(20_000) < lie).astype(float), (rng.random(20_000) > lie).astype(float)
    honest = audited(without, within, Promised(1.0, 1e-3), fixed=(0, 0.5))
    assert honest.verdict == "pass"
    assert 0.9 < honest.epsilon_lower <= 1
    assert honest.mu_lower > mu_of(1.0, 1e-3)
    assert audited(without, within, Promised(1.0, 1e-3, mu_of(1.0, 1e-3)), fixed=(0, 0.5)).verdict == "fail"
    broken = audited(without, within, Promised(0.7, 1e-3), fixed=None)
    assert broken.verdict == "fail"
    assert broken.share == pytest.approx(broken.epsilon_lower / 0.7)


def test_the_claimed_curve():
    rates = np.array([0.0, 0.01, 0.5, 1.0])
    gaussian = Promised(1.0, 1e-5, 1.0).true_positive_rate(rates)
    assert gaussian == pytest.approx([0.0, 0.0924, 0.8413, 1.0], abs=1e-3)
    assert Promised(1.0, 1e-5, 1.0, 0.1).true_positive_rate(rates)[0] == pytest.approx(0.1)
    assert Promised(1.0, 0.1).true_positive_rate(rates) == pytest.approx(
        [0.1, 0.1 + 0.01 * math.e, 1 - 0.4 / math.e, 1.0]
    )


def test_a_roc_lies_below_the_claim_and_can_be_drawn():
    promised = Promised(1.0, 1e-5, 1.0)
    points = roc_points(*normal(1.0, 5000), promised)
    false_positives, true_positives, claimed = np.array(points).T
    assert 10 < len(points) <= ROC_POINTS
    assert (np.diff(false_positives) > 0).all()
    assert (np.diff(true_positives) >= 0).all()
    assert np.abs(true_positives - claimed).max() < 0.03
    assert len(roc_points(np.zeros(50), np.zeros(50), promised)) == 1  # one point says nothing


def test_a_finding_is_plain_json():
    scores = np.full(100, -math.inf), np.full(100, math.inf)
    found = audited(*scores, Promised(1.0, 1e-5, 1.0), fixed=None)
    assert found.mu_lower == found.ceiling
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["verdict"] == "fail"


@pytest.mark.parametrize("mu", [1e-3, 0.1, 0.53, 2.0, 9.0, 40.0])
@pytest.mark.parametrize("delta", [1e-12, 1e-6, 1e-2, 0.3])
def test_epsilon_agrees_with_the_engine_of_dpsynth(mu, delta):
    assert epsilon_at(delta, mu) == pytest.approx(epsilon_of(delta, mu), rel=1e-7, abs=1e-9)


def test_epsilon_at_the_ends():
    assert epsilon_at(1e-5, 0.0) == 0
    assert epsilon_at(1e-5, 1.0, 1e-5) == math.inf
    assert epsilon_at(1e-5, 1.0, 5e-6) > epsilon_at(1e-5, 1.0)


@pytest.mark.parametrize("fields", [(0.0, 0.1), (1.0, 1.0), (1.0, 0.1, 0.0), (1.0, 0.1, 1.0, 1.0)])
def test_a_claim_must_make_sense(fields):
    with pytest.raises(ValueError, match="must be"):
        Promised(*fields)


def test_worlds_must_be_alike():
    with pytest.raises(ValueError, match="confidence"):
        audited(np.zeros(100), np.zeros(99), Promised(1.0, 1e-5, 1.0))
    with pytest.raises(ValueError, match="confidence"):
        audited(np.zeros(100), np.zeros(100), Promised(1.0, 1e-5, 1.0), confidence=0.5)
