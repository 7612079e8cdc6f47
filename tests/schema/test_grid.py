from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpsynth.errors import SettingError
from dpsynth.schema import Datetime, Numeric


@pytest.mark.parametrize("values", [np.array(["secret"]), np.array([None, 1.0]), np.array([b"secret"])])
def test_tick_of_refuses_other_types_without_quoting_them(values: Any) -> None:
    for column in (Numeric("x", lower=0, upper=1), Datetime("t", lower="2015-01-01", upper="2024-12-31")):
        with pytest.raises(SettingError) as caught:
            column.tick_of(values)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("ticks", [[-1], [11]])
def test_value_of_refuses_ticks_outside_the_grid(ticks: list[int]) -> None:
    with pytest.raises(SettingError, match=r"ticks of 'x' must lie in 0\.\.10"):
        Numeric("x", lower=0, upper=10, integer=True).value_of(np.array(ticks))


def test_cut_ticks_start_bins_at_the_edge() -> None:
    column = Numeric("x", lower=0, upper=10, integer=True, edges=[0, 2.5, 5, 10])
    assert column.cut_ticks == (3, 5)
    assert Numeric("x", lower=0, upper=1, edges=[0.25]).cut_ticks == (2**18,)
    dates = Datetime("t", lower="2024-01-01", upper="2024-12-31", edges=["2024-02-01", "2024-12-31"])
    assert dates.cut_ticks == (31,)
    assert Numeric("x", lower=0, upper=10).cut_ticks == ()
