"""Tables, figures and lists of facts: the few shapes that every section of the page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpsynth.markup import Content, Markup, element, foreign, joined


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[Content]], *, slim: bool = False, kind: str = ""
) -> Markup:
    """A table. Unless slim it becomes a list of cards where the page is narrow; its roles keep it a table by ear."""
    head = [element("th", each, scope="col", role="columnheader") for each in heads]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            [
                element("td", element("div", cell) if cell else None, role="cell", data_label=label)
                for cell, label in zip(row[1:], heads[1:], strict=True)
            ],
            role="row",
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", head, role="row"), role="rowgroup"),
        element("tbody", body, role="rowgroup"),
        role="table",
        class_=f"{'slim' if slim else 'wide'} {kind}".strip(),
    )


def figure(shape: Markup, caption: str, *, above: bool = False, kind: str | None = None) -> Markup:
    """A drawing with words below it, or above."""
    words = element("figcaption", foreign(caption))
    return element("figure", *((words, shape) if above else (shape, words)), class_=kind)


def facts(rows: Iterable[tuple[str, Content]]) -> Markup:
    """Names and what stands beside them."""
    return element(
        "dl", [joined(element("dt", name), element("dd", value)) for name, value in rows], class_="facts-long"
    )


def points(texts: Iterable[Content]) -> Markup:
    """A list of points."""
    return element("ul", [element("li", text) for text in texts])


def listed(names: Iterable[str]) -> Markup:
    """Names of others in a row, each in its own direction of writing."""
    return joined([joined(", " if place else None, foreign(name)) for place, name in enumerate(names)])


def marked(word: str, kind: str) -> Markup:
    """A word that stands for an outcome, in its colour."""
    return element("span", word, class_=f"outcome {kind}")
