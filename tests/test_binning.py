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
    Binning,
    NoisyHistogram,
    bins_for,
    combined_shape,
    fences,
    find_bins,
    fine_grid,
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


def binned(column, values, seed=0, bins=16, budget=BUDGET):
    """The codec found on these values, and the session that paid for it."""
    source = InsecureTestEntropy(seed)
    counter = MemoryCounter(ingest({column.name: values}, dpsynth.Schema([column]), PrivacyUnit(), source))
    door = Session(counter, PrivacyUnit(), budget, source)
    return find_bins(door, column, bins, budget, Binning()), door


def redrawn(codec, column, values, seed=0):
    """Values encoded and decoded again."""
    codes = codec.encode(column.tick_of(values))
    return codec.decode(codes, np.random.default_rng(seed)).to_numpy()


@pytest.mark.parametrize("upper", [10**5, 10**6, 10**7, 10**9])
@pytest.mark.parametrize("lower", [0, -(10**6)])
def test_generous_bounds_do_no_harm(lower, upper):
    values = np.minimum(np.random.default_rng(1).lognormal(9.8, 0.5, 40_000), 50_000).astype(int)
    column = dpsynth.Numeric("pay", lower=lower, upper=upper, integer=True)
    codec, _ = binned(column, values)
    again = redrawn(codec, column, values)
    assert again.mean() == pytest.approx(values.mean(), rel=0.15)
    assert np.quantile(again, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(values, [0.1, 0.5, 0.9]), rel=0.15)
    assert again.max() < 400_000


def test_cost_is_that_of_the_plan():
    for column in (PAY, dpsynth.Numeric("age", lower=0, upper=120, integer=True)):
        _, door = binned(column, np.arange(100))
        planned = {step.label: step.cost for step in planned_steps(column, BUDGET, Binning(), PrivacyUnit())}
        assert sum(planned.values(), ZERO) == BUDGET
        assert {record.label for record in door.records} <= set(planned)
        assert all(record.cost <= planned[record.label] for record in door.records)
        assert (f"range of {column.name}" in planned) is (column is PAY)


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


@pytest.mark.parametrize("seed", range(4))
def test_little_budget_leaves_the_range_wide(seed):
    """Uniform dates at the budget of one of forty columns: next to nobody falls outside what can be drawn."""
    column = dpsynth.Datetime("seen", lower="2010-01-01", upper="2019-12-31")
    days = np.datetime64("2013-01-01") + np.random.default_rng(seed).integers(0, 730, 7000)
    codec, _ = binned(column, days.astype("datetime64[s]"), seed, budget=Cost(BUDGET.mu_squared / 20))
    drawn = redrawn(codec, column, days.astype("datetime64[s]")).astype("datetime64[D]")
    assert ((days < drawn.min()) | (days > drawn.max())).mean() < 0.05


def test_every_drawn_value_is_inside_the_found_range_or_an_atom():
    values = np.concatenate([np.zeros(3000), np.full(400, 99_999), np.arange(20_000, 24_000)]).astype(int)
    column = dpsynth.Numeric("pay", lower=0, upper=99_999, integer=True, atoms=(0, 99_999))
    codec, _ = binned(column, values)
    drawn = redrawn(codec, column, np.concatenate([values, [5, 60_000]]))
    plain = drawn[(drawn != 0) & (drawn != 99_999)]
    assert plain.min() >= 5_000
    assert plain.max() <= 60_000
    assert (drawn == 0).sum() == 3000


def test_dates_are_binned_like_numbers():
    column = dpsynth.Datetime("seen", lower="1900-01-01", upper="2099-12-31")
    days = np.datetime64("2019-06-01") + np.random.default_rng(0).integers(0, 300, 5000)
    codec, _ = binned(column, days.astype("datetime64[s]"))
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
