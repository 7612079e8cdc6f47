"""Limits hold the number of every table with the same marginals, and intervals that forget them miss the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.inference.estimate import Estimate, Validity
from dpsynth.inference.functional import Functional, evaluate
from dpsynth.inference.grid import grid_of
from dpsynth.inference.intervals import Bars, estimate
from dpsynth.inference.limits import ends_of
from dpsynth.inference.measured import measured_counts
from dpsynth.inference.request import parse
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.fit import fit
from dpsynth.models.random_field import RandomField
from tests.inference.worlds import ALL, CODEC, World, population, sample

GROUPS = (0, 0, 1, 1, 2)
REQUESTS = (
    "count(smoker, income)",
    "share(income) by smoker",
    "mean(age) by income",
    "mean(smoker) by income, age",
    "income ~ age",
    "income ~ age + smoker",
    "age ~ income + smoker",
)
MEASURED = (
    (("income", "age"), (None, GROUPS)),
    (("smoker", "age"), (None, GROUPS)),
    (("age",), (None,)),
)
ROWS, STDDEV, REPETITIONS = 4_000, 6.0, 60


def measured_of(table: FloatArray, stddev: float, rng: np.random.Generator | None) -> tuple[NoisyMarginal, ...]:
    """The marginals of `MEASURED` of a table of counts on `ALL`, ages in groups where they meet other columns."""
    found = []
    for clique, groups in MEASURED:
        counts = np.einsum(table, [0, 1, 2], [ALL.index(column) for column in clique])
        if groups[-1] is not None:
            counts = np.add.reduceat(counts, [0, 2, 4], axis=1)
        noise = 0.0 if rng is None else rng.normal(size=counts.shape) * stddev
        found.append(NoisyMarginal(clique, counts + noise, stddev, groups=groups))
    return tuple(found)


def released(measured: tuple[NoisyMarginal, ...], total: float) -> World:
    return World(CODEC, RandomField.independent(CODEC.domain, {}, total), measured, round(total))


def number_of(text: str, table: FloatArray) -> FloatArray:
    request = parse(text, ALL)
    grid = grid_of(CODEC, request.clique, None, [np.ones(CODEC.domain[column]) for column in request.clique])
    counts = np.einsum(table, [0, 1, 2], [ALL.index(column) for column in request.clique])
    return evaluate(request, grid, counts.reshape(-1)).values


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(REQUESTS))
def test_the_table_itself_lies_within(seed: int, text: str) -> None:
    """Any table, however its columns hang together, measured almost without noise."""
    rng = np.random.default_rng(seed)
    table = rng.multinomial(500, rng.dirichlet(np.full(20, 0.7))).reshape(2, 2, 5) + 1.0
    found = estimate(released(measured_of(table, 1e-3, None), table.sum()), text, about="table")
    number = number_of(text, table)
    known = np.isfinite(found.lows)  # else a group that may be empty: not known, and no false interval
    slack = 0.02 * (found.highs - found.lows) + 1e-2
    assert (found.lows - slack <= number)[known].all()
    assert (number <= found.highs + slack)[known].all()
    assert (found.unmeasured > 1e-3).any()


def shifted() -> FloatArray:
    """A population in which incomes rise inside every group of ages, and hardly from one group to the next."""
    table = population()
    inside = np.array([-1.0, 1.0, -1.0, 1.0, 0.0])
    high = 1 / (1 + np.exp(0.5 - 0.8 * inside))
    both = table.sum(axis=0)
    return np.stack([both * (1 - high), both * high])


def held(truth: FloatArray, text: str, repetitions: int = REPETITIONS) -> tuple[FloatArray, list[Estimate]]:
    within, found = [], []
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        table = rng.multinomial(ROWS, shifted().reshape(-1)).reshape(2, 2, 5).astype(np.float64)
        found.append(estimate(released(measured_of(table, STDDEV, rng), ROWS), text))
        within.append((found[-1].lows <= truth) & (truth <= found[-1].highs))
    return np.mean(within, axis=0), found


def test_intervals_hold_the_truth_though_groups_hide_it() -> None:
    text = "mean(age) by income"
    shares, found = held(number_of(text, shifted()), text)
    assert (shares >= binom.ppf(5e-7, REPETITIONS, 0.95) / REPETITIONS).all()
    assert (np.median([one.unmeasured / (one.highs - one.lows) for one in found], axis=0) > 0.2).all()


def test_an_interval_without_the_widening_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bars, "between", lambda self, lower, upper: self)
    text = "mean(age) by income"
    shares, _ = held(number_of(text, shifted()), text, 25)
    assert (shares < 0.6).all()


def test_ends_without_their_noise_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit itself: every young smoker's income is high that can be, and the noise decides."""
    table = np.zeros((2, 2, 5))
    table[1, 0], table[0, 1] = 1000.0, 1000.0
    inside = [(("income",), (None,)), (("smoker",), (None,))]
    monkeypatch.setattr("tests.inference.test_limits.MEASURED", tuple(inside))

    def highs() -> FloatArray:
        rngs = (np.random.default_rng(seed) for seed in range(25))
        tables = (released(measured_of(table, 30.0, rng), table.sum()) for rng in rngs)
        return np.array([estimate(one, "count(income, smoker)", about="table").highs[2] for one in tables])

    truth = table[1, 0].sum()
    assert (highs() >= truth).mean() >= 0.8
    monkeypatch.setattr(
        "dpsynth.inference.measured.MeasuredCounts.noise_variances", lambda self, gradient, _=None: gradient[0] * 0.0
    )
    assert (highs() >= truth).mean() < 0.6


