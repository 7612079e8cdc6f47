"""Intervals hold the truth as often as they say, in repeated samples from a known population; a planted bug does not.

Bounds are of a binomial law with a chance of one in a million to be missed for each number, with fixed seeds.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom

from dpsynth.errors import SettingError
from dpsynth.inference.coverage import coverage
from dpsynth.inference.estimate import Validity
from dpsynth.inference.intervals import estimate
from dpsynth.inference.measured import MeasuredCounts
from dpsynth.inference.released import Design
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.mixture import Mixture
from tests.inference.worlds import ALL, CODEC, World, measure, noisy, population, sample

ROWS, STDDEV, REPETITIONS = 2_000, 9.0, 150
REQUESTS = ("count(smoker, income)", "share(age) by smoker", "mean(age) by income", "income ~ age + smoker")
LOWEST, HIGHEST = binom.ppf([5e-7, 1 - 5e-7], REPETITIONS, 0.95) / REPETITIONS


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """End to end, beside the self-test: tables come from the population and not from a model."""
    text = "income ~ age + smoker"
    exact = measure(population() * ROWS, [ALL, ("age",)], STDDEV, None)
    truth = estimate(exact, text).estimates
    held = []
    for seed in range(REPETITIONS):
        rng = np.random.default_rng(seed)
        found = estimate(
            dataclasses.replace(exact, measurements=noisy(sample(ROWS, rng), [ALL, ("age",)], STDDEV, rng)), text
        )
        held.append((found.lows <= truth) & (truth <= found.highs))
    assert (np.mean(held, axis=0) >= LOWEST).all()
    assert (np.mean(held, axis=0) <= HIGHEST).all()


@pytest.mark.parametrize("text", REQUESTS)
def test_the_self_test_finds_that_intervals_hold(text: str) -> None:
    released = measure(sample(ROWS, np.random.default_rng(1)), [ALL], STDDEV, np.random.default_rng(2))
    found = coverage(released, text, repetitions=REPETITIONS)
    assert (found.held >= LOWEST).all()
    assert (found.held <= HIGHEST).all()
    assert (found.widths > 1).all()
    assert (found.naive_held < LOWEST).any(), "the world is noisy enough for the naive interval to fail"


def test_the_self_test_finds_forgotten_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(self: MeasuredCounts, gradient: FloatArray, progress: object = None) -> FloatArray:
        return np.zeros(gradient.shape[1])

    monkeypatch.setattr(MeasuredCounts, "noise_variances", forgotten)
    released = measure(sample(ROWS, np.random.default_rng(1)), [ALL], STDDEV, np.random.default_rng(2))
    assert (coverage(released, "mean(age) by income", repetitions=REPETITIONS).held < LOWEST).any()


def test_without_noise_only_sampling_is_left() -> None:
    released = measure(sample(ROWS, np.random.default_rng(3)), [ALL], 1e-6, None)
    found = estimate(released, "mean(age)")
    assert found.noise_shares[0] < 1e-6
    np.testing.assert_allclose(found.stderrs, (found.naive_highs - found.naive_lows) / 2 / 1.959964, rtol=1e-3)
    about_table = estimate(released, "mean(age)", about="table")
    assert about_table.stderrs[0] < 1e-6


def test_validity_is_read_off_the_structure() -> None:
    counts, rng = sample(ROWS, np.random.default_rng(4)), np.random.default_rng(5)
    together = measure(counts, [ALL], 2.0, rng)
    assert estimate(together, "income ~ age").validity is Validity.VALID
    chosen = dataclasses.replace(together, design=Design(chosen=True))
    assert estimate(chosen, "income ~ age").validity is Validity.APPROXIMATE
    assert estimate(chosen, "mean(age)").validity is Validity.VALID, "every column was measured by itself anyway"
    of_people = dataclasses.replace(together, design=Design(rows_of_a_unit=3))
    assert "one unit may have several rows" in estimate(of_people, "mean(age)").words
    assert estimate(of_people, "mean(age)", about="table").validity is Validity.VALID
    apart = measure(counts, [("income", "age"), ("age", "smoker")], 2.0, rng)
    across = estimate(apart, "share(income) by smoker")
    assert across.validity is Validity.VALID
    assert "no measured marginal holds income and smoker together, so the interval is widened" in across.words
    assert "only through age" in across.words
    assert "direct" in across.words
    assert (across.unmeasured > 0).all()
    alone = measure(counts, [("income",), ("age",), ("smoker",)], 2.0, rng)
    regression = estimate(alone, "income ~ smoker")
    assert regression.validity is Validity.APPROXIMATE
    assert "as if they were independent" in regression.words


def test_faint_groups_are_named() -> None:
    released = measure(sample(200, np.random.default_rng(6)), [ALL], 20.0, np.random.default_rng(7))
    found = estimate(released, "mean(smoker) by age")
    assert found.validity is not Validity.VALID
    assert "noise is large beside the rows behind age = " in found.words


def test_limits_need_no_model_that_measurements_determine() -> None:
    """Independent columns of a mixture, and one-ways of 60 and 50 of 100 rows: 10 to 50 rows have both."""
    even = tuple(np.full((1, CODEC.domain[column]), 1 / CODEC.domain[column]) for column in ALL)
    model = Mixture(CODEC.domain, np.array([1.0]), even, 100.0)
    one_ways = tuple(
        NoisyMarginal((column,), np.array(rows), 1e-3)
        for column, rows in (("income", [40.0, 60.0]), ("smoker", [50.0, 50.0]))
    )
    found = estimate(World(CODEC, model, one_ways, 100), "count(income, smoker)", about="table")
    np.testing.assert_allclose(found.lows, [0, 0, 10, 10], atol=0.01)
    np.testing.assert_allclose(found.highs, [40, 40, 50, 50], atol=0.01)
    assert "as if they" not in found.words
    assert "by assumption" in found.words


def test_columns_that_were_never_counted_may_be_anything() -> None:
    released = measure(sample(100, np.random.default_rng(8)), [("age",)], 2.0, None)
    found = estimate(released, "share(income) by smoker")
    np.testing.assert_allclose(found.lows, 0, atol=1e-6)
    np.testing.assert_allclose(found.highs, 1, atol=1e-6)
    nothing = estimate(dataclasses.replace(released, measurements=()), "share(income) by smoker")
    assert nothing.validity is Validity.NOT_VALID
    assert "no noisy count was released" in nothing.words
    assert np.isnan(nothing.lows).all()


def test_what_has_too_many_cells_for_limits_has_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpsynth.inference.intervals.MOST_OPEN_CELLS", 3)
    released = measure(sample(100, np.random.default_rng(8)), [("age",), ("income",), ("smoker",)], 2.0, None)
    found = estimate(released, "share(income) by smoker")
    assert found.validity is Validity.NOT_VALID
    assert "there is no valid interval" in found.words
    assert np.isnan(found.lows).all()
    assert np.isfinite(found.estimates).all()
    assert np.isfinite(found.naive_lows).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"about": "rows"}, "population"), ({"level": 1.0}, "between 0 and 1")],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    released = measure(sample(100, np.random.default_rng(9)), [("age",), ("income",)], 1.0, None)
    with pytest.raises(SettingError, match=said):
        estimate(released, "income ~ age", **options)  # type: ignore[arg-type]


def test_inside_groups_the_table_itself_is_not_known_either() -> None:
    """Ages 20 or 30, 40 or 50: with no finer count, the mean lies anywhere between."""
    released = measure(sample(ROWS, np.random.default_rng(3)), [ALL], 1e-6, None)
    grouped = NoisyMarginal(("age",), np.array([900.0, 1000.0, 100.0]), 1e-6, groups=((0, 0, 1, 1, 2),))
    found = estimate(dataclasses.replace(released, measurements=(grouped,)), "mean(age)", about="table")
    ends = [(900 * low + 1000 * (low + 20)) / 1900 for low in (20, 30)]
    np.testing.assert_allclose([found.lows[0], found.highs[0]], ends, rtol=1e-6)
    np.testing.assert_allclose(found.unmeasured, 10.0, rtol=1e-6)
    assert "age was measured in 3 groups only" in found.words


def test_what_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpsynth.inference.intervals.MOST_ENTRIES", 30)
    with pytest.raises(SettingError, match="got 10 for 10 rows; try fewer columns"):
        estimate(measure(sample(100, np.random.default_rng(9)), [ALL], 1.0, None), "count(smoker, age)")


def test_a_mean_of_labels_is_refused() -> None:
    released = measure(sample(100, np.random.default_rng(9)), [ALL], 1.0, None)
    with pytest.raises(SettingError, match=r"try 'share\(income\)'"):
        estimate(released, "mean(income)")
