"""Noisy marginals and the residual projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal, residual

TABLES = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-100, 100))


@given(TABLES)
def test_residual_is_a_projection_that_no_smaller_marginal_sees(table):
    part = residual(table)
    assert residual(part) == pytest.approx(part, abs=1e-9)
    for axis in range(table.ndim):
        assert part.sum(axis=axis) == pytest.approx(0, abs=1e-9)
    assert (part * (table - part)).sum() == pytest.approx(0, abs=1e-6)


def test_bad_marginals_are_refused():
    with pytest.raises(SettingError, match="axis"):
        NoisyMarginal(("a", "b"), np.zeros(3), 1.0)
    with pytest.raises(SettingError, match="positive"):
        NoisyMarginal(("a",), np.zeros(3), float("nan"))