def test_what_pairs_determine_is_measured() -> None:
    """Least squares needs moments of pairs of columns only, so no marginal of all of them is missed."""
    schema = dpsynth.Schema(
        [
            dpsynth.Categorical("hours", values=[10, 20, 40]),
            dpsynth.Categorical("sex", values=["F", "M"]),
            dpsynth.Categorical("age", values=[20, 30, 50, 60]),
        ]
    )
    codec = Codec(tuple(closed_codec(column) for column in schema.columns))
    table = np.random.default_rng(0).integers(20, 300, (3, 2, 4)).astype(np.float64)
    pairs = tuple(
        NoisyMarginal(clique, table.sum(axis=axis), 5.0)
        for clique, axis in ((("hours", "sex"), 2), (("hours", "age"), 1), (("sex", "age"), 0))
    )
    world = World(codec, fit(codec.domain, pairs, table.sum(), gap=1e-2), pairs, 1000)
    found = estimate(world, "hours ~ sex + age")
    hours, sex, age = np.meshgrid([10, 20, 40], [0, 1], [20, 30, 50, 60], indexing="ij")
    design = np.stack([np.ones(table.size), sex.reshape(-1), age.reshape(-1)], axis=1)
    weights = np.sqrt(table.reshape(-1))
    beta = np.linalg.lstsq(design * weights[:, None], hours.reshape(-1) * weights, rcond=None)[0]
    np.testing.assert_allclose(found.estimates, beta, rtol=1e-6)
    np.testing.assert_allclose(found.unmeasured, 0, atol=1e-5)
    np.testing.assert_allclose(found.highs - found.estimates, 1.959964 * found.stderrs, rtol=1e-4)
    assert found.validity is Validity.VALID
    assert "what was measured determines the numbers asked for" in found.words
    crossed = estimate(world, "hours ~ sex * age")
    assert (crossed.unmeasured > 0.01).all(), "an interaction takes all three at once"
    assert "marginals='hours,sex,age'" in crossed.words
    without = dataclasses.replace(world, measurements=pairs[:2])
    assert "marginals='hours,sex;hours,age;sex,age'" in estimate(without, "hours ~ sex + age").words


def test_a_measured_gradient_lies_above_in_every_cell() -> None:
    table = sample(ROWS, np.random.default_rng(1))
    measured = measured_of(table, STDDEV, np.random.default_rng(2))
    request = parse("mean(age) by income", ALL)
    grid = grid_of(CODEC, request.clique, measured[0], [np.ones(5), np.ones(2)], apart=("age",))
    modelled = np.full(grid.cells, ROWS / grid.cells)
    counts = measured_counts(CODEC, measured, grid, modelled)
    found: Functional = evaluate(request, grid, counts.counts)
    lower, upper = ends_of(request, counts, found, counts.counts)
    for end in (lower, upper):
        np.testing.assert_allclose(counts.measured_part(end.gradient), end.gradient, atol=1e-8)
    assert (upper.values > lower.values).all()
