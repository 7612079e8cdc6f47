"""Means and variances of codes, beside those of many decoded values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec, OpenCodec
from dpsynth.codec.codec import ColumnCodec, closed_codec
from dpsynth.codec.merged import MergedCodec
from dpsynth.codec.values import code_values
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Numeric, OpenCategorical


@st.composite
def binned(draw: st.DrawFn) -> BinnedCodec:
    ticks = draw(st.integers(4, 60))
    cuts = sorted(draw(st.sets(st.integers(1, ticks - 1), max_size=4)))
    atoms = sorted(draw(st.sets(st.integers(0, ticks - 1), max_size=4)))
    fine = sorted(draw(st.sets(st.integers(1, ticks - 1), max_size=6)))
    counts = [draw(st.sampled_from([-3.0, 0.0, 1.0, 20.0])) for _ in range(len(fine) + 1)]
    column = Numeric("x", lower=-2, upper=round((ticks - 21) / 10, 1), decimals=1, nullable=draw(st.booleans()))
    return BinnedCodec(column, (0, *cuts, ticks), tuple(atoms), (0, *fine, ticks), tuple(counts))


def decoded(codec: ColumnCodec, code: int) -> np.ndarray:
    values = codec.decode(np.full(4000, code), np.random.default_rng(0))
    return values.dropna().to_numpy(dtype=float)


@given(binned(), st.data())
def test_moments_are_those_of_decoded_values(codec: BinnedCodec, data: st.DataObject) -> None:
    merged = data.draw(st.booleans())
    groups = tuple(code // 2 for code in range(codec.size))
    one: ColumnCodec = MergedCodec(codec, groups, tuple(range(1, codec.size + 1))) if merged else codec
    values, code = code_values(one), data.draw(st.integers(0, one.size - 1))
    drawn = decoded(one, code)
    assert values.present[code] == pytest.approx(len(drawn) / 4000, abs=1e-3)
    if len(drawn):
        assert values.means[code] == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(len(drawn)) + 1e-9)
        assert values.variances[code] == pytest.approx(drawn.var(), rel=0.15, abs=1e-9)


def test_labels_are_numbers_when_all_of_them_are() -> None:
    ages = code_values(CategoricalCodec(Categorical("age", values=[1, 5], nullable=True)))
    assert ages.numeric
    assert ages.exact
    assert ages.means[:2].tolist() == [1, 5]
    assert ages.present.tolist() == [1, 1, 0]
    smoker = code_values(CategoricalCodec(Boolean("smoker", labels=["no", "yes"])))
    assert smoker.means.tolist() == [0, 1]
    for column in (
        CategoricalCodec(Categorical("sex", values=["F", 2])),
        OpenCodec(OpenCategorical("city"), ("Oslo",)),
    ):
        assert not code_values(column).numeric


def test_dates_and_times_are_days_since_their_lower_bound() -> None:
    days = code_values(
        closed_codec(Datetime("day", lower="2020-01-01", upper="2020-01-10", edges=["2020-01-05"], nullable=True))
    )
    assert days.means.tolist() == [1.5, 6.5, 0.0]
    assert days.present.tolist() == [1, 1, 0]
    np.testing.assert_allclose(days.variances, [15 / 12, 35 / 12, 0])
    hours = code_values(
        closed_codec(Datetime("seen", lower="2020-01-01", upper="2020-01-02", resolution="hour", edges=["2020-01-02"]))
    )
    np.testing.assert_allclose(hours.means, [11.5 / 24, 35.5 / 24])


def test_a_wide_column_keeps_its_digits() -> None:
    wide = Numeric("pay", lower=0, upper=2**40, integer=True, edges=[2**39])
    values = code_values(closed_codec(wide))
    np.testing.assert_allclose(values.means, [(2**39 - 1) / 2, (2**39 + 2**40) / 2], rtol=1e-12)
    np.testing.assert_allclose(values.variances[0], (2.0**78 - 1) / 12, rtol=1e-9)
