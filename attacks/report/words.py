"""Every sentence of a report in one place, so that command line, page and summary say the same.

Sentences are plain text, with whatever names the report holds; whoever shows them escapes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Literal

from attacks.statistics.trade_off import Gaussian, TradeOff

if TYPE_CHECKING:
    from attacks.report.document import AuditReport
    from attacks.report.records import AuditedClaim, Control, FindingRecord

Outcome = Literal["contradicts", "within", "nothing", "ran", "not run", "failed"]

# Stands where a number is missing.
NONE = "\N{EN DASH}"
# Beyond these a promise is called weak: finds at 1 % false alarms, and delta. The same as in a release's certificate.
WEAK_FINDS = 0.5
WEAK_DELTA = 1e-3
TITLE = "Privacy audit of a synthetic table"
SHOWN_RATES = (0.1, 0.01, 0.001)

VERDICTS = {"pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive"}
_HEADLINES = {
    "pass": "No attack contradicted what was claimed.",
    "fail": "The audit contradicts what was claimed.",
    "inconclusive": "The audit could not tell.",
}
_HEADLINES_WITHOUT_CLAIM = {
    "pass": "No attack could tell who was among the private rows.",
    "fail": "The audit found a leak or a broken rule.",
    "inconclusive": "The audit could not tell.",
}
MEANINGS = {
    "pass": "This is no proof of privacy. It says that the attacks below, with the controls and the power stated,"
    " found nothing that the claim rules out.",
    "fail": "An attack did better than the claim allows, or a check found a broken rule. Do not rely on the claim"
    " until the reasons below are mended.",
    "inconclusive": "Read this neither as a pass nor as a fail. The audit was too weak to see a violation that"
    " matters, or a part of it did not work.",
}
PUBLIC_REASONS = {
    "pass": "No attack, check or control contradicted the claim at the levels stated.",
    "fail": "At least one attack or check contradicted the claim at the levels stated.",
    "inconclusive": "The audit could not have told, or a part of it did not work; it neither supports nor contradicts"
    " the claim.",
}
EDITIONS = {
    "steward": "Steward's edition. Its numbers were computed from the private rows: keep it where they are kept, and"
    " give the public edition to others.",
    "public": "Public edition. It holds no score, count or p-value, and no answer of a check that read the private"
    " rows: each would be a release of its own. The verdict and whether the controls passed were computed from"
    " them too: a few yes-or-no answers, which the claim does not cover.",
}
DESIGNS = {
    "pool": "Before the table was made, a fair coin decided for each target whether it went into the private rows."
    " The attacks never saw the coins.",
    "pool of pairs": "Before the table was made, a fair coin decided for each pair of targets which one of them went"
    " into the private rows. The attacks never saw the coins.",
    "pairs": "Each pair of targets holds one row that was in the private rows and one that was not; the attacks had"
    " to say which. This is fair only if both were drawn from one population.",
    "none": "Nobody recorded which targets were in the private rows, so no attack could be judged against the claim.",
}
EPSILON = (
    "Epsilon limits how much the table may depend on any one person or row the claim is about. Whoever tries to tell"
    " whether one was in faces these odds at best, whatever else they know:"
)
ODDS = "Odds of the best attacker, of 1,000 people each"
ODDS_HEADS = ("wrongly accused, of those not in", "found at most, of those in", "found by guessing")
OUTCOMES: dict[Outcome, str] = {
    "contradicts": "contradicts the claim",
    "within": "saw something, within the claim",
    "nothing": "saw nothing",
    "ran": "ran",
    "not run": "not run",
    "failed": "failed",
}
CRITERIA = {
    "membership": "Can one tell who was among the private rows?",
    "singling out": "Can one describe a person so that nobody else fits?",
    "linkability": "Can one tell that two records belong to one person?",
    "attribute inference": "Can one guess a hidden value of a person, beyond what the population tells?",
    "reconstruction": "Can one rebuild private rows?",
}
DIAGNOSTICS = (
    "These numbers describe the table. They never decide the verdict: a good or bad value of them shows neither"
    " privacy nor its lack."
)
CONTROLS = "An audit is worth only what it would have caught. These runs test the audit itself, with the same settings."
BEYOND = "Beyond the mark it is at odds with the claim; the verdict also corrects for the number of attacks."
SHADED = "Chance aside, the claim rules out the shaded part."
NO_CHECKS = {"steward": "None were made.", "public": "None that did without the private rows."}
NO_CONTROLS = "No control was run: nothing shows that this audit would have caught a leak."
LAW = (
    "Which questions of laws and standards the attacks speak to. Nothing here says that a law is complied with: that"
    " is for people to decide, with the context that no audit of a table knows."
)
LIMITS = (
    "A test can find a fault and cannot prove that there is none: the promise rests on the proof of the mechanism.",
    "Attacks that nobody has thought of were not tried, nor any with knowledge beyond what is stated.",
    "Averages over targets may hide a single person who is at higher risk.",
    "Other releases about the same people were not part of this audit.",
)


def headline(report: AuditReport) -> str:
    """The verdict as one sentence."""
    return (_HEADLINES if report.claim.made else _HEADLINES_WITHOUT_CLAIM)[report.verdict]


def claim_in_words(claim: AuditedClaim) -> str:
    """What was claimed, as one sentence."""
    if not claim.made:
        return (
            "Nobody claimed differential privacy for this table. The audit asked whether it tells anything at all"
            " about who was among the private rows."
        )
    curve = "" if claim.mu is None else f" ({curve_in_words(claim.curve)})"
    return (
        f"Differential privacy with epsilon {rounded(claim.epsilon, 'up')} and delta {rounded(claim.delta, 'up')}"
        f"{curve}: a limit on how much the table depends on {claim.unit}."
    )


def weakness(claim: AuditedClaim) -> str | None:
    """A warning where even a claim that holds leaves an attacker a good chance."""
    if not claim.made or (claim.curve.ceiling(0.01) <= WEAK_FINDS and claim.delta <= WEAK_DELTA):
        return None
    return "The promise itself is weak: even where it holds, an attacker may well tell who was among the private rows."


def design_in_words(claim: AuditedClaim) -> str:
    """How the claim was tested, as one or two sentences."""
    if claim.curve_tested == claim.curve:
        return DESIGNS[claim.design]
    return (
        f"{DESIGNS[claim.design]} Exchanging a row is a removal and an addition, so the claim was tested at twice its"
        f" cost: {curve_in_words(claim.curve_tested)}."
    )


def curve_in_words(curve: TradeOff) -> str:
    """The numbers of a trade-off curve."""
    if isinstance(curve, Gaussian):
        beside = f" and delta0 {rounded(curve.delta0, 'up')}" if curve.delta0 else ""
        return f"mu {rounded(curve.mu, 'up')}{beside}"
    return f"epsilon {rounded(curve.epsilon, 'up')} and delta {rounded(curve.delta, 'up')}"


def odds(claim: AuditedClaim) -> list[tuple[str, str, str]]:
    """Rows of the table of odds: wrongly accused, found at most, found by guessing; each of 1,000 people."""
    return [
        (f"{1000 * rate:g}", rounded(1000 * claim.curve.ceiling(rate), "up"), f"{1000 * rate:g}")
        for rate in SHOWN_RATES
    ]


def ceilings(claim: AuditedClaim) -> str:
    """What the claim allows a guesser of hidden values, and the area under the curve, as one sentence."""
    low, half = (in_percent(claim.curve.ceiling(rate), "up") for rate in (0.1, 0.5))
    return (
        f"A guess about a person that would be right in 10% of cases had the person not been in may be right in at most"
        f" {low}, and one of 50% in at most {half}. The area under the curve of any membership attack is at most"
        f" {rounded(claim.curve.auc, 'up')} (0.5 is guessing, 1 is certainty)."
    )


def outcome(record: FindingRecord, report: AuditReport) -> Outcome:
    """What came of an attack, given the report's levels."""
    if record.status != "ran":
        return record.status
    if record.measured is None:
        return "ran"
    adjusted, unrelated = record.measured.p_adjusted, record.measured.p_value_no_learning
    if adjusted is not None and adjusted <= report.levels.alpha:
        return "contradicts"
    # Corrected for the number of attacks here and now: this word is no part of the verdict.
    ran = sum(each.measured is not None for each in report.findings)
    return "within" if unrelated is not None and unrelated <= report.levels.alpha / ran else "nothing"


