"""Figures: marks stand where the numbers say, and odd numbers do not break them."""

from __future__ import annotations

import math
import re

import pytest

from attacks.report import plots
from attacks.report.records import SuccessRates
from attacks.statistics.trade_off import Approximate, Gaussian


def _numbers(svg: str, tag: str, kind: str) -> list[dict[str, float]]:
    found = re.findall(rf'<{tag} [^>]*class="{kind}"[^>]*>', svg)
    return [{name: float(value) for name, value in re.findall(r'(\w+)="([-\d.]+)"', each)} for each in found]


def _path(svg: str, kind: str) -> list[tuple[float, float]]:
    (path,) = re.findall(rf'<path d="([^"]*)" class="{kind}">', svg)
    return [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path)]


def test_the_claim_curve_of_the_roc_is_the_claim() -> None:
    svg = plots.roc([(0.001, 0.001), (1.0, 1.0)], Gaussian(1.0), "roc").html
    claim, attack = _path(svg, "claim line"), _path(svg, "attack line")
    # Both axes show three decades; at 1 % false alarms mu 1 finds 9.24 %.
    across, down = claim[-1][0] - claim[0][0], attack[0][1] - attack[-1][1]
    x, y = claim[20]
    assert x - claim[0][0] == pytest.approx(across / 3, abs=0.2)
    assert 10 ** (3 * (attack[0][1] - y) / down - 3) == pytest.approx(0.0924, rel=0.01)


def test_no_mark_leaves_the_frame() -> None:
    odd = [(0.0, 0.0), (0.0, 0.4), (1e-9, 0.5), (0.5, 0.5), (1.0, 1.0)]
    for curve in (Gaussian(0.0), Gaussian(30.0), Approximate(0.0, 0.0), Approximate(800.0, 1.0)):
        svg = plots.roc(odd, curve, "roc").html
        for x, y in _path(svg, "attack line") + _path(svg, "claim line"):
            assert 0 <= x <= plots.WIDTH
            assert 0 <= y <= 292


def test_bars_are_as_long_as_their_bounds() -> None:
    svg = plots.bounds([("a", 0.1), ("b", 0.4), ("c", 0.0)], "mu", 0.2, "bounds").html
    (beyond,) = _numbers(svg, "rect", "attack beyond")
    inside = _numbers(svg, "rect", "attack")
    assert beyond["width"] == pytest.approx(4 * inside[0]["width"], rel=0.01)
    marks = _numbers(svg, "line", "claim line")
    assert len(marks) == 3
    assert marks[0]["x1"] == pytest.approx(beyond["width"] / 2, rel=0.01)
    assert svg.index(">b<") < svg.index(">a<") < svg.index(">c<")


def test_only_the_largest_bounds_are_drawn() -> None:
    rows = [(f"attack {place}", place / 100) for place in range(40)]
    svg = plots.bounds(rows, "mu", None, "bounds").html
    assert len(_numbers(svg, "rect", "attack")) == plots.MOST_BARS
    assert ">attack 39<" in svg
    assert ">attack 3<" not in svg
    assert "No bound" in plots.bounds([], "mu", 0.2, "bounds").html


@pytest.mark.parametrize(
    ("members", "control", "ceiling"), [(0, 0, 0), (1, 1, 1), (0.5, 0.1, 0.2), (0.1, 0.5, None), (1e-9, 0, 1)]
)
def test_guesses_fit_the_frame(members: float, control: float, ceiling: float | None) -> None:
    svg = plots.success(SuccessRates(members, control, None, ceiling, None, None, None), "guesses").html
    bars = _numbers(svg, "rect", "(?:attack|control)(?: beyond)?")
    assert len(bars) == 2
    assert all(each["x"] + each["width"] <= plots.WIDTH for each in bars)
    assert ("beyond" in svg) == (ceiling is not None and members > ceiling)


def test_power_says_from_where_on() -> None:
    curve = [(0.0, 0.02), (0.5, 0.6), (1.0, 0.95)]
    assert "From mu 1 on" in plots.power(curve, Gaussian(0.3), 0.9, "power").html
    assert "No violation shown" in plots.power(curve[:2], Approximate(1.0, 0.0), 0.9, "power").html
    assert math.isfinite(len(plots.power([], Gaussian(0.0), 0.9, "power").html))


def test_labels_are_text() -> None:
    svg = plots.bounds([("<b>&\"'", 0.1)], "mu", None, "bounds").html
    assert "<b>" not in svg
    assert "&lt;b&gt;&amp;" in svg
