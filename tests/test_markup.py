"""Text cannot become markup by being forgotten."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.markup import Markup, element, style, visible


@given(st.text(), st.text())
def test_any_text_comes_back_as_text(content: str, attribute: str) -> None:
    seen: list[tuple[str, object]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, attrs))

        def handle_data(self, data: str) -> None:
            text.append(data)

    text: list[str] = []
    reader = Reader(convert_charrefs=True)
    reader.feed(element("p", content, title=attribute).html)
    reader.close()
    assert seen == [("p", [("title", visible(attribute))])]
    assert "".join(text) == visible(content)


def test_strings_are_never_markup() -> None:
    assert not isinstance("<b>", Markup)
    assert element("p", ["<b>", element("b", "&"), None, 1.5]).html == "<p>&lt;b&gt;<b>&amp;</b>1.5</p>"
    assert element("meta", content='"').html == '<meta content="&quot;">'


@pytest.mark.parametrize("name", ["p onclick", "p>", "", "1p", "p\n"])
def test_names_must_be_plain(name: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        element(name)
    with pytest.raises(ValueError, match="plain"):
        element("p", **{name: "x"})


def test_a_style_sheet_cannot_end_itself() -> None:
    with pytest.raises(ValueError, match="tag"):
        style("p { content: '</style><script>' }")
