"""Cards for notebooks: whole HTML, nothing unescaped, nothing shown that nobody answers for."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.notebook import ROWS_SHOWN, bar, card, toned
from dpsynth.release.card import _cell

EVIL = "<script>alert('x')</script> & \"q\""
CANARY = "Zebulon"


class Whole(HTMLParser):
    """Fails on a tag that is not closed in order, and keeps the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.tags: set[str] = set()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style", "class", "scope"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(max_examples=25)
@given(st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_whatever_is_shown_stays_text(title: str, facts: list[tuple[str, str]]) -> None:
    page = Whole(card(title, facts, headings=[title], rows=[[name] for name, _ in facts], warning=title, note=title))
    assert page.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "span"}


def test_long_tables_end() -> None:
    page = Whole(card("x", [], headings=["n"], rows=[[str(row)] for row in range(ROWS_SHOWN + 7)]))
    assert "and 7 more" in page.text
    assert "50.0%" in Whole(bar(0.5).html).text


@pytest.fixture(scope="module")
def release() -> dpsynth.Release:
    table = {EVIL: [EVIL, None] * 50, "sex": ["F", "M"] * 50}
    columns = [dpsynth.Categorical(EVIL, values=[EVIL], nullable=True), dpsynth.Categorical("sex", values=["F", "M"])]
    return dpsynth.synthesize(table, dpsynth.Schema(columns), epsilon=3, delta=1e-6, synthesizer="independent")


def test_a_release_a_plan_and_a_schema_show_themselves(release: dpsynth.Release) -> None:
    plan = dpsynth.plan(release.schema, epsilon=3, delta=1e-6)
    for shown in (release, plan, release.schema):
        html = shown._repr_html_()
        assert "<script" not in html
        Whole(html)
    text = Whole(release._repr_html_()).text
    assert EVIL in text
    assert "epsilon 3, delta 1e-06" in text
    assert "The first 5 of" in text
    assert [step.label in Whole(plan._repr_html_()).text for step in plan.steps]
    fair = dpsynth.plan(release.schema, epsilon=3, delta=1e-6, fairness=dpsynth.Fairness(["sex"], EVIL))
    assert "does not depend on sex" in Whole(fair._repr_html_()).text


def test_days_are_shown_as_days() -> None:
    import pandas as pd

    assert [_cell(pd.Timestamp(at)) for at in ("2020-02-01", "2020-02-01 07:00")] == [
        "2020-02-01",
        "2020-02-01 07:00:00",
    ]


def test_tones_are_told_to_browsers_old_and_new() -> None:
    assert Whole(toned("right", "good").html).text == "right"
    assert "color:#15803d;color:color-mix(" in toned("right", "good").html


def test_a_draft_shows_no_value_that_nobody_answers_for() -> None:
    draft = dpsynth.draft(
        {"x": 1} and __import__("pandas").DataFrame({"name": [CANARY, "other"] * 20, "n": [97, 1] * 20})
    )
    text = Whole(draft._repr_html_()).text
    assert CANARY not in text
    assert "97" not in text
    assert "items wait for your review" in text
    asked = dpsynth.import_schema({"fields": [{"name": "age", "type": "integer"}]}, by="codebook")
    assert "A draft: 2 questions wait for an answer" in Whole(asked._repr_html_()).text


def test_a_table_that_is_large_is_not_drawn_for_a_glance(release: dpsynth.Release) -> None:
    large = release.drawn(10**9, None)
    assert "The first" not in Whole(large._repr_html_()).text
    assert "table" not in vars(large)


def test_a_gate_and_an_audit_show_their_verdict(release: dpsynth.Release, tmp_path: Any) -> None:
    from dpsynth.gate.decision import decide
    from dpsynth.gate.policy import default_policy

    decision = decide(release.save(tmp_path / "release"), default_policy())
    text = Whole(decision._repr_html_()).text
    assert decision.verdict in text
    assert all(rule.name in text for rule in decision.rules)
