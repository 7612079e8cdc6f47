"""Figures draw what they are given, and say it."""

from __future__ import annotations

from dpsynth.evaluation import plots
from dpsynth.evaluation.arms import Figure, Spread
from dpsynth.evaluation.fairness import Group


def figure(name: str, synthetic: float, floor: float, ceiling: float) -> Figure:
    return Figure(name, "lower", *(Spread(each, each, each) for each in (synthetic, floor, ceiling)))


def test_a_figure_that_cannot_tell_has_no_dot() -> None:
    svg = plots.rulers([figure("one", 0.15, 0.2, 0.1), figure("two", 0.1, 0.1, 0.1)], "r").html
    assert svg.count("synthetic-dot") == 1
    assert "ranges of floor and ceiling overlap" in svg
    assert "one 50%" in svg


def test_a_figure_below_its_floor_stays_within_the_drawing() -> None:
    svg = plots.rulers([figure("worse", 0.9, 0.2, 0.1), figure("better", 0.0, 0.2, 0.1)], "r").html
    places = [float(each.split('"')[0]) for each in svg.split('cx="')[1:]]
    assert 268 <= min(places) <= max(places) <= plots.WIDE


def test_groups_that_are_off_are_told_apart() -> None:
    groups = [
        Group((("sex", "F"),), 100, 50, -0.7, 0.001, "too few", 0.2, 0.1, None),
        Group((("sex", "M"),), 100, 100, 0.0, 1.0, "as private", 0.05, 0.05, None),
        Group((("sex", "X"),), 10, 0, None, 0.01, "absent", 1.0, 0.3, None),
    ]
    svg = plots.disparities(groups, "d").html
    assert svg.count('class="off"') == 1
    assert "1 of 2 groups" in svg
    assert plots.groups(groups, "g").html.count("<circle") == 3 + 3 + 3  # both of each, and the key


def test_relations_are_drawn_once_for_each_side() -> None:
    matrix = ((1.0, 0.5), (0.5, 1.0)), ((1.0, float("nan")), (float("nan"), 1.0))
    svg = plots.relations(matrix, ["a", "b"], "m").html
    assert svg.count("real-cell") == svg.count("synthetic-cell") == 1
