"""Distances equal those of a slow plain reference, on few cells and on many."""

from __future__ import annotations

import collections
import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.forecast.distance import Measured

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("a", values=["x", "y", "z"], nullable=True),
        dpsynth.OpenCategorical("city"),
        dpsynth.Numeric("n", lower=0, upper=9, integer=True),
    ]
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["x", "y", "z", None]), st.sampled_from(["Oslo", "Rome"]), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


def table(rows: list[tuple[object, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["a", "city", "n"])
    return frame.assign(a=frame["a"].astype(object))


def plain(one: list[tuple[object, ...]], other: list[tuple[object, ...]], ways: int) -> float:
    """Mean total variation distance by counting tuples."""
    found = []
    for places in itertools.combinations(range(3), ways):
        shares = [
            {cell: count / len(rows) for cell, count in counted.items()}
            for rows in (one, other)
            for counted in [collections.Counter(tuple(row[place] for place in places) for row in rows)]
        ]
        cells = shares[0].keys() | shares[1].keys()
        found.append(sum(abs(shares[0].get(cell, 0) - shares[1].get(cell, 0)) for cell in cells) / 2)
    return float(np.mean(found))


@settings(max_examples=12)
@given(ROWS, ROWS)
@pytest.mark.parametrize("dense", [2_000_000, 1])
def test_they_are_those_of_plain_counting(dense: int, one: list, other: list) -> None:
    # Numbers that the first table lacks share a cell with its next lower one, so both hold all of them here.
    one, other = [*one, *(("x", "Oslo", n) for n in range(10))], [*other, ("y", "Moss", 3)]
    module = sys.modules["dpsynth.forecast.distance"]
    kept, module.DENSE_CELLS = module.DENSE_CELLS, dense
    try:
        found = Measured(dpsynth.ticked(table(one), SCHEMA)).distances(dpsynth.ticked(table(other), SCHEMA))
    finally:
        module.DENSE_CELLS = kept
    assert (found.one_way, found.two_way, found.three_way) == pytest.approx([plain(one, other, k) for k in (1, 2, 3)])
    assert found.total == pytest.approx((found.one_way + found.two_way + found.three_way) / 3)


def test_a_count_is_off_by_rows_of_the_first_table() -> None:
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=[0, 1, 2])])
    one, other = (
        dpsynth.ticked({"a": np.array(values)}, schema) for values in ([0] * 60 + [1] * 40, [0] * 5 + [1] * 5)
    )
    assert Measured(one).distances(other).counts[0] == pytest.approx(10)  # 60 and 40 against 50 and 50; 2 is empty


def test_many_numbers_are_cut_into_twentieths() -> None:
    schema = dpsynth.Schema([dpsynth.Numeric("n", lower=0, upper=999, integer=True)])
    ramp = dpsynth.ticked({"n": np.arange(1000)}, schema)
    shifted = dpsynth.ticked({"n": np.minimum(np.arange(1000) + 50, 999)}, schema)
    assert Measured(ramp).distances(ramp).total == 0
    assert Measured(ramp).distances(shifted).one_way == pytest.approx(0.05)
