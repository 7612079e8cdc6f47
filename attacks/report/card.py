"""An audit in a notebook: its verdict, the reasons, and each attack with what came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.report import words
from attacks.report.records import FindingRecord
from dpsynth.markup import Content
from dpsynth.notebook import card, toned

if TYPE_CHECKING:
    from attacks.report.document import AuditReport

_TONES = {"pass": "good", "fail": "bad", "inconclusive": "open"}


def report_card(report: AuditReport) -> str:
    """HTML of a report; the steward's edition says that it is not for others."""
    claim = report.claim
    claimed = f"epsilon {claim.epsilon:g}, delta {claim.delta:g}, for {claim.unit}" if claim.made else "nothing"
    facts: list[tuple[str, Content]] = [
        ("verdict", toned(f"{words.VERDICTS[report.verdict]}: {words.headline(report)}", _TONES[report.verdict])),
        ("why", [[reason, " "] for reason in report.reasons]),
        ("audited", f"{report.identity.rows:,} rows, made by {report.identity.synthesizer or 'somebody'}"),
        ("claimed", claimed),
    ]
    steward = report.edition == "steward"
    return card(
        "Audit",
        facts,
        headings=("attack", "group", "asked", "status", *(("epsilon proved", "AUC") if steward else ())),
        rows=[_row(each, steward) for each in report.findings],
        warning="For the steward's eyes: it holds numbers that were computed from private rows." if steward else None,
        note="An audit that passes is no proof: it says that these attacks saw nothing.",
    )


def _row(finding: FindingRecord, steward: bool) -> list[Content]:
    measured = finding.measured
    numbers = [] if measured is None else [measured.epsilon_lower, measured.auc]
    shown = ["" if each is None else f"{each:.2f}" for each in numbers] or ["", ""]
    return [finding.attack, finding.group, finding.about, finding.status, *(shown if steward else [])]
