"""ROC: area with ties, intervals that cover, rates that are never too large at ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attacks.statistics.roc import auc, auc_interval, roc_points, true_positive_rates

SCORES = st.lists(st.integers(-4, 4), min_size=1, max_size=30).map(lambda values: np.array(values, dtype=float))


@given(SCORES, SCORES)
def test_area_is_the_mann_whitney_statistic(members, control):
    pairs = np.sign(members[:, None] - control[None, :])
    assert auc(members, control) == pytest.approx((1 + pairs.mean()) / 2)
    assert auc(control, members) == pytest.approx(1 - auc(members, control))


def test_area_of_infinite_scores_and_of_nobody():
    assert auc(np.array([np.inf, 0.0]), np.array([-np.inf, 0.0])) == 0.875
    assert auc(np.array([]), np.array([1.0])) == 0.5
    assert auc_interval(0.5, 0, 3, 0.95) == (0.0, 1.0)


def test_interval_at_one_half_is_the_mann_whitney_test():
    members, control = 60, 90
    edge = stats.norm.ppf(0.975) * np.sqrt((members + control + 1) / (12 * members * control))
    for area, outside in ((0.5 + 0.999 * edge, False), (0.5 + 1.001 * edge, True)):
        assert (auc_interval(area, members, control, 0.95)[0] > 0.5) == outside


@pytest.mark.parametrize("area", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sizes", [(1, 1), (50, 50), (5000, 20)])
def test_intervals_are_sane_at_the_ends(area, sizes):
    low, high = auc_interval(area, *sizes, 0.95)
    assert 0 <= low <= area <= high <= 1
    assert high - low > 0.3 / min(sizes)


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("sizes", [(40, 40), (200, 50)])
def test_intervals_cover(mu, sizes):
    rng = np.random.default_rng(3)
    truth, runs = stats.norm.cdf(mu / np.sqrt(2)), 1500
    covered = narrow = 0
    for _ in range(runs):
        area = auc(rng.standard_normal(sizes[0]) + mu, rng.standard_normal(sizes[1]))
        low, high = auc_interval(area, *sizes, 0.95)
        covered += low <= truth <= high
        narrow += (low + area) / 2 <= truth <= (high + area) / 2
    assert covered / runs > 0.925
    assert narrow / runs < 0.85


@given(SCORES, SCORES, st.sampled_from([0.5, 0.1, 0.01]))
def test_true_positive_rates_never_allow_more_false_positives(members, control, rate):
    found = true_positive_rates(members, control, [rate])[f"{rate:g}"]
    if rate * len(control) < 1:
        assert found is None
        return
    thresholds = [t for t in np.r_[-np.inf, members, control] if (control > t).mean() <= rate]
    assert found == max((members > t).mean() for t in thresholds)


def test_true_positive_rates_of_gaussian_scores():
    rng = np.random.default_rng(4)
    found = true_positive_rates(rng.standard_normal(200_000) + 1, rng.standard_normal(200_000))
    for rate in (0.1, 0.01, 0.001):
        assert found[f"{rate:g}"] == pytest.approx(stats.norm.sf(stats.norm.isf(rate) - 1), rel=0.1)
    assert true_positive_rates(np.ones(100), np.ones(1000)) == {"0.1": 0.0, "0.01": 0.0, "0.001": 0.0}


@given(SCORES, SCORES)
def test_points_are_on_the_curve(members, control):
    points = roc_points(members, control)
    assert len(points) <= 60
    assert points[-1] == (1.0, 1.0)
    assert points[0][0] == 0.0
    attainable = {((control > t).mean(), (members > t).mean()) for t in np.r_[-np.inf, members, control]}
    assert set(points) <= attainable
    assert list(points) == sorted(points)


def test_many_scores_give_points_at_small_rates():
    rng = np.random.default_rng(5)
    points = roc_points(rng.standard_normal(50_000) + 1, rng.standard_normal(50_000))
    assert 40 <= len(points) <= 60
    assert sum(0 < false < 0.001 for false, _ in points) >= 8
