"""The sentences: they agree with the numbers, and promise nothing that an audit cannot know."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from attacks.report import words
from attacks.report.document import FILES, AuditReport
from attacks.report.records import AuditedClaim


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_never_says_more_than_it_knows(reports: dict[str, AuditReport], suffix: str) -> None:
    for report in reports.values():
        text = re.sub(r"<style>.*?</style>", "", report.rendered(suffix), flags=re.S)
        assert not re.search(r"\b(anonymous|anonymi[sz]ed|safe|safely|guaranteed|compliant|GDPR-proof)\b", text, re.I)


def test_page_summary_and_terminal_say_the_same(reports: dict[str, AuditReport]) -> None:
    for report in reports.values():
        said = [words.headline(report), words.MEANINGS[report.verdict]]
        for text in (report.rendered(".html"), report.rendered(".md"), "\n".join(words.in_short(report))):
            assert all(sentence in text for sentence in said)
    assert set(FILES) == {".json", ".html", ".md"}


def test_odds_of_epsilon_one(passed: AuditReport) -> None:
    # Largest rates of finds of the Gaussian mechanism at epsilon 1, delta 1e-5: mu 0.268 gives 2.0 % and 0.24 %.
    assert words.odds(passed.claim) == [("100", "156", "100"), ("10", "19.8", "10"), ("1", "2.39", "1")]
    assert "15.6%" in words.ceilings(passed.claim)


def test_pairs_are_tested_at_twice_the_cost(reports: dict[str, AuditReport]) -> None:
    assert "epsilon 2 and delta 3.72e-5" in words.design_in_words(reports["pairs"].claim)
    assert "twice" not in words.design_in_words(reports["passed"].claim)
    swapped = replace(reports["pairs"].claim, relation="replace-one")
    assert "twice" not in words.design_in_words(swapped)


def test_bounds_are_set_against_the_claim_in_its_own_terms(reports: dict[str, AuditReport]) -> None:
    of = {name: words.bound_of(report.findings[0], report) for name, report in reports.items()}
    assert of["passed"] is not None
    assert of["pairs"] is not None
    assert of["without claim"] is not None
    assert (of["passed"][0], of["passed"][2]) == ("mu", 0.268)
    assert (of["pairs"][0], of["pairs"][2]) == ("epsilon", 1.0)
    assert (of["without claim"][0], of["without claim"][2]) == ("mu", None)
    assert of["public"] is None


def test_outcomes(passed: AuditReport) -> None:
    record = passed.findings[0]
    assert record.measured is not None
    assert words.outcome(record, passed) == "nothing"
    seen = replace(record, measured=replace(record.measured, p_value_no_learning=1e-6))
    assert words.outcome(seen, passed) == "within"
    # With thirteen tests one p-value of 0.01 is to be expected now and then.
    lucky = replace(record, measured=replace(record.measured, p_value_no_learning=0.01))
    assert words.outcome(lucky, passed) == "nothing"
    against = replace(record, measured=replace(record.measured, p_adjusted=0.05))
    assert words.outcome(against, passed) == "contradicts"
    assert words.outcome(passed.public().findings[0], passed.public()) == "ran"
    assert words.outcome(passed.findings[-1], passed) == "not run"


def test_a_weak_promise_is_called_weak(reports: dict[str, AuditReport]) -> None:
    weak = [name for name, report in reports.items() if words.weakness(report.claim)]
    assert weak == ["weak"]
    blunt = AuditedClaim(True, 0.1, 0.1, None, 0.0, "add-remove", "one row", "pool")
    assert words.weakness(blunt)


def test_numbers_have_the_same_names_for_every_finding(reports: dict[str, AuditReport]) -> None:
    for report in reports.values():
        names = {tuple(name for name, _ in words.numbers_in_words(each, report)) for each in report.findings}
        assert len(names - {()}) <= 1


@pytest.mark.parametrize("value", [0.0, 1e-300, 0.26805, 0.9999, 1.0, 123456.0])
def test_bounds_are_rounded_against_us(value: float) -> None:
    assert float(words.rounded(value, "down")) <= value <= float(words.rounded(value, "up"))
