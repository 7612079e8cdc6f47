"""The combining rules for fully synthetic tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import dpsynth
from dpsynth.errors import SettingError


def tables(rng: np.random.Generator, count: int, variance: float, within: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of 2000 releases of `count` tables each, the truth being zero."""
    posterior = rng.normal(0, np.sqrt(variance), 2000)
    drawn = posterior + rng.normal(0, np.sqrt(variance + within), (count, 2000))
    return drawn, np.full_like(drawn, within)


@pytest.mark.parametrize(("count", "variance", "within"), [(5, 4.0, 0.5), (20, 1.0, 0.5), (50, 1.0, 1.0)])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int, variance: float, within: float) -> None:
    found = dpsynth.combine(*tables(np.random.default_rng(0), count, variance, within))
    lowest = binom.ppf(1e-6, 2000, 0.95) / 2000
    held = ((found.lows <= 0) & (found.highs >= 0)).mean()
    assert held >= lowest
    if count > 5:
        np.testing.assert_allclose(np.median(found.stderrs**2), variance + (variance + within) / count, rtol=0.2)


def test_rules_for_partly_synthetic_tables_would_be_caught() -> None:
    """Rubin's rule for missing data adds the variance within; ours takes it off."""
    drawn, within = tables(np.random.default_rng(1), 20, 1.0, 3.0)
    wrong = (1 + 1 / 20) * drawn.var(axis=0, ddof=1) + within.mean(axis=0)
    right = dpsynth.combine(drawn, within).stderrs ** 2
    assert np.median(wrong) > 2 * np.median(right)


def test_a_negative_variance_falls_back_on_the_variance_within() -> None:
    found = dpsynth.combine([1.0, 1.0, 1.0], [0.3, 0.4, 0.5], rows_ratio=2.0)
    assert float(found.stderrs) == pytest.approx(np.sqrt(0.8))
    assert float(found.degrees) == 2.0


@pytest.mark.parametrize(
    ("estimates", "variances", "options"),
    [([1.0], [1.0], {}), ([1.0, 2.0], [1.0], {}), ([1, 2], [1, 1], {"level": 0}), ([1, 2], [1, 1], {"rows_ratio": 0})],
)
def test_wrong_shapes_and_numbers_are_refused(
    estimates: list[float], variances: list[float], options: dict[str, float]
) -> None:
    with pytest.raises(SettingError):
        dpsynth.combine(estimates, variances, **options)
