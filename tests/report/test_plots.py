"""Figures say in words what they draw, and draw what they are given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dpsynth.privacy.calibration import Guarantee
from dpsynth.report import plots
from dpsynth.report.fidelity import ColumnFidelity


def column(name: str = "age", cells: int = 4, off: float = 0.0) -> ColumnFidelity:
    measured = 100.0 * np.arange(1, cells + 1)
    return ColumnFidelity(name, tuple(f"v{k}" for k in range(cells)), measured, measured + off, 10.0)


def squares(svg: str, kind: str) -> int:
    paths: list[str] = re.findall(rf'<path d="([^"]*)" class="{kind}">', svg)
    return sum(path.count("M") for path in paths if "h7v7" in path)


@pytest.mark.parametrize(("found", "more"), [(0.0161, 7), (0.02, 10), (0.01, 0), (1.0, 990)])
def test_the_gain_is_drawn_person_by_person_and_rounded_up(found: float, more: int) -> None:
    svg = plots.gain(found, 0.01, "gain", who="people").html
    assert squares(svg, "person guessed") == 10
    assert squares(svg, "person gained") == more
    assert squares(svg, "person") == 990 - more
    assert f"at most {10 + more}" in svg
    assert f"at most {more} more" in svg


@pytest.mark.parametrize(("epsilon", "delta"), [(0.05, 1e-12), (1.0, 1e-9), (8.0, 1e-3), (20.0, 1e-15)])
def test_the_profile_passes_through_the_promise(epsilon: float, delta: float) -> None:
    from dpsynth.privacy.calibration import budget_from

    guarantee = Guarantee.of(budget_from(epsilon, delta))
    svg = plots.profile(guarantee, (epsilon, delta), "profile").html
    circle = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    path = re.search(r'<path d="([^"]*)" class="curve"', svg)
    assert circle is not None
    assert path is not None
    curve = np.array([[float(each) for each in pair.split()] for pair in re.split("[ML]", path[1])[1:]])
    x, y = float(circle[1]), float(circle[2])
    assert curve[:, 0].min() <= x <= curve[:, 0].max() + 5
    assert abs(np.interp(x, curve[:, 0], curve[:, 1]) - y) < 6
    assert (np.diff(curve[:, 1]) > -0.11).all()


def test_cells_within_and_beyond_the_noise_differ() -> None:
    svg = plots.strips([column(), column("pay", off=50.0)], 2.0, "strips").html
    assert svg.count('class="cell"') == 1
    assert svg.count('class="cell far"') == 1
    assert "In 1 of 2 columns" in svg
    assert "age" in svg


def test_many_columns_show_the_farthest() -> None:
    many = [column(f"c{k}", off=float(k)) for k in range(plots.MOST_STRIPS + 20)]
    svg = plots.strips(many, 2.0, "strips").html
    assert ">c79<" in svg
    assert ">c5<" not in svg


def test_shares_have_their_error() -> None:
    svg = plots.shares(column(cells=12, off=5.0), 2.0, "shares").html
    assert svg.count('class="measured"') == plots.MOST_BARS
    assert svg.count('class="whisker"') == 3 * plots.MOST_BARS
    assert "and 4 more" in svg
    assert "The largest: v11, measured 15.4% give or take 0.256%" in svg


def test_a_network_keeps_its_own_names_escaped() -> None:
    from dpsynth.models.dag_drawing import draw_dag

    svg = plots.network(draw_dag({"<b>\u202e": (), "x": ("<b>\u202e",)}), 2, "network").html
    assert "<b>" not in svg
    assert "\u202e" not in svg
    assert 'role="img"' in svg
    assert "2 columns in boxes" in svg


def test_the_trade_off_curve_passes_through_its_marks_and_stays_above_guessing() -> None:
    guarantee = Guarantee(1.0)
    svg = plots.trade_off(guarantee, (0.1, 0.01, 0.001), "trade-off").html
    circles = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    path = re.search(r'<path d="([^"]*)" class="curve"', svg)
    guess = re.search(r'<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="guess"', svg)
    assert path is not None
    assert guess is not None
    curve = np.array([[float(each) for each in pair.split()] for pair in re.split("[ML]", path[1])[1:]])
    left, foot, right, top = (float(each) for each in guess.groups())
    assert len(circles) == 3
    for x, y in circles:
        assert abs(np.interp(x, curve[:, 0], curve[:, 1]) - y) < 1
        assert y < foot + (top - foot) * (x - left) / (right - left)  # smaller is higher
    assert "at 1% false alarms at most 9.24%" in svg
