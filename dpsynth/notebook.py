"""How a value shows itself in a notebook: a card of facts and a table, in which nothing goes unescaped.

Colours are those of the notebook, light or dark, so that none has to be guessed. No script, no style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpsynth.markup import Content, Markup, element

_FRAME = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:.7em 1em;margin:.3em 0;max-width:60em;"
    "overflow-x:auto;line-height:1.45"
)
_TITLE = "font-weight:600;font-size:1.1em;margin-bottom:.3em"
_NAME = "opacity:.7;padding:.1em 1.2em .1em 0;text-align:left;vertical-align:top;white-space:nowrap;font-weight:400"
_VALUE = "padding:.1em 0;text-align:left;vertical-align:top"
_HEADING = "padding:.2em .9em .2em 0;text-align:left;border-bottom:1px solid rgba(128,128,128,.5)"
_CELL = "padding:.15em .9em .15em 0;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.18)"
_PLAIN = "border-collapse:collapse;border:none;margin:.2em 0 .4em"
_WARNING = "border-left:4px solid #c2410c;padding:.1em .6em;margin:.4em 0;font-weight:600"
_NOTE = "opacity:.75;margin-top:.3em"
TONES = {"good": "#15803d", "bad": "#c2410c", "open": "#a16207"}
ROWS_SHOWN = 60


def card(
    title: str,
    facts: Iterable[tuple[str, Content]],
    *,
    headings: Sequence[str] = (),
    rows: Sequence[Sequence[Content]] = (),
    warning: str | None = None,
    note: str | None = None,
) -> str:
    """HTML of a card: a title, facts by name, and a table of at most ROWS_SHOWN rows; strings in it are text.

    warning: what must not be overlooked. note: a last line.
    """
    more = f"and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else None
    return element(
        "div",
        element("div", title, style=_TITLE),
        None if warning is None else element("div", warning, style=_WARNING),
        element("table", (_fact(name, value) for name, value in facts), style=_PLAIN),
        _table(headings, rows[:ROWS_SHOWN]) if rows else None,
        [element("div", words, style=_NOTE) for words in (more, note) if words],
        style=_FRAME,
        class_="dpsynth-card",
    ).html


def toned(words: str, tone: str) -> Markup:
    """Words in a tone of TONES, beside which they say the same without colour."""
    # A third of the notebook's own colour keeps it legible on light and on dark ground; the first is for old browsers.
    colour = f"color:{TONES[tone]};color:color-mix(in srgb,{TONES[tone]} 67%,currentColor)"
    return element("span", words, style=f"{colour};font-weight:600")


def bar(share: float) -> Markup:
    """A share between 0 and 1 as a bar with its percentage."""
    width = f"{100 * min(max(share, 0.0), 1.0):.1f}"
    style = f"display:inline-block;height:.7em;width:{float(width) / 12:.2f}em;background:#0f8a83;margin-right:.5em"
    return element("span", element("span", style=style), f"{100 * share:.1f}%", style="white-space:nowrap")


def _fact(name: str, value: Content) -> Markup:
    return element("tr", element("th", name, scope="row", style=_NAME), element("td", value, style=_VALUE))


def _table(headings: Sequence[str], rows: Sequence[Sequence[Content]]) -> Markup:
    head = element("thead", element("tr", (element("th", each, scope="col", style=_HEADING) for each in headings)))
    body = (element("tr", (element("td", cell, style=_CELL) for cell in row)) for row in rows)
    return element("table", head, element("tbody", body), style=_PLAIN)
