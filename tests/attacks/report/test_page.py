"""The page as text: well formed, small, self-contained, and deaf to hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from attacks.report.document import AuditReport
from attacks.report.records import FindingRecord

VOID = {"meta"}
URL = re.compile(r"(?:href|src|action|data|poster|xlink:href|style|srcset)")


class Reader(HTMLParser):
    """Every element with its attributes; complains about elements that are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of {tag} is there twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def words_of(text: str) -> set[str]:
    return set(text.split())


@pytest.fixture(scope="session")
def pages(reports: dict[str, AuditReport]) -> dict[str, Reader]:
    return {name: Reader(report.rendered(".html")) for name, report in reports.items()}


def test_nothing_runs_and_nothing_is_fetched(pages: dict[str, Reader]) -> None:
    allowed = words_of(
        "html head meta title style body a header main nav ol ul li section article h1 h2 h3 p strong span bdi code"
        " div dl dt dd figure figcaption table caption thead tbody tr th td svg desc path line rect text"
    )
    for name, page in pages.items():
        assert {tag for tag, _ in page.elements} <= allowed, name
        for tag, attributes in page.elements:
            assert not [each for each in attributes if each.startswith("on")]
            links = {each: value for each, value in attributes.items() if URL.fullmatch(each)}
            assert all(tag == "a" and each == "href" and str(value).startswith("#") for each, value in links.items())
        (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv")]
        assert str(policy).startswith("default-src 'none'; style-src 'sha256-")


def test_hostile_names_stay_text(pages: dict[str, Reader]) -> None:
    shown = "".join(pages["hostile"].text)
    assert "<script>document.title='taken'</script>" in shown
    assert "</style></title><b>bold</b>" in shown
    # Nothing that turns the direction of writing, and no control character.
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b")
    assert len(pages["hostile"].of("title")) == 1 + len(pages["hostile"].of("svg"))
    (title,) = [each for each in pages["hostile"].elements if each[0] == "html"]
    assert title[1]["lang"] == "en"


def test_everybody_can_read_it(pages: dict[str, Reader]) -> None:
    for page in pages.values():
        assert len(page.of("h1")) == 1
        assert page.of("a")[0]["href"] == "#verdict"
        names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(set(names)) == len(names)
        assert all(str(each["href"])[1:] in names for each in page.of("a"))
        assert all(each["scope"] in ("col", "row") for each in page.of("th"))
        assert len(page.of("caption")) == len(page.of("table"))
        for each in page.of("svg"):
            assert each["role"] == "img"
            assert set(str(each["aria-labelledby"]).split()) <= set(names)
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_verdict_comes_first(pages: dict[str, Reader]) -> None:
    for page in pages.values():
        places = {str(attributes.get("id")): place for place, (_, attributes) in enumerate(page.elements)}
        order = ["verdict", "claim", "attacks", "checks", "controls", "law", "limits", "appendix"]
        assert sorted(order, key=places.__getitem__) == order


def test_colours_come_from_the_style_sheet_alone(reports: dict[str, AuditReport], pages: dict[str, Reader]) -> None:
    for page in pages.values():
        assert not [1 for _, attributes in page.elements if attributes.keys() & {"fill", "stroke", "style", "color"}]
    sheet = reports["passed"].rendered(".html").split("<style>")[1].split("</style>")[0]
    used, defined = set(re.findall(r"var\((--[a-z-]+)\)", sheet)), set(re.findall(r"(--[a-z-]+):", sheet))
    assert used <= defined
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_a_large_audit_stays_small(passed: AuditReport) -> None:
    records: list[FindingRecord] = [
        replace(each, attack=f"{each.attack} {copy}") for copy in range(6) for each in passed.findings
    ]
    assert len(records) == 84
    large = replace(passed, findings=tuple(records))
    assert len(large.rendered(".html").encode()) < 1_000_000
    assert len(large.rendered(".md").splitlines()) <= 80


def test_public_page_has_no_figure_of_an_attack(pages: dict[str, Reader]) -> None:
    assert [each["aria-labelledby"] for each in pages["public"].of("svg")] == ["power-title power-words"]
    assert not pages["public"].of("article")
