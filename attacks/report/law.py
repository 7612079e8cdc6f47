"""Which questions of laws and standards the audit has something to say about. It never says that one is met.

Sources: Article 29 Working Party, Opinion 05/2014 on Anonymisation Techniques (WP216); ISO/IEC 27559:2022;
NIST SP 800-226 (2025); 45 CFR 164.514(b)(1) (HIPAA, expert determination); ICO, Anonymisation guidance (2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from attacks.report.records import STRICT, FindingRecord


@dataclass(frozen=True)
class LawEntry:
    """One question of a law or standard, and which attacks speak to it; empty where none ran.

    text: the law or standard. asks: its question. tested_by: names of attacks that ran. left: what it asks beyond.
    """

    text: str
    asks: str
    tested_by: tuple[str, ...]
    left: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


_ALL = ("membership", "singling out", "linkability", "attribute inference", "reconstruction")

_QUESTIONS = (
    (
        "WP216 (EU), singling out",
        "Can a person's record be isolated?",
        ("singling out", "membership"),
        "whether means of identification are reasonably likely to be used by anybody",
    ),
    (
        "WP216 (EU), linkability",
        "Can two records about one person be linked?",
        ("linkability",),
        "links with data sets that the audit did not have",
    ),
    (
        "WP216 (EU), inference",
        "Can a value of a person be deduced from the others?",
        ("attribute inference", "reconstruction"),
        "inference about groups, which no method for the protection of persons prevents",
    ),
    (
        "ISO/IEC 27559:2022, identifiability",
        "Was identifiability measured, and tested by adversaries?",
        _ALL,
        "the context: recipients, their motives and means, safeguards, review over time",
    ),
    (
        "NIST SP 800-226, evaluating a claim of differential privacy",
        "Does the mechanism keep the epsilon that it claims, for the unit that it claims?",
        ("membership",),
        "a proof: tests find faults and show none absent; also trust model, side channels, collection of the data",
    ),
    (
        "HIPAA 45 CFR 164.514(b)(1), expert determination",
        "What methods and results support that the risk is very small?",
        _ALL,
        "the expert, the anticipated recipient, and the justification of what counts as very small",
    ),
    (
        "ICO (UK), motivated intruder",
        "Would a determined, competent person without special access succeed?",
        _ALL,
        "searches of public sources, inquiries and other means outside the table",
    ),
)


def law_map(findings: Sequence[FindingRecord]) -> tuple[LawEntry, ...]:
    """Every question, with the attacks that ran on it."""
    return tuple(LawEntry(text, asks, _ran(findings, criteria), left) for text, asks, criteria, left in _QUESTIONS)


def _ran(findings: Sequence[FindingRecord], criteria: Sequence[str]) -> tuple[str, ...]:
    names = (each.attack for each in findings if each.status == "ran" and each.criterion in criteria)
    return tuple(dict.fromkeys(names))
