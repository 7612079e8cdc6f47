"""An explanation tells the odds of the promise's own trade-off curve, and the same words as a certificate."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.privacy.calibration import Guarantee
from dpsynth.report.deployments import finds_at_most

EPSILONS = st.floats(0.01, 20)
DELTAS = st.sampled_from([1e-3, 1e-6, 1e-9])


@settings(max_examples=12)
@given(EPSILONS, DELTAS)
def test_the_odds_are_those_of_the_curve(epsilon: float, delta: float) -> None:
    made = dpsynth.explain(epsilon=epsilon, delta=delta)
    mu = made.promise.mu
    # The promise itself: mu-GDP with this mu keeps (epsilon, delta), by the formula of the Gaussian profile.
    profile = norm.cdf(-epsilon / mu + mu / 2) - np.exp(epsilon) * norm.cdf(-epsilon / mu - mu / 2)
    assert profile == pytest.approx(delta, rel=1e-2)
    for odds in made.odds:
        assert odds.finds == pytest.approx(norm.cdf(mu + norm.ppf(odds.false_alarms)), rel=1e-9)
        assert odds.false_alarms < odds.finds <= finds_at_most(epsilon, delta, odds.false_alarms) * (1 + 1e-9)
        assert odds.right == pytest.approx(odds.finds / (odds.finds + odds.false_alarms))
    alarms = np.linspace(0, 1, 4001)
    gains = [finds - at for at, finds in made.guarantee.attack_odds(alarms.tolist())]
    assert max(gains) == pytest.approx(made.advantage, abs=1e-5)
    assert made.even_bet == pytest.approx((1 + made.advantage) / 2)


@settings(max_examples=12)
@given(EPSILONS, DELTAS)
def test_releases_add_up_as_mu_does(epsilon: float, delta: float) -> None:
    made = dpsynth.explain(epsilon=epsilon, delta=delta)
    assert made.sums[0].epsilon == pytest.approx(epsilon, rel=1e-6)
    for each in made.sums[1:]:
        together = Guarantee(made.promise.mu * each.releases**0.5)
        assert each.epsilon == pytest.approx(together.epsilon(delta), rel=1e-6)
        assert made.sums[0].epsilon < each.epsilon
        assert each.finds == pytest.approx(together.attack_odds((0.01,))[0][1], rel=1e-6)


def test_words_and_json_say_whom_it_protects() -> None:
    made = dpsynth.explain(epsilon=1, delta=1e-6, unit="patient", max_rows_per_unit=3, relation="replace-one")
    text = " ".join(made.words().split())
    assert "replacing all rows of one value of 'patient' (at most 3 rows)" in text
    assert "which of two versions" in text
    assert "500 win by guessing; with the release, at most 548 do" in text
    document = json.loads(json.dumps(made.to_json()))
    assert document["unit"]["max_rows"] == 3
    assert document["odds"][0]["false_alarms"] == 0.1
    assert all(each["source"] for each in document["deployments"])
    row_level = dpsynth.explain(epsilon=30, delta=1e-2).words()
    assert "Each row is protected by itself" in row_level
    assert "This promise is weak" in row_level


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"delta": 1}, {"relation": "swap"}, {"max_rows_per_unit": 2}])
def test_what_cannot_be_promised_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        dpsynth.explain(**{"epsilon": 1.0, "delta": 1e-6, **wrong})  # type: ignore[arg-type]
