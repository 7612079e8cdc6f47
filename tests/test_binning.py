"""Bins under privacy: generous bounds do no harm, spikes and shapes survive, everything on the grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from dpsynth.binning import (
    FEWEST_BINS,
    FINE_CELLS,
    MOST_BINS,
    PRIVTREE,
    QUANTILES,
    Binning,
    NoisyHistogram,
    bins_for,
    combined_shape,
    fences,
    find_bins,
    fine_grid,
    joined,
    planned_steps,
    zoom_cells,
)
from dpsynth.errors import SettingError
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session

PAY = dpsynth.Numeric("pay", lower=0, upper=99_999, integer=True)
BUDGET = Cost(budget_from(1.0, 1e-9).mu_squared / 10)


@pytest.fixture(params=[QUANTILES, PRIVTREE])
def method(request):
    return request.param


def binned(column, values, method, seed=0, bins=16, budget=BUDGET):
    """The codec found on these values, and the session that paid for it."""
    source = InsecureTestEntropy(seed)
    counter = MemoryCounter(ingest({column.name: values}, dpsynth.Schema([column]), PrivacyUnit(), source))
    door = Session(counter, PrivacyUnit(), budget, source)
    return find_bins(door, column, bins, budget, Binning(method=method)), door


def redrawn(codec, column, values, seed=0):
    """Values encoded and decoded again."""
    codes = codec.encode(column.tick_of(values))
    return codec.decode(codes, np.random.default_rng(seed)).to_numpy()


@pytest.mark.parametrize("upper", [10**5, 10**6, 10**7, 10**9])
@pytest.mark.parametrize("lower", [0, -(10**6)])
def test_generous_bounds_do_no_harm(lower, upper, method):
    values = np.minimum(np.random.default_rng(1).lognormal(9.8, 0.5, 40_000), 50_000).astype(int)
    column = dpsynth.Numeric("pay", lower=lower, upper=upper, integer=True)
    codec, _ = binned(column, values, method)
    again = redrawn(codec, column, values)
    assert again.mean() == pytest.approx(values.mean(), rel=0.15)
    assert np.quantile(again, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(values, [0.1, 0.5, 0.9]), rel=0.15)
    assert again.max() < 400_000


def test_cost_is_that_of_the_plan(method):
    wide = dpsynth.Numeric("wide", lower=0, upper=10**6, integer=True)
    ranged = {QUANTILES: (PAY, wide), PRIVTREE: (wide,)}[method]
    for column in (PAY, wide, dpsynth.Numeric("age", lower=0, upper=120, integer=True)):
        _, door = binned(column, np.arange(100), method)
        steps = planned_steps(column, BUDGET, Binning(method=method), PrivacyUnit())
        planned = {step.label: step.cost for step in steps}
        assert method in {step.kind for step in steps}
        assert sum(planned.values(), ZERO) == BUDGET
        assert {record.label for record in door.records} <= set(planned)
        assert all(record.cost <= planned[record.label] for record in door.records)
        assert (f"range of {column.name}" in planned) is (column in ranged)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_zoom_cells_cover_everything_in_few_cells(low, width):
    cells = zoom_cells(low, low + width)
    assert cells[0] == low
    assert cells[-1] == low + width
    assert all(one < other for one, other in itertools.pairwise(cells))
    assert len(cells) <= 2 * width.bit_length() + 33


def test_fences_are_wide_and_stay_within():
    assert fences(0, 1000, ((500, 505), (507, 510)), 4) == (460, 550)
    assert fences(0, 1000, ((507, 510), (500, 505)), 1) == (490, 520)
    assert fences(0, 1000, ((10, 20), (800, 900)), 4) == (0, 1000)


def test_little_budget_leaves_the_range_wide(method):
    """Uniform dates at the budget of one of forty columns: few fall outside what can be drawn."""
    column, outside = dpsynth.Datetime("seen", lower="2010-01-01", upper="2019-12-31"), []
    for seed in range(6):
        days = np.datetime64("2013-01-01") + np.random.default_rng(seed).integers(0, 730, 7000)
        codec, _ = binned(column, days.astype("datetime64[s]"), method, seed, budget=Cost(BUDGET.mu_squared / 20))
        drawn = redrawn(codec, column, days.astype("datetime64[s]")).astype("datetime64[D]")
        outside.append(((days < drawn.min()) | (days > drawn.max())).mean())
    assert np.mean(outside) < 0.03
    assert max(outside) < 0.10


def test_every_drawn_value_is_inside_the_found_range_or_an_atom(method):
    values = np.concatenate([np.zeros(3000), np.full(400, 99_999), np.arange(20_000, 24_000)]).astype(int)
    column = dpsynth.Numeric("pay", lower=0, upper=99_999, integer=True, atoms=(0, 99_999))
    codec, _ = binned(column, values, method)
    drawn = redrawn(codec, column, np.concatenate([values, [5, 60_000]]))
    plain = drawn[(drawn != 0) & (drawn != 99_999)]
    assert plain.min() >= 5_000
    assert plain.max() <= 60_000
    assert (drawn == 0).sum() == 3000


def test_dates_are_binned_like_numbers(method):
    column = dpsynth.Datetime("seen", lower="1900-01-01", upper="2099-12-31")
    days = np.datetime64("2019-06-01") + np.random.default_rng(0).integers(0, 300, 5000)
    codec, _ = binned(column, days.astype("datetime64[s]"), method)
    drawn = codec.decode(codec.encode(column.tick_of(days.astype("datetime64[s]"))), np.random.default_rng(0))
    assert (drawn.dt.year >= 2015).all()
    assert (drawn.dt.year <= 2025).all()


@pytest.mark.parametrize("shares", [(0.0, 0.2), (0.5, 0.5), (0.2, -0.1), (float("nan"), 0.2)])
def test_bad_shares_are_refused(shares):
    with pytest.raises(SettingError, match="range_share"):
        Binning(*shares)


def test_fine_grid_is_public_and_bounded():
    assert fine_grid(PAY, 0, PAY.ticks) == tuple(range(100_001))
    wide = dpsynth.Numeric("x", lower=0, upper=10**9, integer=True, atoms=(0, 777))
    grid = fine_grid(wide, 0, wide.ticks)
    assert len(grid) <= FINE_CELLS + 6
    assert {0, 1, 777, 778, 10**9 + 1} <= set(grid)


@pytest.mark.parametrize(("rows", "pair_mu"), [(1, 1e-9), (17_000, 0.04), (10**9, 1.0)])
def test_bins_follow_the_noise(rows, pair_mu):
    bins = bins_for(rows, pair_mu)
    assert FEWEST_BINS <= bins <= MOST_BINS
    assert bins & (bins - 1) == 0
    assert bins_for(rows * 64, pair_mu) >= bins


def test_fine_cells_that_stand_out_are_kept_and_coarse_cells_tell_the_rest():
    fine = NoisyHistogram(tuple(range(9)), np.array([900.0, 3.0, -8.0, 5.0, 2.0, 700.0, -1.0, -2.0]), 10.0)
    coarse = NoisyHistogram((0, 4, 8), np.array([960.0, 690.0]), 10.0)
    edges, counts = combined_shape(coarse, fine, (0, 3, 8), (0, 8))
    assert edges == (0, 1, 3, 4, 5, 6, 8)
    assert counts.tolist() == pytest.approx([900.0, 40.0, 20.0, 0.0, 700.0, 0.0])


def test_noise_of_many_empty_cells_does_not_drown_a_spike():
    rng = np.random.default_rng(0)
    fine = NoisyHistogram(tuple(range(20_001)), rng.normal(1, 20, 20_000), 20.0)
    fine.counts[-1] += 300
    coarse = NoisyHistogram((0, 10_000, 20_000), np.array([15.0, 290.0]), 20.0)
    edges, counts = combined_shape(coarse, fine, (0, 20_000), (0, 20_000))
    assert edges[-2] == 19_999
    assert counts[-1] / counts.sum() > 0.9


def test_bins_are_joined_to_about_equal_numbers_of_rows_and_a_spike_stays_alone():
    edges, counts = tuple(range(101)), np.full(100, 10.0)
    assert 8 <= len(joined(edges, counts, 16)) + 1 <= 16
    counts[50] = 9000.0
    cuts = joined(edges, counts, 16)
    assert {50, 51} <= set(cuts)
    assert len(cuts) + 1 <= 5  # the rows beside it are about two equal shares
    assert joined((0, 5, 9), np.zeros(2), 8) == ()
    assert joined((0, 9), np.array([3.0]), 8) == ()
    assert len(joined(edges, np.random.default_rng(0).exponential(1, 100), 4)) <= 3


def test_an_unknown_way_to_bin_is_refused():
    with pytest.raises(SettingError, match="binning"):
        Binning(method="equal")
