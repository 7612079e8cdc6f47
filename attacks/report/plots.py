"""Figures as inline SVG: no script, no font, no colour of its own; classes take colours from the page's style sheet.

Every figure has a title and a description that say its message in words. Sizes are in user units, of which the page
shows about one for each pixel, so that text stays readable on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from attacks.report.records import SuccessRates
from attacks.report.words import in_percent, rounded
from attacks.statistics.trade_off import Gaussian, TradeOff
from dpsynth.drawing import WIDTH, figure, line, pixels, shortened, text
from dpsynth.markup import Markup, element

# A bar chart of more findings than this shows the largest ones.
MOST_BARS = 12
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 352, 12, 250
_DECADES = (0.001, 0.01, 0.1, 1.0)

Points = Sequence[tuple[float, float]]


def roc(points: Points, curve: TradeOff, name: str) -> Markup:
    """The attack's trade-off on two logarithmic axes, with what the claim allows and what guessing gives.

    points: (false-positive, true-positive) rates. curve: the claim's. name: unique in the page. What the claim rules
    out is shaded.
    """
    grid = np.logspace(-3, 0, 61)
    allowed = list(zip(grid.tolist(), (1 - curve.f(grid)).tolist(), strict=True))
    words = f"The claim allows {in_percent(curve.ceiling(0.01), 'up')} of finds at 1% of false alarms."
    shape = [
        element("path", d=f"{_path(allowed)} L{_LEFT} {_TOP} Z", class_="ruled-out"),
        *_decades(),
        line(_LEFT, _BOTTOM, _RIGHT, _TOP, "chance"),
        element("path", d=_path(allowed), class_="claim line"),
    ]
    if points:
        shape.append(element("path", d=_path(_from_left(points)), class_="attack line"))
    # Below the diagonal nothing is drawn: room for the key.
    key = [("attack line", "attack"), ("claim line", "most the claim allows"), ("chance", "guessing")]
    for place, (kind, label) in enumerate(key):
        height = 192 + 18 * place
        shape += [line(186, height, 206, height, kind), text(212, height + 4, label)]
    shape += [
        text((_LEFT + _RIGHT) / 2, 286, "false alarms (share of those who were not in)", "middle"),
        text(11, (_TOP + _BOTTOM) / 2, "found (share of those who were in)", "middle", turned=True),
    ]
    return figure(name, 292, "Finds against false alarms", words, shape)


def bounds(rows: Sequence[tuple[str, float]], measure: str, claimed: float | None, name: str) -> Markup:
    """Lower bounds as bars against the claim. rows: label and bound, largest first are shown. measure: of what."""
    shown = sorted(rows, key=lambda row: -row[1])[:MOST_BARS]
    scale = (WIDTH - 4) / (1.05 * max([value for _, value in shown] + [claimed or 0.0, 0.05]))
    start = 0 if claimed is None else 24
    shape = []
    for place, (label, value) in enumerate(shown):
        top = start + 36 * place
        kind = "attack beyond" if claimed is not None and value > claimed else "attack"
        shape += [
            text(0, top + 11, shortened(label, 44)),
            text(WIDTH, top + 11, rounded(value, "down"), "end", kind="number"),
            element("rect", x=0, y=top + 18, width=WIDTH, height=9, class_="track"),
            element("rect", x=0, y=top + 18, width=pixels(max(value * scale, 1.5)), height=9, class_=kind),
        ]
        if claimed is not None:
            shape += _mark(claimed * scale, top + 16, top + 29)
    words = f"The largest bound on {measure} is {rounded(shown[0][1], 'down')}." if shown else "No bound."
    if claimed is not None:
        mark = max(1.0, claimed * scale)
        label = f"claim {rounded(claimed, 'up')}"
        shape += [text(mark, 12, label, "end" if mark > WIDTH / 2 else "start", kind="claim-word")]
        words += f" The claim is {rounded(claimed, 'up')}."
    return figure(name, start + 36 * len(shown), f"Proved lower bounds on {measure}", words, shape)


def success(rates: SuccessRates, name: str) -> Markup:
    """Right guesses about members and about others, with the most that the claim allows about members."""
    ends = [rates.members, rates.control, rates.ceiling or 0.0]
    scale = 228 / max(1e-3, min(1.0, 1.1 * max(ends)))
    mark = None if rates.ceiling is None else 84 + min(rates.ceiling, 1.0) * scale
    shape = []
    for place, (label, value, kind) in enumerate(
        (("were in", rates.members, "attack"), ("were not in", rates.control, "control"))
    ):
        top, wide = 28 + 32 * place, max(value * scale, 1.5)
        over = rates.ceiling is not None and kind == "attack" and value > rates.ceiling
        # Beside its bar, and never on the mark of the ceiling.
        number = 84 + wide + 6
        if mark is not None and kind == "attack" and number - 8 <= mark <= number + 42:
            number = mark + 6
        shape += [
            text(76, top + 15, label, "end"),
            element("rect", x=84, y=top, width=pixels(wide), height=22, class_=f"{kind} beyond" if over else kind),
            text(number, top + 15, in_percent(value), kind="number"),
        ]
    words = f"{in_percent(rates.members)} of guesses were right about those who were in, {in_percent(rates.control)}"
    words += " about those who were not."
    if rates.ceiling is not None and mark is not None:
        label = f"claim allows {in_percent(rates.ceiling, 'up')}"
        side = "end" if mark > WIDTH / 2 else "start"
        shape += [*_mark(mark, 20, 58), text(mark, 14, label, side, kind="claim-word")]
        words += f" The claim allows {in_percent(rates.ceiling, 'up')}."
    return figure(name, 88, "Right guesses", words, [*shape, line(84, 22, 84, 88, "axis")])


def power(points: Points, curve: TradeOff, level: float, name: str) -> Markup:
    """The chance of a "fail" against the true mu of a perfect attacker. points: (mu, chance), mu ascending."""
    claimed = curve.mu if isinstance(curve, Gaussian) else None
    end = max([mu for mu, _ in points] + [1e-6])

    def across(mu: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * mu / end

    def up(chance: float) -> float:
        return 170 - 150 * chance

    shape = []
    for chance in (0.0, 0.5, 1.0):
        shape += [line(_LEFT, up(chance), _RIGHT, up(chance), "grid")]
        shape += [text(_LEFT - 6, up(chance) + 4, in_percent(chance), "end")]
    shape += [line(_LEFT, up(level), _RIGHT, up(level), "chance")]
    shape += [text(_LEFT + 4, up(level) - 4, in_percent(level))]
    shape += [text(across(mu), 188, f"{mu:.3g}", "middle") for mu in _ticks(end)]
    if claimed is not None and claimed <= end:
        side, shift = ("end", -5) if across(claimed) > WIDTH / 2 else ("start", 5)
        shape += [line(across(claimed), 20, across(claimed), 170, "claim line")]
        shape += [text(across(claimed) + shift, 163, "claim", side, kind="claim-word")]
    path = " ".join(f"{'L' if k else 'M'}{pixels(across(x))} {pixels(up(y))}" for k, (x, y) in enumerate(points))
    shape += [element("path", d=path, class_="attack line")] if points else []
    shape += [text((_LEFT + _RIGHT) / 2, 206, "true mu", "middle")]
    seen = next((mu for mu, chance in points if chance >= level), None)
    words = "No violation shown is seen so surely." if seen is None else f"From mu {rounded(seen, 'up')} on."
    return figure(name, 212, f"Violations seen with {in_percent(level)} chance", words, shape)


def _decades() -> list[Markup]:
    """Grid lines and numbers at powers of ten, on both axes."""
    marks = []
    for rate in _DECADES:
        x, y = _log_x(rate), _log_y(rate)
        marks += [line(x, _TOP, x, _BOTTOM, "grid"), line(_LEFT, y, _RIGHT, y, "grid")]
        marks += [text(x, _BOTTOM + 17, in_percent(rate), "end" if rate == 1 else "middle")]
        marks += [text(_LEFT - 5, y + 4, in_percent(rate), "end")]
    return marks


def _log_x(rate: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * (math.log10(max(rate, _DECADES[0])) + 3) / 3


def _log_y(rate: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * (math.log10(max(rate, _DECADES[0])) + 3) / 3


def _from_left(points: Points) -> list[tuple[float, float]]:
    """The points from the left edge on; what lies beyond it ends on the edge."""
    ordered = sorted(points)
    beyond = [found for rate, found in ordered if rate <= _DECADES[0]]
    edge = [(_DECADES[0], max(beyond))] if beyond else []
    return edge + [(rate, found) for rate, found in ordered if rate > _DECADES[0]]


def _path(points: Points) -> str:
    """Straight lines through points on the two logarithmic axes."""
    places = (f"{pixels(_log_x(x))} {pixels(_log_y(y))}" for x, y in points)
    return " ".join(f"{'L' if number else 'M'}{place}" for number, place in enumerate(places))


def _ticks(end: float) -> list[float]:
    """About four round numbers from 0 to the end."""
    rough = end / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    return [place * step for place in range(int(end / step + 1e-9) + 1)]


def _mark(x: float, top: float, foot: float) -> list[Markup]:
    """The claim as a short upright line, set off from the bar it may cross."""
    return [line(x, top, x, foot, "halo"), line(x, top, x, foot, "claim line")]
