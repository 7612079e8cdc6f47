"""The comparison with noisy counts: from released numbers alone, right, and able to see a table that is off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.report.fidelity import NEAR, Fidelity, fidelity, one_way


@pytest.fixture(scope="module")
def found(place: Any) -> Fidelity:
    return fidelity(dpsynth.load(place.release))


def test_every_column_is_compared(place: Any, found: Fidelity) -> None:
    release = dpsynth.load(place.release)
    assert [each.column for each in found.columns] == list(release.codec.domain.columns)
    assert found.unmeasured == ()
    for each in found.columns:
        assert len(each.labels) == each.measured.size == each.synthetic.size
        assert each.synthetic.sum() == pytest.approx(release.model.total, rel=1e-9)
    assert found.cells == sum(len(each.labels) for each in found.columns)


def test_counts_are_those_of_the_table(place: Any, found: Fidelity) -> None:
    release = dpsynth.load(place.release)
    table, scale = release.table, release.model.total / release.rows
    sex = next(each for each in found.columns if each.column == "sex")
    expected = [(table["sex"] == "F").sum(), (table["sex"] == "M").sum(), table["sex"].isna().sum()]
    assert sex.synthetic / scale == pytest.approx(expected)
    age = next(each for each in found.columns if each.column == "age")
    cut = pd.cut(table["age"], [-1, 17, 29, 44, 64, 99]).value_counts(sort=False)
    assert age.synthetic / scale == pytest.approx(cut.to_numpy())
    smoker = next(each for each in found.columns if each.column == "smoker")
    assert smoker.synthetic.max() / scale == pytest.approx(max(table["smoker"].sum(), (~table["smoker"]).sum()))
    city = next(each for each in found.columns if each.column == "city")
    assert dict(zip(city.labels, city.synthetic / scale, strict=True))["Oslo"] == pytest.approx(
        (table["city"] == "Oslo").sum()
    )


def test_a_table_that_keeps_the_counts_is_near(found: Fidelity) -> None:
    assert found.near == len(found.columns)


def test_a_table_that_is_off_is_far(place: Any) -> None:
    release = dpsynth.load(place.release)
    table = release.table.assign(sex="F")
    spoiled = replace(release, stored=None)
    spoiled.__dict__["table"] = table
    sex = next(each for each in fidelity(spoiled).columns if each.column == "sex")
    assert sex.typical > NEAR
    assert sex.near < len(sex.labels)


def marginal(clique: tuple[str, ...], shape: tuple[int, ...], stddev: float, **more: Any) -> NoisyMarginal:
    return NoisyMarginal(clique, np.ones(shape), stddev, **more)


def test_the_least_noise_wins_and_sums_add_it() -> None:
    wide, narrow = marginal(("a", "b"), (2, 9), 2.0), marginal(("a",), (2,), 7.0)
    best = one_way("a", [narrow, wide])
    assert best is not None
    assert best.stddev == pytest.approx(6.0)
    assert best.values.tolist() == [9.0, 9.0]
    grouped = marginal(("a",), (1,), 0.1, groups=((0, 0),))
    assert one_way("a", [grouped, narrow]) is narrow or one_way("a", [grouped, narrow]).stddev == 7.0  # type: ignore[union-attr]
    assert one_way("a", [marginal(("a",), (2,), 1.0, basis=Basis.RESIDUAL)]) is None
    assert one_way("b", [narrow]) is None


def test_grouped_counts_are_compared_in_groups(place: Any) -> None:
    release = dpsynth.load(place.release)
    size = release.codec["age"].size
    cells = tuple(min(code, 1) for code in range(size))
    one = NoisyMarginal(("age",), np.array([10.0, 20.0]), 3.0, Basis.IDENTITY, (cells,))
    spoiled = replace(release, measurements=(one,))
    found = fidelity(spoiled)
    assert [each.column for each in found.columns] == ["age"]
    assert found.columns[0].labels[1].endswith(f"and {size - 2} more")
    assert "sex" in found.unmeasured
