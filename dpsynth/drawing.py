"""What every figure is made of: SVG that says its message in words, and takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence

from dpsynth.markup import Markup, element

WIDTH = 360


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", x1=pixels(x1), y1=pixels(y1), x2=pixels(x2), y2=pixels(y2), class_=kind)


def text(
    x: float, y: float, content: str, anchor: str = "start", *, kind: str | None = None, turned: bool = False
) -> Markup:
    """Words at a place; turned: to be read upwards."""
    turn = f"rotate(-90 {pixels(x)} {pixels(y)})" if turned else None
    return element("text", content, x=pixels(x), y=pixels(y), text_anchor=anchor, class_=kind, transform=turn)


def pixels(value: float) -> str:
    """A coordinate in tenths of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def shortened(label: str, letters: int) -> str:
    """A label of at most so many letters."""
    return label if len(label) <= letters else label[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def figure(
    name: str,
    height: float,
    title: str,
    words: str,
    shape: Sequence[Markup],
    *,
    wide: float = WIDTH,
    width: int | None = None,
) -> Markup:
    """A drawing with a title and a description. wide: of its coordinates; width: in pixels, None for all there is."""
    described = element("title", title, id=f"{name}-title"), element("desc", words, id=f"{name}-words")
    # viewBox keeps its capital in SVG, where names tell large letters from small ones.
    return element(
        "svg",
        *described,
        *shape,
        viewBox=f"0 0 {pixels(wide)} {pixels(height)}",
        width=width,
        role="img",
        aria_labelledby=f"{name}-title {name}-words",
    )
