"""Laws and standards: attacks speak to questions, and nothing is said to be met."""

from __future__ import annotations

import re

from attacks.attack import Criterion
from attacks.report import law
from attacks.report.document import AuditReport


def test_only_attacks_that_ran_speak_to_a_question(passed: AuditReport) -> None:
    entries = {each.text: each for each in law.law_map(passed.findings)}
    assert entries["WP216 (EU), linkability"].tested_by == ("halves",)
    assert entries["WP216 (EU), inference"].tested_by == ("inference by trees",)
    nothing = [each for each in law.law_map(passed.findings[-1:]) if each.tested_by]
    assert nothing == []


def test_every_criterion_speaks_to_a_question() -> None:
    assert {each.value for each in Criterion} <= {name for _, _, criteria, _ in law._QUESTIONS for name in criteria}


def test_says_of_no_law_that_it_is_met() -> None:
    for entry in law.law_map(()):
        assert not re.search(
            r"\b(complies|compliant|satisfies|meets|met|anonymous|safe)\b", f"{entry.asks} {entry.left}"
        )
