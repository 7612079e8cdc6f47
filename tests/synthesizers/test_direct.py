"""Direct: exactly the named marginals are measured, and fitted together."""

from __future__ import annotations

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.synthesizers.direct import Direct

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(2)) for name in "abcd"])


def xor_table(rows: int = 6000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    return {"a": a, "b": b, "c": a ^ b, "d": rng.integers(0, 2, rows)}


@pytest.mark.parametrize("marginals", ["a,b,c", "c , b,a; ", [["a", "b", "c"]], [("b", "a", "c")]])
def test_named_marginals_and_remaining_one_ways_are_measured(marginals):
    release = dpsynth.synthesize(
        xor_table(), SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="direct", settings={"marginals": marginals}
    )
    assert {one.clique for one in release.measurements} == {("a", "b", "c"), ("d",)}
    table = release.table
    assert ((table["a"] ^ table["b"]) == table["c"]).mean() > 0.97  # a three-way fact that no pair shows


@pytest.mark.parametrize("marginals", ["", ";", (), [[]]])
def test_no_marginals_is_an_error(marginals):
    with pytest.raises(SettingError, match="at least one clique"):
        Direct(marginals)