def finding_in_words(record: FindingRecord, report: AuditReport) -> list[str]:
    """What an attack found, as sentences."""
    if record.status != "ran":
        verb = "was not run" if record.status == "not run" else "failed"
        return [f"It {verb}: {record.why.rstrip('.')}." if record.why else f"It {verb}."]
    measured, curve = record.measured, report.claim.curve_tested
    if measured is None:
        return []
    sentences = []
    if measured.success is not None:
        success = measured.success
        allowed = "" if success.ceiling is None else f" The claim allows {in_percent(success.ceiling, 'up')}."
        sentences.append(
            f"Its guesses were right for {in_percent(success.members)} of those who were in and"
            f" {in_percent(success.control)} of those who were not.{allowed}"
        )
    if "0.01" in measured.true_positive_rates:
        sentences.append(
            f"When it wrongly accuses 1% of those who were not in, it finds"
            f" {in_percent(measured.true_positive_rates['0.01'])} of those who were; the claim allows"
            f" {in_percent(curve.ceiling(0.01), 'up')}."
        )
    bound = bound_of(record, report)
    if bound is not None:
        sentences.append(_bound(*bound, at=in_percent(measured.confidence)))
    return sentences


def bound_of(record: FindingRecord, report: AuditReport) -> tuple[str, float, float | None] | None:
    """What was proved, in the claim's own measure: "mu" or "epsilon", the bound, and the claim, if there is one."""
    measured, curve = record.measured, report.claim.curve
    if measured is None:
        return None
    if isinstance(curve, Gaussian) or not report.claim.made:
        claimed = curve.mu if isinstance(curve, Gaussian) else None
        return None if measured.mu_lower is None else ("mu", measured.mu_lower, claimed)
    return None if measured.epsilon_lower is None else ("epsilon", measured.epsilon_lower, curve.epsilon)


