"""Noisy marginals and the residual projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal, refuse_grouped, residual

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


def test_groups_say_which_cell_each_code_falls_into():
    one = NoisyMarginal(("a", "b"), np.zeros((2, 3)), 1.0, groups=([0, 0, 1, 1], None))
    assert one.groups == ((0, 0, 1, 1), None)
    assert NoisyMarginal(("a", "b"), np.zeros((2, 3)), 1.0, groups=(None, None)).groups == ()
    assert NoisyMarginal((), np.array(1.0), 1.0).groups == ()


@pytest.mark.parametrize(
    "groups",
    [
        ((0, 1),),
        ((0, 1), None, None),
        ((0, 1, 2), None),
        ((0, 0), None),
        ((0, 2), None),
        ((1, 2), None),
        ((-1, 0, 1), None),
        ((0, 10**18), None),
        ((), None),
        ((0.0, 1.0), None),
        ((False, True), None),
        (("0", "1"), None),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups):
    with pytest.raises(SettingError, match="groups"):
        NoisyMarginal(("a", "b"), np.zeros((2, 3)), 1.0, groups=groups)


def test_grouped_measurements_are_refused_by_name():
    whole = NoisyMarginal(("a",), np.zeros(2), 1.0)
    refuse_grouped([whole])
    # As many cells as codes, in another order: nothing but the groups tells.
    swapped = NoisyMarginal(("b",), np.zeros(2), 1.0, groups=((1, 0),))
    with pytest.raises(SettingError, match=r"measurement of \('b',\) must have a cell for each code"):
        refuse_grouped([whole, swapped])
