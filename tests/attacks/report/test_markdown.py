"""The summary: short, and text stays text."""

from __future__ import annotations

import re

from attacks.report.document import AuditReport


def test_short_and_whole(reports: dict[str, AuditReport]) -> None:
    for report in reports.values():
        lines = report.rendered(".md").splitlines()
        assert len(lines) <= 80
        assert lines[0].startswith("# ")
        tables = [line for line in lines if line.startswith("|")]
        widths = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
        assert set(widths) <= {4, 7}


def test_hostile_names_are_no_markup(reports: dict[str, AuditReport]) -> None:
    text = reports["hostile"].rendered(".md")
    assert not re.search(r"<(?!br)", text)
    assert "![" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert not re.search(r"(?<!\\)`", text)
    assert "https://" not in text
    assert "www.example" not in text
    assert "@somebody" not in text
    assert not set(text) & set("\u202e\u2066\x00\x1b")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [line for line in reports["passed"].rendered(".md").splitlines() if line.startswith("#")]


def test_what_contradicts_comes_first(reports: dict[str, AuditReport]) -> None:
    rows = [line for line in reports["failed"].rendered(".md").splitlines() if line.startswith("| ")]
    outcomes = ["contradicts" in line for line in rows if "targets |" in line and "AUC" not in line]
    assert outcomes == sorted(outcomes, reverse=True)
    assert sum(outcomes) == 2
