"""The plot of a comparison: 3-way error against CPU seconds on a log axis, as an SVG file written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.compare.table import Row

WIDTH, HEIGHT = 860, 560
LEFT, RIGHT, TOP, BOTTOM = 78, 26, 58, 66  # margins around the axes, pixels
FONT = 13
CHARACTER = 0.62 * FONT  # mean width of a letter
LETTERS = f'font-family="DejaVu Sans, Arial, sans-serif" font-size="{FONT}"'
OURS, PEER, GRAY = "#1f5fa8", "#b8500f", "#666666"

Box = tuple[float, float, float, float]  # left, top, right, bottom


def plot_svg(rows: Sequence[Row], title: str) -> str:
    """The picture as SVG text. Rows without a time are dashed lines; rows without an error are named below."""
    points = [row for row in rows if "error3" in row.values and "seconds" in row.values]
    levels = [row for row in rows if "error3" in row.values and "seconds" not in row.values]
    absent = [row for row in rows if "error3" not in row.values]
    height = HEIGHT + 18 * (len(absent) + 1 if absent else 0)
    seconds = [value for row in points for value in row.values["seconds"] if value > 0] or [1.0]
    low = math.floor(math.log10(min(seconds)))
    high = max(math.ceil(math.log10(max(seconds))), low + 1)
    top = 1.15 * max([row.values["error3"][2] for row in [*points, *levels]] or [1.0])

    def across(value: float) -> float:
        return LEFT + (math.log10(max(value, 10.0**low)) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {LETTERS}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(LEFT, 24, title, size=15),
        _text(LEFT, 44, "lower and further left is better; bars: least to most over the seeds", GRAY),
    ]
    for power in range(low, high + 1):
        x = across(10.0**power)
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM, "#dddddd"))
        parts.append(_text(x, HEIGHT - BOTTOM + 20, f"{10.0**power:g}", anchor="middle"))
    for value in _ticks(top):
        parts.append(_line(LEFT, down(value), WIDTH - RIGHT, down(value), "#eeeeee"))
        parts.append(_text(LEFT - 8, down(value) + 4.5, f"{value:g}", anchor="end"))
    parts.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "black"))
    parts.append(_line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "black"))
    parts.append(
        _text(
            (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 22,
            "CPU seconds of fit and sample, one thread (log axis)",
            anchor="middle",
        )
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    name = _text(0, 0, "mean 3-way error (TVD)", anchor="middle")
    parts.append(f'<g transform="translate(20 {middle}) rotate(-90)">{name}</g>')
    taken: list[Box] = []
    for row in levels:
        y = down(row.values["error3"][1])
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, GRAY, dash=True))
        width = CHARACTER * len(row.label)
        parts.append(_text(WIDTH - RIGHT - 4, y - 5, row.label, GRAY, anchor="end"))
        taken += [(WIDTH - RIGHT - 4 - width, y - 5 - FONT, WIDTH - RIGHT, y - 1), (LEFT, y - 1, WIDTH - RIGHT, y + 1)]
    places = [(across(row.values["seconds"][1]), down(row.values["error3"][1])) for row in points]
    taken += [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    for row, (x, y) in zip(points, places, strict=True):
        parts += _point(row, x, y, down(row.values["error3"][0]), down(row.values["error3"][2]))
        parts += _label(row.label, x, y, taken)
    if absent:
        parts.append(_text(LEFT, HEIGHT + 4, "not in the picture:", GRAY))
        parts += [
            _text(LEFT, HEIGHT + 4 + 18 * (index + 1), _cut(f"{row.label}: {row.status}"), GRAY)
            for index, row in enumerate(absent)
        ]
    return "\n".join([*parts, "</svg>", ""])


def place_label(width: float, x: float, y: float, taken: Sequence[Box]) -> Box:
    """Where a label beside the point (x, y) covers nothing of `taken` and stays within the axes; else the least bad."""
    spots = []
    for distance in (12.0, 20.0, 34.0, 50.0, 68.0, 90.0, 115.0):
        for angle in (0, 180, 315, 45, 270, 90, 225, 135, 340, 20, 200, 160, 290, 250):
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            middle_x = x + dx * (distance + width / 2 * abs(dx))
            middle_y = y + dy * (distance + FONT / 2 * abs(dy))
            spots.append((middle_x - width / 2, middle_y - FONT * 0.6, middle_x + width / 2, middle_y + FONT * 0.6))
    inside = [
        box
        for box in spots
        if box[0] > LEFT + 2 and box[2] < WIDTH - RIGHT and box[1] > TOP and box[3] < HEIGHT - BOTTOM
    ]
    return min(inside or spots, key=lambda box: sum(_overlap(box, other) for other in taken))


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _label(text: str, x: float, y: float, taken: list[Box]) -> list[str]:
    box = place_label(CHARACTER * len(text), x, y, taken)
    taken.append(box)
    color = OURS if text.startswith("ours:") else PEER
    parts = [_text((box[0] + box[2]) / 2, box[3] - 4, text, color, anchor="middle")]
    near = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    if math.dist(near, (x, y)) > 14:  # far from its point: lead the eye there
        parts.insert(0, _line(x, y, *near, "#aaaaaa"))
    return parts


def _point(row: Row, x: float, y: float, least: float, most: float) -> list[str]:
    """Ours are circles and peers are squares, so that the picture can be read without its colours."""
    if row.label.startswith("ours:"):
        mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{OURS}"/>'
        return [_line(x, least, x, most, OURS), mark]
    mark = f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" fill="{PEER}"/>'
    return [_line(x, least, x, most, PEER), mark]


def _ticks(top: float) -> list[float]:
    """Round values from 0 to below `top`, at most eight."""
    step = 10.0 ** math.floor(math.log10(top))
    step = next(size for size in (step / 10, step / 5, step / 2, step, 2 * step) if top / size < 8)
    return [round(index * step, 10) for index in range(int(top / step) + 1)]


def _cut(text: str) -> str:
    most = int((WIDTH - LEFT - RIGHT) / CHARACTER)
    return text if len(text) <= most else text[: most - 3] + "..."


def _line(x1: float, y1: float, x2: float, y2: float, color: str, *, dash: bool = False) -> str:
    dashed = ' stroke-dasharray="5 4"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{dashed}/>'


def _text(x: float, y: float, text: str, color: str = "black", *, anchor: str = "start", size: int = FONT) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
    )
