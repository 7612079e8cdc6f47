"""The page as text: whole, one file, nothing unescaped, in order, and true to what was gathered."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from dpsynth.release.certificate import LedgerRecord, MechanismRecord, PublicItem
from dpsynth.report.content import Content
from dpsynth.report.fidelity import ColumnFidelity, Fidelity
from dpsynth.report.page import page

VOID = {"meta", "link", "br", "hr"}


class Outline(HTMLParser):
    """Tags in order, with checks that they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


@pytest.mark.parametrize("name", ["public", "steward", "bare"])
def test_it_is_one_small_file_that_fetches_nothing(pages: dict[str, str], name: str) -> None:
    text = pages[name]
    assert len(text.encode()) < 1_000_000
    tags = Outline(text).tags
    assert not {tag for tag, _ in tags} & {"script", "iframe", "img", "link", "object", "embed", "form", "input", "b"}
    links = {each.get("href") for tag, each in tags if tag == "a"}
    ids = [each["id"] for _, each in tags if "id" in each]
    assert len(ids) == len(set(ids))
    assert all(link is not None and link.startswith("#") and link[1:] in ids for link in links)
    assert not re.search(r"url\((?!#)|@import|https?:(?!//www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text or "default-src &#x27;none&#x27;" in text


@pytest.mark.parametrize("name", ["public", "steward", "bare"])
def test_it_can_be_read_by_ear(pages: dict[str, str], name: str) -> None:
    outline = Outline(pages[name])
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= level + 1 for level, later in itertools.pairwise(levels))
    assert ("html", {"lang": "en"}) in outline.tags
    heads = [each for tag, each in outline.tags if tag == "th"]
    assert heads
    assert all(each.get("scope") in ("col", "row") for each in heads)
    for tag, each in outline.tags:
        if tag == "svg":
            assert each.get("aria-hidden") or each.get("aria-label") or each.get("aria-labelledby")
    assert pages[name].index('class="skip"') < pages[name].index("<header")


def test_every_section_is_listed_in_order(pages: dict[str, str]) -> None:
    outline = Outline(pages["steward"])
    sections = [each["id"] for tag, each in outline.tags if tag == "section"]
    links = [each["href"] for tag, each in outline.tags if tag == "a" and (each.get("href") or "").startswith("#")]
    assert sections[0] == "summary"
    assert [f"#{name}" for name in sections[1:]] == links[1 : len(sections)]
    assert "model" in sections
    bare = [each["id"] for tag, each in Outline(pages["bare"]).tags if tag == "section"]
    assert "fidelity" not in bare


def test_the_summary_answers_first(pages: dict[str, str]) -> None:
    text = pages["public"]
    summary = text[text.index('id="summary"') : text.index("<nav")]
    for words in ("epsilon 2 and delta 1e-6", "adding or removing one row", "The audit ", "Yes.", "J. &lt;b&gt;Doe"):
        assert words in summary, words
    bare = pages["bare"]
    assert "No audit was handed to this report" in bare
    assert "No decision of a release gate" in bare


def test_what_others_wrote_stays_text(pages: dict[str, str]) -> None:
    for text in pages.values():
        assert "<script" not in text
        assert "<b>" not in text
        assert "\u202e" not in text
        assert "&lt;script&gt;document.title" in text


def test_a_ledger_entry_is_shown(bare: Content) -> None:
    entry = LedgerRecord("ledger-1", "people/visits", "request-9", 4, "a" * 64, 7, "b" * 64)
    text = page(replace(bare, certificate=replace(bare.certificate, ledger=entry)))
    for words in ("people/visits", "request-9", "a" * 64, "b" * 64):
        assert words in text
    assert "was not recorded in a ledger" in page(bare)


def test_a_wide_release_stays_small(bare: Content) -> None:
    names = tuple(f"a column with a rather long name {place}" for place in range(1000))
    steps = tuple(
        MechanismRecord(f"shape of {name}", "marginals", {"cliques": [[name, "x"]], "stddev": [9.5]}, 0.0, 0.0, 0.0)
        for name in names
    )
    items = tuple(PublicItem(name, item, "codebook") for name in names for item in ("type", "lower", "upper"))
    certificate = replace(bare.certificate, mechanisms=bare.certificate.mechanisms + steps, public_metadata=items)
    counts = np.arange(1.0, 31.0)
    columns = tuple(ColumnFidelity(name, tuple(map(str, range(30))), counts, counts[::-1], 3.0) for name in names)
    wide = replace(bare, certificate=certificate, columns=names, fidelity=Fidelity(columns, names), drawing=None)
    text = page(wide)
    assert len(text.encode()) < 1_000_000
    assert "more steps" in text
    assert "columns that lie nearer" in text
    assert "more items, listed in" in text
    Outline(text)


def test_constraints_have_a_table_of_their_own(bare: Content) -> None:
    items = (PublicItem("sex, age", "constraint: sex is <F> and age is 5 never occurs", "the <law>"),)
    certificate = replace(bare.certificate, public_metadata=bare.certificate.public_metadata + items)
    text = page(replace(bare, certificate=certificate))
    Outline(text)
    assert "Constraints: what holds in every row" in text
    assert "sex is &lt;F&gt; and age is 5 never occurs" in text
    assert "constraint:" not in text
    assert "Constraints: what holds" not in page(bare)


def test_fairness_is_said_with_what_it_does_not_promise(bare: Content) -> None:
    fairness = {"fairness": {"protected": ["sex"], "outcome": "smoker", "admissible": ["age"]}}
    text = page(replace(bare, certificate=replace(bare.certificate, settings=bare.certificate.settings | fairness)))
    assert "smoker depends on sex only through age. That is a property of the model" in text
    assert "property of the model that" not in page(bare)


def test_test_noise_is_shouted(bare: Content) -> None:
    noise = replace(bare.certificate.noise, private=False)
    assert "NOT PRIVATE" in page(replace(bare, certificate=replace(bare.certificate, noise=noise)))
    assert "NOT PRIVATE" not in page(bare)


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_other_verdicts_are_said_plainly(public: Content, verdict: Any) -> None:
    assert public.audit is not None
    text = page(replace(public, audit=replace(public.audit, verdict=verdict)))
    summary = text[text.index('id="summary"') : text.index("<nav")]
    assert {"fail": "The audit failed.", "inconclusive": "Inconclusive."}[verdict] in summary


def test_no_law_is_said_to_be_met(pages: dict[str, str]) -> None:
    text = pages["public"]
    for name in ("NIST SP 800-226", "ISO/IEC 27559", "WP216", "164.514(b)(1)"):
        assert name in text
    assert "does not say that any law is complied with" in text
    for role in ("Prepared by", "Reviewed by", "Approved by", "Date of the next review"):
        assert role in text


def test_the_printed_foot_names_the_release(bare: Content) -> None:
    assert f'"release {bare.manifest[:16]}"' in page(bare)
    # Even a manifest that is no hash cannot end the style sheet.
    assert '"release eae"' in page(replace(bare, manifest='"</style>a;}e'))


def test_a_weak_promise_is_called_weak(bare: Content) -> None:
    promise = replace(bare.certificate.promise, attack_odds=((0.01, 0.6),))
    weak = object.__new__(type(bare.certificate))
    weak.__dict__.update({**bare.certificate.__dict__, "promise": promise})
    assert "This promise is weak" in page(replace(bare, certificate=weak))
    assert "This promise is weak" not in page(bare)
    assert "no result is more than 7.39 times as likely with the row that somebody asks about as without it" in page(
        bare
    )
