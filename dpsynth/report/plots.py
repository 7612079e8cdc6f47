"""Figures as inline SVG: no script, no font, no colour of its own; classes take colours from the page's style sheets.

Every figure has a title and a description that say its message in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dpsynth.drawing import WIDTH, figure, line, pixels, shortened, text
from dpsynth.markup import Markup, element, visible
from dpsynth.report.words import number, percent

if TYPE_CHECKING:
    from dpsynth.privacy.calibration import Guarantee
    from dpsynth.report.fidelity import ColumnFidelity

MOST_STRIPS = 60
"""A strip chart of more columns than this shows the farthest ones."""

MOST_BARS = 8
"""Cells of one column that a bar chart shows."""

_PEOPLE, _ACROSS, _PITCH = 1000, 40, 9.0
_LEAST_DELTA = 1e-15


def gain(found: float, guessed: float, name: str, *, who: str) -> Markup:
    """A thousand people who were in, as squares: those whom guessing finds, and those found more, pixels up.

    found, guessed: shares of those who were in, at the same share of false alarms.
    """
    by_chance, at_most = round(guessed * _PEOPLE), min(_PEOPLE, math.ceil(found * _PEOPLE - 1e-9))
    kinds = ((0, by_chance, "person guessed"), (by_chance, at_most, "person gained"), (at_most, _PEOPLE, "person"))
    squares = [
        element("path", d="".join(_square(place) for place in range(first, last)), class_=kind)
        for first, last, kind in kinds
        if last > first
    ]
    foot = _PEOPLE // _ACROSS * _PITCH
    key = [
        ("person guessed", f"{by_chance} found by guessing, without the release"),
        ("person gained", f"at most {at_most - by_chance} more because of the release"),
    ]
    for place, (kind, label) in enumerate(key):
        top = foot + 12 + 18 * place
        squares += [element("path", d=f"M0 {pixels(top)}h9v9h-9z", class_=kind), text(15, top + 9, label)]
    words = f"Of 1,000 {who} who were in the private table, guessing finds {by_chance}; with the release an attacker"
    words += f" finds at most {at_most}. In both cases 1 in 100 of those who were not in is wrongly accused."
    return figure(name, foot + 46, "What an attacker can gain", words, squares)


def profile(guarantee: Guarantee, promised: tuple[float, float], name: str) -> Markup:
    """Delta against epsilon: every point on the curve is promised at once. promised: the (epsilon, delta) asked for."""
    epsilon, delta = promised
    least = min(_LEAST_DELTA, delta / 10)
    end = _end(max(epsilon * 1.6, 0.5))
    left, right, top, foot = 52, 352, 14, 230
    low = math.floor(math.log10(least))

    def across(value: float) -> float:
        return left + (right - left) * value / end

    def down(value: float) -> float:
        return top + (foot - top) * math.log10(max(value, least)) / low

    grid = np.linspace(0, end, 91)
    points = [(float(x), guarantee.delta(float(x))) for x in grid]
    shown = [(x, y) for x, y in points if y >= least]
    path = " ".join(
        f"{'L' if place else 'M'}{pixels(across(x))} {pixels(down(y))}" for place, (x, y) in enumerate(shown)
    )
    shape = []
    for power in range(0, low - 1, -3):
        y = down(10.0**power)
        shape += [line(left, y, right, y, "grid"), text(left - 6, y + 4, "1" if not power else f"1e{power}", "end")]
    for tick in _ticks(end):
        shape += [
            line(across(tick), top, across(tick), foot, "grid"),
            text(across(tick), foot + 17, f"{tick:g}", "middle"),
        ]
    x, y = across(epsilon), down(delta)
    side, shift = ("end", -10) if x > WIDTH / 2 else ("start", 10)
    shape += [line(x, y, x, foot, "guide"), line(left, y, x, y, "guide"), element("path", d=path, class_="curve")]
    shape += [element("circle", cx=pixels(x), cy=pixels(y), r=5, class_="promised")]
    label = text(x + 10, y - 8, "as promised", "start", kind="claim-word") if x < WIDTH - 100 else None
    shape += [label or text(x + shift, y + 20, "as promised", side, kind="claim-word")]
    shape += [text((left + right) / 2, foot + 36, "epsilon", "middle")]
    shape += [text(11, (top + foot) / 2, "delta", "middle", turned=True)]
    words = f"The curve passes through or below epsilon {number(epsilon)} at delta {number(delta)}, as promised."
    return figure(name, foot + 42, "Privacy profile: epsilon against delta", words, shape)


def trade_off(guarantee: Guarantee, marked: Sequence[float], name: str) -> Markup:
    """Finds against false alarms, both on scales of powers of ten: guessing, and the most that is left to an attacker.

    marked: false-alarm rates whose finds are written out.
    """
    left, right, top, foot, decades = 52, 334, 14, 230, 4

    def across(share: float) -> float:
        return right + (right - left) * math.log10(max(share, 10.0**-decades)) / decades

    def down(share: float) -> float:
        return top - (foot - top) * math.log10(max(share, 10.0**-decades)) / decades

    shape = []
    for power in range(-decades, 1):
        share = 10.0**power
        shape += [
            line(left, down(share), right, down(share), "grid"),
            text(left - 6, down(share) + 4, percent(share), "end"),
            line(across(share), top, across(share), foot, "grid"),
            text(across(share), foot + 17, percent(share), "middle"),
        ]
    alarms = np.logspace(-decades, 0, 81)
    points = [(across(at), down(finds)) for at, finds in guarantee.attack_odds([min(float(x), 1.0) for x in alarms])]
    path = " ".join(f"{'L' if place else 'M'}{pixels(x)} {pixels(y)}" for place, (x, y) in enumerate(points))
    shape += [line(left, foot, right, top, "guess"), element("path", d=path, class_="curve")]
    for at, finds in guarantee.attack_odds(marked):
        shape += [
            element("circle", cx=pixels(across(at)), cy=pixels(down(finds)), r=4, class_="promised"),
            text(across(at) - 8, down(finds) - 7, percent(finds, up=True), "end", kind="claim-word"),
        ]
    shape += [text(right - 4, foot - 8, "guessing lies on the dashed line", "end", kind="key")]
    shape += [text((left + right) / 2, foot + 36, "false alarms", "middle")]
    shape += [text(11, (top + foot) / 2, "found at most", "middle", turned=True)]
    found = "; ".join(
        f"at {percent(at)} false alarms at most {percent(finds, up=True)}"
        for at, finds in guarantee.attack_odds(marked)
    )
    return figure(name, foot + 42, "What the best attacker finds", f"The best attacker finds {found}.", shape)


def share_bar(share: float) -> Markup:
    """A small bar for a cell of a table, silent for those who listen: the number stands beside it."""
    bar = element("rect", x=0, y=0, width=pixels(100 * min(max(share, 0.0), 1.0)), height=12, class_="attack")
    track = element("rect", x=0, y=0, width=100, height=12, class_="track")
    return element(
        "svg", track, bar, viewBox="0 0 100 12", preserveAspectRatio="none", class_="bar", aria_hidden="true"
    )


def strips(columns: Sequence[ColumnFidelity], near: float, name: str) -> Markup:
    """One line for each column: how far each cell lies from its noisy count, in standard deviations of the noise."""
    shown = list(columns)
    if len(shown) > MOST_STRIPS:
        farthest = sorted(shown, key=lambda each: -each.typical)[:MOST_STRIPS]
        shown = [each for each in shown if each in farthest]
    left, right, pitch, top = 112, 344, 18, 26
    reach = min(max(4.0, max(float(np.abs(each.distances).max()) for each in shown)), 8.0)
    foot = top + pitch * len(shown)

    def across(distance: float) -> float:
        return left + (right - left) * (distance + reach) / (2 * reach)

    shape = [
        element(
            "rect", x=pixels(across(-near)), y=top, width=pixels(across(near) - across(-near)),
            height=pixels(foot - top), class_="band",
        ),
        line(across(0), top, across(0), foot, "middle"),
    ]  # fmt: skip
    ticks = [tick for tick in range(-8, 9, 2) if abs(tick) <= reach]
    for tick in ticks:
        shape += [text(across(tick), foot + 18, "0" if not tick else f"{tick:+d}", "middle")]
    for place, each in enumerate(shown):
        middle = top + pitch * (place + 0.5)
        shape += [text(left - 6, middle + 4, shortened(each.column, 14), "end")]
        for distance in _thinned(each.distances):
            kind = "cell" if abs(distance) <= near else "cell far"
            x = across(float(np.clip(distance, -reach, reach)))
            shape += [element("circle", cx=pixels(x), cy=pixels(middle), r=2.6, class_=kind)]
    shape += [text(across(0), 16, f"within {near:g}", "middle")]
    shape += [text(across(0), foot + 38, "difference, in standard deviations", "middle")]
    within = sum(each.typical <= near for each in shown)
    words = f"In {within} of {len(shown)} columns the typical distance is at most {near:g} standard deviations."
    return figure(name, foot + 46, "Synthetic counts beside measured counts", words, shape)


def shares(column: ColumnFidelity, near: float, name: str) -> Markup:
    """One column: shares of the synthetic table as bars, measured shares as dots with the error of the noise."""
    total = float(column.measured.sum())
    order = np.argsort(-column.measured, kind="stable")[:MOST_BARS]
    measured, synthetic = column.measured / total, column.synthetic / max(float(column.synthetic.sum()), 1.0)
    error = near * column.stddev / total
    left, right, pitch = 130, 330, 24
    most = max(float((measured + error)[order].max()), float(synthetic[order].max()), 1e-6)
    shape = []
    for place, cell in enumerate(order):
        top = 4 + pitch * place
        wide = (right - left) * max(float(synthetic[cell]), 0.0) / most
        ends = [left + (right - left) * max(float(measured[cell]) + side, 0.0) / most for side in (-error, 0.0, error)]
        middle = top + 8
        shape += [
            text(left - 8, top + 12, shortened(column.labels[cell], 16), "end"),
            element("rect", x=left, y=pixels(top), width=pixels(max(wide, 0.8)), height=16, class_="synthetic"),
            line(ends[0], middle, ends[2], middle, "whisker"),
            *(line(end, middle - 4, end, middle + 4, "whisker") for end in (ends[0], ends[2])),
            element("circle", cx=pixels(ends[1]), cy=pixels(middle), r=2.8, class_="measured"),
        ]
    first = order[0]
    words = f"The largest: {column.labels[first]}, measured {percent(float(measured[first]))} give or take"
    words += f" {percent(error)}, in the synthetic table {percent(float(synthetic[first]))}."
    left_out = len(column.labels) - len(order)
    if left_out:
        shape += [text(left - 8, 4 + pitch * len(order) + 11, f"and {left_out} more", "end", kind="key")]
    shape += [line(left, 0, left, 4 + pitch * len(order), "axis")]
    height = 8 + pitch * len(order) + (14 if left_out else 0)
    return figure(name, height, f"Shares of {column.column}", words, shape)


def network(drawing: str, columns: int, name: str) -> Markup:
    """The model's own drawing, with a title and a description around it."""
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawing)
    wide, high = (int(size[1]), int(size[2])) if size else (WIDTH, WIDTH)
    words = f"{columns} columns in boxes; an arrow leads from a column to each column that is drawn given it."
    # The drawing escapes its names itself.
    return figure(name, high, "The model as a network", words, [Markup(visible(drawing))], wide=wide, width=wide)


def _thinned(distances: Iterable[float]) -> list[float]:
    """At most one dot where many would lie on each other; the outermost always stay."""
    return sorted({round(float(each), 1) for each in distances})


def _square(place: int) -> str:
    x, y = place % _ACROSS * _PITCH, place // _ACROSS * _PITCH
    return f"M{pixels(x)} {pixels(y)}h7v7h-7z"


def _end(value: float) -> float:
    """A round number at or above a value."""
    unit = 10.0 ** math.floor(math.log10(value))
    return next(factor * unit for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if factor * unit >= value - 1e-9)


def _ticks(end: float) -> list[float]:
    """About four round numbers from 0 to the end."""
    unit = 10.0 ** math.floor(math.log10(end / 4))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= end / 4 - 1e-12)
    return [place * step for place in range(int(end / step + 1e-9) + 1)]
