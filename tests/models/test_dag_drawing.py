from __future__ import annotations

import itertools
import re
import unicodedata
from xml.etree import ElementTree

import numpy as np
import pytest

from dpsynth.models.dag_drawing import draw_dag

SVG = "{http://www.w3.org/2000/svg}"


def random_dag(seed: int) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    names = [f"column {'x' * int(rng.integers(0, 30))}{index}" for index in range(int(rng.integers(1, 20)))]
    return {
        name: tuple(rng.permutation(names[:index])[: int(rng.integers(0, 4))].tolist()) if index else ()
        for index, name in enumerate(names)
    }


def boxes(drawing: str) -> dict[str, tuple[float, float, float, float]]:
    """Name -> left, top, right, bottom."""
    found = {}
    for group in ElementTree.fromstring(drawing).iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        left, top, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        found[group.find(f"{SVG}title").text] = (left, top, left + width, top + height)
    return found


@pytest.mark.parametrize("seed", range(30))
def test_boxes_do_not_overlap_and_every_edge_goes_right(seed: int) -> None:
    dag = random_dag(seed)
    drawing = draw_dag(dag)
    found = boxes(drawing)
    assert set(found) == set(dag)
    root = ElementTree.fromstring(drawing)
    width, height = float(root.get("width")), float(root.get("height"))
    for (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) in itertools.combinations(
        found.values(), 2
    ):
        assert right < other_left or other_right < left or bottom < other_top or other_bottom < top
    assert all(min(x, y) > 0 and right < width and bottom < height for x, y, right, bottom in found.values())
    for name, parents in dag.items():
        assert all(found[parent][2] < found[name][0] for parent in parents)


@pytest.mark.parametrize("seed", range(30))
def test_every_edge_is_drawn_from_box_to_box(seed: int) -> None:
    dag = random_dag(seed)
    drawing = draw_dag(dag)
    found = boxes(drawing)
    drawn = {}
    for path in ElementTree.fromstring(drawing).iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
        drawn[path.find(f"{SVG}title").text] = (numbers[:2], numbers[-2:])
    assert set(drawn) == {f"{parent} to {name}" for name, parents in dag.items() for parent in parents}
    for name, parents in dag.items():
        for parent in parents:
            start, end = drawn[f"{parent} to {name}"]
            assert start == pytest.approx([found[parent][2], (found[parent][1] + found[parent][3]) / 2], abs=0.2)
            assert end == pytest.approx([found[name][0], (found[name][1] + found[name][3]) / 2], abs=0.2)


def points(path: str) -> list[tuple[float, float]]:
    """Points along an SVG path of M, H and C."""
    here, out = (0.0, 0.0), []
    for command, text in re.findall(r"([MHC])([^MHC]*)", path):
        numbers = [float(number) for number in text.split()]
        if command == "C":
            corners = [here, *zip(numbers[::2], numbers[1::2], strict=True)]
            for t in np.linspace(0, 1, 40):
                weights = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3]
                out.append(
                    tuple(
                        float(w @ np.array(axis))
                        for w, axis in zip([np.array(weights)] * 2, zip(*corners, strict=True), strict=True)
                    )
                )
            here = corners[-1]
        else:
            there = (numbers[0], numbers[1] if command == "M" else here[1])
            out += [there if command == "M" else (float(x), here[1]) for x in np.linspace(here[0], there[0], 40)]
            here = there
    return out


@pytest.mark.parametrize("seed", range(30))
def test_no_edge_runs_through_a_box(seed: int) -> None:
    drawing = draw_dag(random_dag(seed))
    found = boxes(drawing)
    for path in ElementTree.fromstring(drawing).iter(f"{SVG}path"):
        for x, y in points(path.get("d")):
            for left, top, right, bottom in found.values():
                assert not (left + 0.2 < x < right - 0.2 and top < y < bottom)


def test_lanes_of_long_edges_pass_no_box() -> None:
    """a -> b -> c and a -> c: the long edge goes around b."""
    drawing = draw_dag({"a": (), "b": ("a",), "c": ("a", "b")})
    _, top, _, bottom = boxes(drawing)["b"]
    path = next(
        path.get("d") for path in ElementTree.fromstring(drawing).iter(f"{SVG}path") if path[0].text == "a to c"
    )
    lane = float(re.findall(r" ([\d.]+)H", path)[-1])
    assert not top <= lane <= bottom


def test_the_drawing_is_deterministic_and_names_are_escaped() -> None:
    dag = {'<a & "b">': (), "c": ('<a & "b">',)}
    assert draw_dag(dag) == draw_dag(dag)
    assert set(boxes(draw_dag(dag))) == set(dag)
    assert "<a &" not in draw_dag(dag)


@pytest.mark.parametrize("name", ["WWWW_MMMM_CAPITALS", "income>50K", "x", "\u6536\u5165\u6c34\u5e73", "W" * 60])
def test_a_label_fits_its_box_in_the_usual_fixed_width_fonts(name: str) -> None:
    drawing = draw_dag({name: ()})
    left, _, right, _ = boxes(drawing)[name]
    root = ElementTree.fromstring(drawing)
    text = next(root.iter(f"{SVG}text"))
    em = float(root.get("font-size"))
    widths = [1.0 if unicodedata.east_asian_width(character) in "WF" else 0.605 for character in text.text]
    assert root.get("font-family") == "monospace"
    assert text.get("text-anchor") == "middle"
    assert float(text.get("x")) == pytest.approx((left + right) / 2, abs=0.1)
    assert em * sum(widths) <= right - left - 16


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117", "#000000"])
def test_lines_stand_out_on_light_and_dark_pages_and_labels_on_their_boxes(page: str) -> None:
    root = ElementTree.fromstring(draw_dag({"a": (), "b": ("a",)}))
    lines = {part.get("stroke") for part in root.iter() if part.get("stroke")}
    lines |= {arrow.get("fill") for arrow in root.iter(f"{SVG}polygon")}
    assert all(contrast(line, page) > 4 for line in lines)
    box, label = next(root.iter(f"{SVG}rect")).get("fill"), next(root.iter(f"{SVG}text")).get("fill")
    assert contrast(box, label) > 7


def test_an_empty_graph_can_be_drawn() -> None:
    root = ElementTree.fromstring(draw_dag({}))
    assert root.get("role") == "img"
    assert float(root.get("width")) > 0
