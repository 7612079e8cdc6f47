"""Figures of the evaluation: every number between its floor and its ceiling, scores of models, groups, relations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dpsynth.drawing import figure, line, pixels, shortened, text
from dpsynth.evaluation.arms import Figure, Spread
from dpsynth.evaluation.evaluation import Direct
from dpsynth.evaluation.fairness import Group
from dpsynth.markup import Markup, element

WIDE = 720
MOST_GROUPS = 24
MOST_COLUMNS = 40


def rulers(figures: Sequence[Figure], name: str) -> Markup:
    """Each figure on a line from its floor (left) to its ceiling (right), and the synthetic rows on it."""
    left, right, pitch, top = 268, 690, 26, 30
    shape = [text(left, 16, "shuffled columns", "middle"), text(right, 16, "private rows", "end")]
    foot = top + pitch * len(figures)
    shape += [line(x, top - 6, x, foot, "grid") for x in (left, (left + right) / 2, right)]
    said = []
    for place, each in enumerate(figures):
        middle = top + pitch * (place + 0.5)
        shape += [text(left - 14, middle + 4, shortened(each.name, 40), "end")]
        at = each.closeness
        if at is None:
            shape += [
                text((left + right) / 2, middle + 4, "ranges of floor and ceiling overlap", "middle", kind="key quiet")
            ]
            continue
        ends = [_place(each, value) for value in (each.synthetic.least, each.synthetic.most)]
        xs = [left + (right - left) * min(max(value, 0.0), 1.04) for value in (min(ends), at, max(ends))]
        shape += [
            element(
                "rect", x=left, y=pixels(middle - 5), width=pixels(max(xs[1] - left, 1)), height=10, class_="reached"
            ),
            line(xs[0], middle, xs[2], middle, "whisker"),
            element("circle", cx=pixels(xs[1]), cy=pixels(middle), r=5, class_="synthetic-dot"),
        ]
        said.append(f"{each.name} {at:.0%}")
    words = "Of the way from shuffled columns to private rows: " + "; ".join(said) + "." if said else "No figure tells."
    return figure(name, foot + 8, "Figures between floor and ceiling", words, shape, wide=WIDE)


def _place(each: Figure, value: float) -> float:
    return (value - each.floor.value) / (each.ceiling.value - each.floor.value)


def models(figures: Sequence[Figure], direct: Sequence[Direct], score: str, name: str) -> Markup:
    """Scores of models: trained on private, synthetic and shuffled rows, and private models trained directly."""
    rows: list[tuple[str, list[tuple[str, Spread]]]] = [
        (
            each.name.removeprefix(f"{score}, "),
            [("real-dot", each.ceiling), ("shuffled-dot", each.floor), ("synthetic-dot", each.synthetic)],
        )
        for each in figures
        if each.name.startswith(f"{score}, ")
    ]
    rows += [
        (f"{each.model}, private", [("direct-dot", each.scores[score])]) for each in direct if score in each.scores
    ]
    known = [
        value
        for _, dots in rows
        for _, spread in dots
        for value in (spread.least, spread.most)
        if not math.isnan(value)
    ]
    low, high = _span(known)
    left, right, pitch, top = 200, 690, 28, 34

    def across(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    foot = top + pitch * len(rows)
    shape: list[Markup] = []
    for tick in _ticks(low, high):
        shape += [
            line(across(tick), top - 6, across(tick), foot, "grid"),
            text(across(tick), foot + 16, f"{tick:.4g}", "middle"),
        ]
    for place, (label, dots) in enumerate(rows):
        middle = top + pitch * (place + 0.5)
        shape += [text(left - 14, middle + 4, shortened(label, 30), "end")]
        for kind, spread in dots:
            if math.isnan(spread.value):
                continue
            shape += [line(across(spread.least), middle, across(spread.most), middle, f"spread {kind}")]
            shape += [element("circle", cx=pixels(across(spread.value)), cy=pixels(middle), r=5.5, class_=kind)]
    key = [("real-dot", "private rows"), ("synthetic-dot", "synthetic rows"), ("shuffled-dot", "shuffled columns")]
    shape += _key([*key, *([("direct-dot", "private model")] if direct else [])], left)
    words = "; ".join(f"{label}: {', '.join(f'{spread.value:.3f}' for _, spread in dots)}" for label, dots in rows)
    return figure(name, foot + 24, f"{score} of models on private test rows", words, shape, wide=WIDE)


def _key(entries: Sequence[tuple[str, str]], left: float) -> list[Markup]:
    made = []
    for place, (kind, label) in enumerate(entries):
        x = left + 126 * place
        made += [element("circle", cx=x, cy=12, r=5, class_=kind), text(x + 10, 16, label)]
    return made


def _span(known: Sequence[float]) -> tuple[float, float]:
    low, high = max(min(known), -1.0), max(known)
    step = 0.05 if high - low < 0.6 else 0.1
    low = math.floor(low / step) * step
    return low, max(math.ceil(high / step) * step, low + step)


def _ticks(low: float, high: float) -> list[float]:
    step = next(each for each in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if (high - low) / each <= 7 or each == 1.0)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def groups(found: Sequence[Group], name: str) -> Markup:
    """Error within groups against their sizes, synthetic and by chance; both axes by logarithms."""
    shown = [each for each in found if each.rows and not math.isnan(each.error)]
    left, right, top, foot = 56, 690, 34, 300
    sizes = [math.log10(each.rows) for each in shown]
    errors = [value for each in shown for value in (each.error, each.chance) if not math.isnan(value) and value > 0]
    low_x, high_x = math.floor(min(sizes)), max(math.ceil(max(sizes)), math.floor(min(sizes)) + 1)
    low_y, high_y = math.floor(math.log10(min(errors))), math.ceil(math.log10(max(errors)) + 1e-9)
    high_y = max(high_y, low_y + 1)

    def across(value: float) -> float:
        return left + (right - left) * (math.log10(value) - low_x) / (high_x - low_x)

    def down(value: float) -> float:
        return foot - (foot - top) * (math.log10(max(value, 10.0**low_y)) - low_y) / (high_y - low_y)

    shape: list[Markup] = []
    for power in range(low_x, high_x + 1):
        x = across(10.0**power)
        shape += [line(x, top, x, foot, "grid"), text(x, foot + 17, f"{10**power:,}", "middle")]
    for power in range(low_y, high_y + 1):
        y = down(10.0**power)
        shape += [line(left, y, right, y, "grid"), text(left - 6, y + 4, f"{10.0**power:g}", "end")]
    for each in shown:
        if not math.isnan(each.chance) and each.chance > 0:
            shape += [
                element(
                    "circle", cx=pixels(across(each.rows)), cy=pixels(down(each.chance)), r=3.5, class_="shuffled-dot"
                )
            ]
        if each.error > 0:
            kind = "synthetic-dot" if each.verdict == "as private" else "absent-dot"
            shape += [element("circle", cx=pixels(across(each.rows)), cy=pixels(down(each.error)), r=5, class_=kind)]
    shape += _key(
        (("synthetic-dot", "synthetic"), ("absent-dot", "share is off"), ("shuffled-dot", "two private halves")),
        left,
    )
    shape += [text((left + right) / 2, foot + 36, "private rows in the group", "middle")]
    shape += [text(12, (top + foot) / 2, "distance", "middle", turned=True)]
    words = f"{len(shown)} groups of {min(each.rows for each in shown):,} to {max(each.rows for each in shown):,} rows."
    return figure(name, foot + 44, "Error within groups", words, shape, wide=WIDE)


def disparities(found: Sequence[Group], name: str) -> Markup:
    """How much more or less often each group occurs among synthetic rows, as a factor of its odds."""
    shown = [each for each in found if each.log_disparity is not None][:MOST_GROUPS]
    left, right, pitch, top = 268, 640, 22, 26
    reach = max(0.1, *(abs(each.log_disparity or 0.0) for each in shown))
    middle = (left + right) / 2
    foot = top + pitch * len(shown)
    shape = [line(middle, top - 6, middle, foot, "middle"), text(middle, 14, "as private", "middle")]
    shape += [
        text(left, 14, f"{math.exp(-reach):.2g} times", "middle"),
        text(right, 14, f"{math.exp(reach):.2g} times", "middle"),
    ]
    for place, each in enumerate(shown):
        y = top + pitch * place
        value = each.log_disparity or 0.0
        wide = (right - left) / 2 * abs(value) / reach
        kind = "reached" if each.verdict == "as private" else "off"
        x = middle - wide if value < 0 else middle
        shape += [
            text(left - 44, y + 14, shortened(", ".join(value for _, value in each.levels), 38), "end"),
            element("rect", x=pixels(x), y=pixels(y + 3), width=pixels(max(wide, 1.0)), height=14, class_=kind),
        ]
    off = sum(each.verdict != "as private" for each in shown)
    words = f"{off} of {len(shown)} groups have other odds than among private rows, beyond chance."
    return figure(name, foot + 6, "Representation of groups", words, shape, wide=WIDE)


def relations(
    matrices: tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]], columns: Sequence[str], name: str
) -> Markup:
    """Cramer's V of all pairs: private above the diagonal, synthetic below it; the darker, the stronger."""
    count = min(len(columns), MOST_COLUMNS)
    edge = min(22.0, 540 / count)
    left, top = 160, 24
    shape: list[Markup] = []
    for i in range(count):
        y = top + edge * i
        shape += [text(left - 8, y + edge / 2 + 4, f"{shortened(columns[i], 18)}  {i + 1}", "end")]
        shape += [text(left + edge * (i + 0.5), top - 8, str(i + 1), "middle", kind="key")]
        for j in range(count):
            if i == j:
                continue
            value = matrices[0][i][j] if j > i else matrices[1][i][j]
            shade = 0.0 if math.isnan(value) else max(value, 0.02)
            shape += [
                element(
                    "rect", x=pixels(left + edge * j), y=pixels(y), width=pixels(edge - 1), height=pixels(edge - 1),
                    class_="real-cell" if j > i else "synthetic-cell", fill_opacity=f"{shade:.2f}",
                )
            ]  # fmt: skip
    foot = top + edge * count
    shape += [text(left, foot + 18, "above the diagonal: private rows; below: synthetic rows")]
    words = f"{count} columns. A table that keeps every relation is its own mirror image along the diagonal."
    return figure(name, foot + 26, "Relations between columns", words, shape, wide=WIDE)
