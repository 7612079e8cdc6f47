"""The report as a summary in GitHub-flavoured Markdown, of at most 80 lines, in the same words as the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attacks.report import words
from attacks.report.document import AuditReport
from attacks.report.records import FindingRecord, Identity
from dpsynth.markup import visible

# Longer lists are cut, and say so.
MOST_FINDINGS = 24
MOST_LINES = 8

# Everything that Markdown, HTML within it, or a forge's links and mentions could take as more than text.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~!$^=&]|(?<=www)\.|:(?=//)|@")


def markdown(report: AuditReport) -> str:
    """The summary, from the report alone."""
    identity = report.identity
    lines = [
        f"# {words.TITLE}",
        "",
        f"**{words.VERDICTS[report.verdict]}: {words.headline(report)}** {words.MEANINGS[report.verdict]}",
        "",
        *([f"**{weak}**", ""] if (weak := words.weakness(report.claim)) else []),
        *_points(report.reasons),
        "",
        _subject(identity),
        "",
        "## What was promised",
        "",
        _text(words.claim_in_words(report.claim)),
        "",
        *_odds(report),
        _text(words.design_in_words(report.claim)),
        "",
        "## What was tried",
        "",
        *([_text(report.power), ""] if report.power else []),
        *_findings(report),
        "",
        "## Checks and controls",
        "",
        *_points([f"{each.name}: {each.question} {each.status}" for each in report.checks]),
        *_points([f"{each.name}, {each.expected}: {words.control_in_words(each)}" for each in report.controls]),
        "",
        "## What was not tested",
        "",
        *_points(report.limits),
        "",
        words.EDITIONS[report.edition],
    ]
    return "\n".join(lines) + "\n"


def _subject(identity: Identity) -> str:
    """What was audited."""
    made = f"{_text(identity.synthesizer)}, {identity.rows:,} rows, {len(identity.columns)} columns"
    digest = f"SHA-256 of the {identity.hashed}: {_text(identity.sha256)}"
    return f"{made}, audited {_text(words.moment(identity.created))}. {digest}."


def _odds(report: AuditReport) -> list[str]:
    if not report.claim.made:
        return []
    return [words.EPSILON, "", f"{words.ODDS}:", "", *_table(words.ODDS_HEADS, words.odds(report.claim)), ""]


def _findings(report: AuditReport) -> list[str]:
    """A line for each finding, those that contradict the claim first."""
    order = sorted(report.findings, key=lambda each: words.outcome(each, report) != "contradicts")
    steward = report.edition == "steward"
    heads = ["attack", "targets", "outcome", *(["AUC", "mu at least", "corrected p"] if steward else [])]
    rows = [_row(each, report) for each in order[:MOST_FINDINGS]]
    more = len(order) - MOST_FINDINGS
    return [*_table(heads, rows), *(["", f"{more} more are on the page."] if more > 0 else [])]


def _row(record: FindingRecord, report: AuditReport) -> list[str]:
    cells = [record.attack, record.group, words.OUTCOMES[words.outcome(record, report)]]
    if report.edition == "steward":
        measured = record.measured
        none = words.joined([])
        cells += [
            none if measured is None else words.rounded(measured.auc),
            none if measured is None else words.rounded(measured.mu_lower, "down"),
            none if measured is None else words.probability(measured.p_adjusted),
        ]
    return cells


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *([_text(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _points(points: Sequence[str]) -> list[str]:
    more = len(points) - MOST_LINES
    shown = [f"- {_text(point)}" for point in points[:MOST_LINES]]
    return [*shown, *([f"- {more} more are on the page."] if more > 0 else [])]


def _text(text: str) -> str:
    """Text on one line in which nothing is markup, a link or a mention.

    >>> _text("<b>|*") == "&lt;b&gt;" + chr(92) + "|" + chr(92) + "*"
    True
    """
    return _SPECIAL.sub(_escaped, " ".join(visible(text).split()))


def _escaped(match: re.Match[str]) -> str:
    letter = match.group()
    entities = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;\N{WORD JOINER}"}
    return entities.get(letter, f"\\{letter}")