def _bound(measure: str, proved: float, claimed: float | None, *, at: str) -> str:
    if proved <= 0:
        return f"At {at} confidence it proves no loss of privacy."
    against = "" if claimed is None else f"; the claim is {rounded(claimed, 'up')}"
    return f"At {at} confidence it proves that {measure} is at least {rounded(proved, 'down')}{against}."


def numbers_in_words(record: FindingRecord, report: AuditReport) -> list[tuple[str, str]]:
    """Every number of a finding with its name, always the same names in the same order."""
    measured = record.measured
    if measured is None:
        return []
    success = measured.success
    weighted = gap = NONE
    if success is not None and success.weighted_members is not None and success.weighted_control is not None:
        weighted = f"{in_percent(success.weighted_members)} in, {in_percent(success.weighted_control)} not in"
    if success is not None and success.gap_interval is not None:
        gap = " to ".join(in_percent(end) for end in success.gap_interval)
    auc = rounded(measured.auc) + ("" if measured.auc_interval is None else f" ({_from_to(measured.auc_interval)})")
    finds = [measured.true_positive_rates.get(f"{rate:g}") for rate in SHOWN_RATES]
    details = _plainly(measured.details)
    targets = f"{measured.targets:,} ({measured.members:,} in, {measured.controls:,} not in)"
    if report.claim.pairs:
        targets = f"{measured.targets:,} pairs, one of each in"
    return [
        ("targets", targets),
        ("right guesses", f"{measured.correct:,} of {measured.guesses:,} ({measured.rule})"),
        ("right more often for those in, interval", gap),
        ("right, weighted by rarity", weighted),
        (f"AUC ({in_percent(measured.confidence)} interval)", auc),
        ("finds at 10, 1, 0.1% false alarms", ", ".join(NONE if each is None else in_percent(each) for each in finds)),
        ("mu at least", rounded(measured.mu_lower, "down")),
        ("epsilon at least", rounded(measured.epsilon_lower, "down")),
        ("p if nothing was learned", probability(measured.p_value_no_learning)),
        ("p if the claim holds", probability(measured.p_value)),
        ("the same, corrected", probability(measured.p_adjusted)),
        (f"seen with {in_percent(report.levels.power)} chance", power_in_words(record) or NONE),
        ("seconds", rounded(measured.seconds)),
        ("details", details[:400] or NONE),
    ]


