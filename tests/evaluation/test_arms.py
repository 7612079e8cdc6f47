"""Floor and ceiling: what copies and shuffled columns reach."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dpsynth.evaluation.arms import Best, Figure, Spread, arms, figures
from dpsynth.evaluation.marginals import marginal_errors
from dpsynth.evaluation.table import Table


def errors(real: Table, other: Table) -> dict[str, float]:
    return marginal_errors(real.codes, other.codes, real.sizes, [1, 2])


def linked(rows: int, rng: np.random.Generator) -> Table:
    a = rng.integers(0, 4, rows)
    return Table.of_codes({"a": a, "b": (a + (rng.random(rows) < 0.2)) % 4}, {"a": 4, "b": 4})


def spread(value: float, width: float = 0.0) -> Spread:
    return Spread(value, value - width / 2, value + width / 2)


def test_closeness_goes_from_floor_to_ceiling() -> None:
    assert Figure("x", "lower", spread(0.15), spread(0.2), spread(0.1)).closeness == pytest.approx(0.5)
    assert Figure("x", "higher", spread(0.6), spread(0.5), spread(0.9)).closeness == pytest.approx(0.25)
    assert Figure("x", "lower", spread(0.3), spread(0.2), spread(0.1)).closeness == pytest.approx(-1)


def test_where_chance_parts_the_arms_nothing_is_said() -> None:
    assert Figure("x", "lower", spread(0.1), spread(0.12, 0.05), spread(0.1)).closeness is None
    assert Figure("x", "lower", spread(0.1), spread(0.12, 0.03), spread(0.1)).closeness == pytest.approx(1)
    assert Figure("x", "lower", spread(0.1), spread(0.1), spread(0.1)).closeness is None
    assert Figure("x", "lower", spread(math.nan), spread(0.2), spread(0.1)).closeness is None


@pytest.mark.parametrize(("shuffled", "reached"), [(False, 1.0), (True, 0.0)])
def test_a_further_sample_reaches_the_ceiling_and_shuffled_columns_the_floor(shuffled: bool, reached: float) -> None:
    rng = np.random.default_rng(2)
    private, synthetic = linked(4000, rng), linked(4000, rng)
    if shuffled:
        synthetic = synthetic.shuffled(rng)
    two_way = arms(private, synthetic, [], None, repeats=3, seed=0).compare(errors, "lower")[1]
    assert two_way.closeness == pytest.approx(reached, abs=0.1)


def test_all_arms_have_as_many_rows_and_halves_share_none() -> None:
    rng = np.random.default_rng(3)
    private, few = linked(801, rng), linked(50, rng)
    split = arms(private, few, [], None, repeats=2, seed=0)
    for each in split.repeats:
        assert each.real.rows == each.shuffled.rows == each.synthetic.rows == 400
        assert each.test.rows == 401
        assert not set(each.places[0].tolist()) & set(each.places[1].tolist())
    again = arms(private, few, [], None, repeats=2, seed=0)
    assert all((a.places[1] == b.places[1]).all() for a, b in zip(split.repeats, again.repeats, strict=True))
    other = arms(private, few, [], None, repeats=2, seed=1)
    assert (split.repeats[0].places[1] != other.repeats[0].places[1]).any()


def test_a_holdout_is_the_test_table() -> None:
    rng = np.random.default_rng(4)
    private, holdout = linked(400, rng), linked(90, rng)
    split = arms(private, private, [], holdout, repeats=2, seed=0)
    assert {each.test.rows for each in split.repeats} == {90}


def test_the_whole_figure_is_of_all_rows() -> None:
    rng = np.random.default_rng(5)
    private, other = linked(500, rng), linked(300, rng)
    figure = arms(private, other, [], None, repeats=1, seed=0).compare(errors, "lower")[0]
    assert figure.whole == errors(private, other)["error1"]


def test_a_value_that_some_repeats_lack_is_averaged_over_the_others() -> None:
    made = figures([({"x": 1.0}, {}, {"x": 2.0}), ({"x": 3.0}, {}, {"x": 2.0})], "lower", {})
    assert made[0].synthetic == Spread(2.0, 1.0, 3.0)
    assert math.isnan(made[0].floor.value)


@pytest.mark.parametrize(("best", "ceiling"), [("lower", 0.4), ("higher", 0.2), (0.5, 0.2)])
def test_a_floor_above_its_ceiling_measures_no_way(best: Best, ceiling: float) -> None:
    def figure(end: float) -> Figure:
        return Figure("x", best, *(Spread.of([each]) for each in (0.9, 0.3, end)))

    assert figure(ceiling).closeness is None
    assert figure(0.6 - ceiling).closeness is not None
