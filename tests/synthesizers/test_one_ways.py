"""What follows from noisy one-ways for free: total, projection, merging of rare codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize

from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.schema.columns import Categorical
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, merge_rare, project_to_simplex


def codec_of(**sizes: int) -> Codec:
    return Codec(tuple(closed_codec(Categorical(name, values=range(size))) for name, size in sizes.items()))


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e4, 1e4)), st.floats(1.0, 1e5))
def test_projection_is_on_the_simplex_and_nearest(values, total):
    projected = project_to_simplex(values, total)
    assert projected.min() >= 0
    assert projected.sum() == pytest.approx(total, rel=1e-6)
    # Optimality (KKT): moved by one constant where positive, by at least that much where cut at 0.
    shift = (values - projected)[projected > 0]
    assert np.ptp(shift) <= 1e-6 * max(1.0, np.abs(values).max(), total)
    assert (values[projected == 0] <= shift.max() + 1e-6 * max(1.0, total)).all()


def test_projection_agrees_with_a_general_solver():
    values = np.array([5.0, -2.0, 3.0, 0.1])
    solved = minimize(
        lambda x: ((x - values) ** 2).sum(),
        np.full(4, 1.0),
        bounds=[(0, None)] * 4,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 4.0},
    )
    assert project_to_simplex(values, 4.0) == pytest.approx(solved.x, abs=1e-4)


def test_total_is_weighted_by_inverse_variance():
    rng = np.random.default_rng(0)
    totals = []
    for _ in range(300):
        one = NoisyMarginal(("a",), 500 + rng.normal(0, 3, 2), 3.0)
        other = NoisyMarginal(("b",), 10 + rng.normal(0, 30, 100), 30.0)
        totals.append(estimate_total([one, other]))
    assert np.std(totals) < 1.2 * np.sqrt(2) * 3.0  # as good as the better of the two
    assert np.mean(totals) == pytest.approx(1000, abs=2)
    assert estimate_total([NoisyMarginal(("a",), np.array([-5.0, -9.0]), 1.0)]) == 1.0


def test_rare_codes_are_merged_and_drawn_again_in_proportion():
    codec = codec_of(a=6, b=2)
    one_ways = (
        NoisyMarginal(("a",), np.array([900.0, 5.0, -4.0, 800.0, 15.0, 29.0]), 10.0),
        NoisyMarginal(("b",), np.array([900.0, 1.0]), 10.0),
    )
    merged, on_merged = merge_rare(codec, one_ways, 3.0)
    assert merged.domain.sizes == (3, 2)  # b has one rare code only: nothing to merge it with
    assert on_merged[0].values.tolist() == [900.0, 800.0, 45.0]
    codes = merged.encode_column("a", np.arange(6))
    assert codes.tolist() == [0, 2, 2, 1, 2, 2]
    drawn = merged.decode({"a": np.full(4900, 2), "b": np.zeros(4900, dtype=int)}, 4900, np.random.default_rng(1))
    shares = drawn["a"].value_counts(normalize=True)
    assert set(shares.index) == {1, 4, 5}  # the negative count is never drawn
    assert shares[5] == pytest.approx(29 / 49, abs=0.05)


def test_grouped_one_ways_are_refused():
    grouped = NoisyMarginal(("a",), np.array([1.0, 2.0]), 1.0, groups=((1, 0),))
    for refused in (
        lambda: merge_rare(codec_of(a=2), [grouped], 3.0),
        lambda: independent_model(codec_of(a=2), [grouped], 3.0),
    ):
        with pytest.raises(SettingError, match="grouped codes"):
            refused()


@pytest.mark.parametrize("values", [[1.0, 2.0], [100.0, 200.0]])
def test_all_rare_or_all_common_columns_stay(values):
    codec = codec_of(a=2)
    merged, on_merged = merge_rare(codec, (NoisyMarginal(("a",), np.array(values), 10.0),), 3.0)
    assert merged.domain == codec.domain
    assert on_merged[0].values.tolist() == values


def test_independent_model_multiplies_projected_one_ways():
    codec = codec_of(a=2, b=3)
    one_ways = [
        NoisyMarginal(("a",), np.array([30.0, 70.0]), 1.0),
        NoisyMarginal(("b",), np.array([-5.0, 50.0, 55.0]), 1.0),
    ]
    model = independent_model(codec, one_ways, 100.0)
    assert model.project(("a", "b")) == pytest.approx(np.outer([30.0, 70.0], [0.0, 0.475, 0.525]))