def _plainly(value: Any) -> str:
    """A JSON value without its brackets and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_within(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_within(each) for each in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: NONE}[value]
    return rounded(value, digits=4) if isinstance(value, float) else str(value)


def _within(value: Any) -> str:
    return f"({_plainly(value)})" if isinstance(value, dict | list) else _plainly(value)


def power_in_words(record: FindingRecord) -> str:
    """What a perfect attacker would have shown with these targets; empty where that is not known."""
    mu, copies = record.power.get("mu"), record.power.get("copies")
    parts = [f"mu from {rounded(mu, 'up')} on"] if mu is not None else []
    parts += [f"{copies:,.0f} copied targets"] if copies is not None else []
    return " or ".join(parts)


def _from_to(ends: tuple[float, float]) -> str:
    return f"{rounded(ends[0])} to {rounded(ends[1])}"


def control_in_words(control: Control) -> str:
    """Whether a control went as expected."""
    return "as expected" if control.passed else "NOT as expected: the audit cannot be relied on"


def levels_in_words(report: AuditReport) -> str:
    """The thresholds that were fixed beforehand, as one sentence."""
    levels = report.levels
    policy = "".join(f"; {name} {value:g}" for name, value in levels.policy.items())
    return (
        f"Chance of a false alarm in the whole audit at most {in_percent(levels.alpha)} (p-values corrected by Holm's"
        f" method); bounds and intervals hold with {in_percent(levels.confidence)} confidence; power is stated at"
        f" {in_percent(levels.power)}{policy}."
    )


def counts(report: AuditReport) -> list[tuple[str, str]]:
    """What was tried and what came out, as labels and numbers."""
    ran = [each for each in report.findings if each.status == "ran"]
    against = sum(outcome(each, report) == "contradicts" for each in ran)
    failed = sum(each.status == "fail" for each in report.checks)
    passed = sum(each.passed for each in report.controls)
    tests = [("tests by attacks", f"{len(ran)} of {len(report.findings)} ran")]
    tests += [("contradict the claim", str(against))] if report.edition == "steward" else []
    return [
        *tests,
        ("static checks", f"{failed} of {len(report.checks)} failed" if report.checks else "none made"),
        ("controls", f"{passed} of {len(report.controls)} as expected" if report.controls else "none made"),
    ]


def in_short(report: AuditReport) -> list[str]:
    """The report in a few lines for a terminal."""
    return [
        f"{VERDICTS[report.verdict].upper()}: {headline(report)}",
        MEANINGS[report.verdict],
        *([weak] if (weak := weakness(report.claim)) else []),
        *(f"- {reason}" for reason in report.reasons),
        "; ".join(f"{label}: {number}" for label, number in counts(report)) + ".",
        *([f"Power: {report.power}"] if report.power else []),
    ]


def moment(created: str) -> str:
    """A date and time for readers.

    >>> moment("2026-11-22T11:00:00Z")
    '2026-11-22 11:00 UTC'
    """
    return re.sub(r"T(\d\d:\d\d):\d\dZ$", r" \1 UTC", created)


def joined(names: Sequence[str]) -> str:
    """Names in a row; a dash for none.

    >>> joined(["a", "b"]), joined([])
    ('a, b', '\u2013')
    """
    return ", ".join(names) or NONE


def probability(value: float | None) -> str:
    """A p-value, rounded up.

    >>> probability(0.04321), probability(1e-9), probability(None)
    ('0.0433', '< 0.0001', '\u2013')
    """
    if value is None:
        return NONE
    return "< 0.0001" if value < 1e-4 else rounded(value, "up")


def in_percent(share: float, direction: Literal["near", "up", "down"] = "near") -> str:
    """A share as a percentage of three digits.

    >>> in_percent(0.5), in_percent(0.016231, "up")
    ('50%', '1.63%')
    """
    return f"{rounded(100 * share, direction)}%"


def rounded(value: float | None, direction: Literal["near", "up", "down"] = "near", digits: int = 3) -> str:
    """A number with that many significant digits; bounds are never rounded in anybody's favour.

    >>> rounded(0.26805, "up"), rounded(0.26805, "down"), rounded(1e-5), rounded(None)
    ('0.269', '0.268', '1e-5', '\u2013')
    """
    if value is None:
        return NONE
    shown = value
    if math.isfinite(value) and direction != "near":
        with localcontext(prec=digits, rounding=ROUND_CEILING if direction == "up" else ROUND_FLOOR):
            shown = float(+Decimal(repr(float(value))))
    return f"{shown:.{digits}g}".replace("e-0", "e-")
