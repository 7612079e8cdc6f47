"""HTML and SVG in which nothing can go unescaped: text becomes markup only through `element`.

`Markup` is no string, so a string never counts as one; every string that is handed to `element`, as content or
as the value of an attribute, is escaped. Only `Markup` has an `html`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

# Elements that have no content and no end tag in HTML.
_VOID = frozenset({"meta", "link", "br", "hr"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:-]*\Z")
# Joins letters of some scripts and parts of some emoji; all other invisible characters can mislead a reader.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Markup:
    """A piece of a page that `element` has made."""

    html: str


Content = Markup | str | float | None | Iterable["Content"]


def element(tag: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """An element; strings in it are text. Content: markup, text, numbers, None for nothing, or iterables of those.

    Attributes: `_` in a name stands for `-`, one at its end is dropped (`class_`); None leaves the attribute out.

    >>> element("p", "a < b", class_="it's").html
    '<p class="it&#x27;s">a &lt; b</p>'
    """
    names = {given: given.removesuffix("_").replace("_", "-") for given in attributes}
    if not all(_NAME.match(each) for each in (tag, *names.values())):
        raise ValueError("names of elements and attributes must be plain")
    values = "".join(
        f' {names[given]}="{html.escape(visible(str(value)))}"'
        for given, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{values}>")
    return Markup(f"<{tag}{values}>{joined(*content).html}</{tag}>")


def joined(*content: Content) -> Markup:
    """Pieces of content one after the other."""
    return Markup("".join(_html(each) for each in content))


def foreign(text: str) -> Markup:
    """Text that somebody else wrote: its direction of writing stays within it."""
    return element("bdi", text)


def style(sheet: str) -> Markup:
    """Our own style sheet. Raises ValueError when it could end its element."""
    if "<" in sheet:
        raise ValueError("a style sheet must not hold a tag")
    return Markup(f"<style>{sheet}</style>")


def page_head(title: str, sheet: str) -> Markup:
    """The head of a page that needs nothing but itself: no script, no other resource, one style sheet by its hash."""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("meta", name_="robots", content="noindex"),
        element("meta", name_="referrer", content="no-referrer"),
        element("title", title),
        style(sheet),
    )


def document(language: str, head: Markup, body: Markup) -> str:
    """A whole page."""
    return f"<!doctype html>\n{element('html', head, body, lang=language).html}\n"


def visible(text: str) -> str:
    """The text with a mark in place of every control character and of every character that turns its direction.

    >>> visible("a" + chr(0x202E) + "b")
    'a\ufffdb'
    """
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" or letter in _JOINERS else _shown(letter) for letter in text
    )


def _shown(letter: str) -> str:
    return " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"


def _html(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content.html
    if isinstance(content, str):
        return html.escape(visible(content))
    if isinstance(content, int | float):
        return html.escape(str(content))
    return "".join(_html(each) for each in content)
