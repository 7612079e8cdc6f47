"""A plain layered drawing of a directed acyclic graph as SVG text, without any drawing library."""

from __future__ import annotations

import html
import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpsynth.domain import Clique

# The usual fixed-width fonts are 0.55 to 0.605 of their size wide, so at 13 px a character takes 7.9 px at most.
_CHARACTER, _HEIGHT, _PADDING = 7.9, 26.0, 10.0
_ROW, _GAP, _MARGIN = 44.0, 70.0, 16.0
_SWEEPS = 8
_LONGEST_LABEL = 28
# A middle tone: contrast above 4 on white and on a dark page, and the boxes bring their own ground for the labels.
_LINE = "#6b7d90"

_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    f'<polygon points="0,0 8,4 0,8" fill="{_LINE}"/></marker></defs>'
)

Node = tuple[str, int]
"""A name and a layer: where the node stands, or where one of its edges passes through on the way to a later layer."""


@dataclass(frozen=True)
class _Place:
    """Left and right end of a box (or lane), its middle height, and the right end of the whole layer."""

    left: float
    right: float
    middle: float
    layer_end: float


def draw_dag(parents: Mapping[str, Clique]) -> str:
    """SVG of the graph: names in boxes, layers from left to right, parents left of their children.

    parents: every node with its parents, parents first. A node stands one layer after its last parent. Within
    a layer nodes are ordered by the mean position of what they are tied to, in sweeps back and forth (the
    barycentre rule); an edge over several layers keeps a free lane in each. Nothing is drawn at random.

    Source: Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981.

    >>> draw_dag({"a": (), "b": ("a",)}).count("<path")
    1
    """
    layer_of: dict[str, int] = {}
    for name, above in parents.items():
        layer_of[name] = 1 + max((layer_of[parent] for parent in above), default=-1)
    lanes = [
        [(parent, layer) for layer in range(layer_of[parent], layer_of[name])] + [(name, layer_of[name])]
        for name, above in parents.items()
        for parent in above
    ]
    layers = _ordered(layer_of, lanes)
    places, width, height = _placed(layers, layer_of)
    label = f"Network of {len(parents)} columns and {len(lanes)} edges"
    paths = [_path([places[node] for node in lane], f"{lane[0][0]} to {lane[-1][0]}") for lane in lanes]
    boxes = [_box(places[name, layer], name) for name, layer in layer_of.items()]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" width="{width:.0f}"'
        f' height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="13">'
    )
    return "\n".join([head, _ARROW, *paths, *boxes, "</svg>"])


def _ordered(layer_of: Mapping[str, int], lanes: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """The nodes and lanes of every layer from top to bottom, with few crossings."""
    layers: list[list[Node]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for node in dict.fromkeys([*layer_of.items(), *(node for lane in lanes for node in lane)]):
        layers[node[1]].append(node)
    before: dict[Node, set[Node]] = {node: set() for layer in layers for node in layer}
    after: dict[Node, set[Node]] = {node: set() for layer in layers for node in layer}
    for lane in lanes:
        for one, other in itertools.pairwise(lane):
            before[other].add(one)
            after[one].add(other)
    for sweep in range(_SWEEPS):
        tied = after if sweep % 2 else before
        for number in range(len(layers) - 1, -1, -1) if sweep % 2 else range(len(layers)):
            row = {node: place for layer in layers for place, node in enumerate(layer)}
            layers[number].sort(
                key=lambda node: sum(row[n] for n in tied[node]) / len(tied[node]) if tied[node] else row[node]
            )
    return layers


def _placed(layers: Sequence[Sequence[Node]], layer_of: Mapping[str, int]) -> tuple[dict[Node, _Place], float, float]:
    """Where every node and lane is, and the width and height of the drawing."""
    rows = max(map(len, layers), default=0)
    places, left = {}, _MARGIN
    for number, layer in enumerate(layers):
        widest = max(_width(name) for name, _ in layer if layer_of[name] == number)
        for place, (name, _) in enumerate(layer):
            middle = _MARGIN + _HEIGHT / 2 + _ROW * (place + (rows - len(layer)) / 2)
            right = left + (_width(name) if layer_of[name] == number else widest)
            places[name, number] = _Place(left, right, middle, left + widest)
        left += widest + _GAP
    return places, max(left - _GAP, _MARGIN) + _MARGIN, 2 * _MARGIN + _HEIGHT + _ROW * max(rows - 1, 0)


def _width(name: str) -> float:
    """Of the box; East Asian characters are two wide."""
    label = _short(name)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in label)
    return _CHARACTER * (len(label) + wide) + 2 * _PADDING


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _path(places: Sequence[_Place], title: str) -> str:
    """A curve from the right end of the first place along the lanes to the left end of the last; it bends in gaps."""
    line = f"M{places[0].right:.1f} {places[0].middle:.1f}"
    for one, other in itertools.pairwise(places):
        bend = (one.layer_end + other.left) / 2
        line += f"H{one.layer_end:.1f}C{bend:.1f} {one.middle:.1f} {bend:.1f} {other.middle:.1f}"
        line += f" {other.left:.1f} {other.middle:.1f}"
    return (
        f'<path d="{line}" fill="none" stroke="{_LINE}" stroke-width="1.2" marker-end="url(#arrow)">'
        f"<title>{html.escape(title)}</title></path>"
    )


def _box(place: _Place, name: str) -> str:
    top = place.middle - _HEIGHT / 2
    return (
        f'<g><title>{html.escape(name)}</title><rect x="{place.left:.1f}" y="{top:.1f}" rx="5"'
        f' width="{place.right - place.left:.1f}" height="{_HEIGHT:.0f}" fill="#eef3f8" stroke="{_LINE}"/>'
        f'<text x="{(place.left + place.right) / 2:.1f}" y="{place.middle + 4.5:.1f}" text-anchor="middle"'
        f' fill="#1b2733">{html.escape(_short(name))}</text></g>'
    )
