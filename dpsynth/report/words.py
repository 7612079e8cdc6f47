"""Every sentence of the report that depends on what is reported; plain text, escaped by whoever shows it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from dpsynth.release.plain_words import (
    WEAK_DELTA,
    WEAK_FINDS,
    in_percent,
    odds_in_words,
    rounded_up,
    synthesizer_in_words,
)

if TYPE_CHECKING:
    from dpsynth.privacy.calibration import Guarantee
    from dpsynth.release.certificate import Certificate, MechanismRecord
    from dpsynth.release.plain_words import Promised
    from dpsynth.report.content import Content
    from dpsynth.report.evidence import Audit, Finding
    from dpsynth.report.fidelity import Fidelity
    from dpsynth.report.gate import Gate

TITLE = "Compliance report on a synthetic data release"
EDITIONS = {
    "steward": "Steward's edition. It may hold numbers computed from the private rows, which the promise does not"
    " cover: keep it where those rows are kept, and give the public edition to others.",
    "public": "Public edition. It was built from the released files and from public evidence alone; no private row was"
    " read to make it.",
}
NOT_LAW = (
    "This report collects evidence. It does not say that any law is complied with, nor that the data are anonymous in"
    " the sense of any law: people decide that, in a context which no program knows."
)
VERDICTS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "undecided": "undecided"}
TONES = {"pass": "pass", "fail": "fail", "inconclusive": "unsure", "undecided": "unsure"}
AUDIT_MEANINGS = {
    "pass": "No attack contradicted the promise. This is no proof of privacy: it says that the attacks that were tried,"
    " with the power stated, found nothing that the promise rules out.",
    "fail": "An attack did better than the promise allows, or a check found a broken rule. Do not rely on the promise"
    " until that is mended.",
    "inconclusive": "The audit was too weak to tell, or a part of it did not work. It neither supports nor contradicts"
    " the promise.",
}
NO_AUDIT = "No audit was handed to this report. The promise rests on the proof of the mechanisms alone."
GATE_MEANINGS = {
    "pass": "The release met every rule of the policy, apart from those that were waived.",
    "fail": "The release broke at least one rule of the policy.",
    "undecided": "The gate could not decide; until it can, the release counts as not let through.",
}
WITHHELD = (
    "What single attacks scored was computed from private rows and is left out here; the verdict is over all of them."
)
NO_GATE = "No decision of a release gate was handed to this report: as far as it knows, nobody's policy was applied."
NO_WAIVERS = "No rule was waived."
NO_LEDGER = (
    "This release was not recorded in a ledger. Nothing adds up what other releases about the same people have spent,"
    " so the promise speaks of this release alone."
)
LEDGER = (
    "A ledger adds up what all releases about the same people spend, and refuses what would go beyond the cap. Each"
    " entry holds the hash of the one before, so that a later change shows. Whoever has the ledger can compare:"
)
PROFILE = (
    "One promise can be written with many pairs of epsilon and delta: all points on the curve hold at once."
    " Compare two releases at the same delta."
)
FIDELITY = (
    "Counts of single columns were measured with noise of a known size, and released. Below they are set beside the"
    " counts of the synthetic table. Both were released, so this comparison reads no private row and costs nothing."
)
FIDELITY_LIMITS = (
    "The model was fitted to these very numbers, so near agreement says that the table keeps what was measured, not how"
    " well it keeps anything else. Relations between columns are judged by the analyses that will be made of them."
)
NETWORK = (
    "The rows were drawn column by column along these arrows. Two columns that no arrows link, directly or through"
    " others, are independent in the synthetic table, whatever they are in life."
)
ROLES = ("Prepared by", "Reviewed by", "Approved by", "Expert (HIPAA 164.514(b)(1)), with qualifications")
TO_FILL_IN = (
    "Anticipated recipients, and the environment in which they work",
    "Intended use, and uses that are ruled out",
    "Why this epsilon and delta",
    "What counts as a very small risk here, and why",
    "Safeguards besides the promise (contracts, access, training)",
    "Other releases about the same people that were considered",
    "Date of the next review, and what would bring it forward",
)
SIGN_OFF = "To be filled in by hand. A program cannot sign for people; an empty line means that nobody has."


def moment(created: str) -> str:
    """A date and time for readers.

    >>> moment("2026-11-22T11:00:00Z")
    '2026-11-22 11:00 UTC'
    """
    return re.sub(r"T(\d\d:\d\d):\d\dZ$", r" \1 UTC", created)


def number(value: float, digits: int = 3) -> str:
    """A number with that many significant digits.

    >>> number(1.0), number(1e-9), number(0.26805)
    ('1', '1e-9', '0.268')
    """
    return re.sub(r"e([+-])0(\d)$", lambda found: f"e{found[1].replace('+', '')}{found[2]}", f"{value:.{digits}g}")


def bound(value: float) -> str:
    """A bound with six significant digits, never below it.

    >>> bound(1.0000001), bound(1e-9)
    ('1.00001', '1e-9')
    """
    return number(float(rounded_up(value, 6)), 6)


def percent(share: float, *, up: bool = False) -> str:
    """A share as a percentage of three digits; bounds are rounded up."""
    return in_percent(share, up=up)


def who(certificate: Promised) -> str:
    """Whom the promise is about, in the plural."""
    return "rows" if certificate.unit.column is None else "people or other units"


def released(content: Content) -> str:
    """What was released, as one sentence."""
    certificate = content.certificate
    return (
        f"A synthetic table of {certificate.rows:,} rows and {len(content.columns)} columns, made on"
        f" {moment(certificate.created)} with dpsynth {certificate.software.dpsynth}, together with the model and the"
        " noisy counts that it was drawn from."
    )


REAL_ROWS = (
    "Its rows are drawn from a model: none is a record about a person, though by chance one may look like somebody's."
)


def about(certificate: Promised) -> str:
    """Whom the promise protects, as one sentence."""
    return f"The promise is about {certificate.unit.words}."


def gained(certificate: Promised) -> str:
    """What the figure of the gain counts."""
    if certificate.unit.relation == "replace-one":
        return "1,000 cases in which one version was in; of 100 cases of the other, 1 is a false alarm."
    return f"1,000 {who(certificate)} in the private table; 1 in 100 others is a false alarm."


def record_level(certificate: Promised) -> str | None:
    """A caution where rows are protected and people are not, as such."""
    if certificate.unit.column is not None:
        return None
    return (
        "Each row is protected by itself. Where one person has several rows, the promise about the whole person is"
        " weaker, by as much as there are rows."
    )


def promised(certificate: Promised) -> str:
    """The promise in one sentence."""
    promise, unit = certificate.promise, certificate.unit
    who = "the row" if unit.column is None else "the person or other unit"
    other = "with another in its place" if unit.relation == "replace-one" else "without it"
    times = rounded_up(math.exp(min(promise.epsilon, 700.0)), 3)
    times = f"{float(times):,.0f}" if 1e3 <= float(times) < 1e9 else times
    return (
        f"Differential privacy with epsilon {bound(promise.epsilon)} and delta {bound(promise.delta)}: no result is"
        f" more than {times} times as likely with {who} that somebody asks about as {other}, apart from a chance of"
        f" {bound(promise.delta)}. This holds whatever they do with the release and whatever else they know."
    )


def weakness(certificate: Promised) -> str | None:
    """A caution where even a promise that is kept leaves an attacker a good chance."""
    promise = certificate.promise
    if dict(promise.attack_odds).get(0.01, 0.0) <= WEAK_FINDS and promise.delta <= WEAK_DELTA:
        return None
    return "This promise is weak: even where it is kept, an attacker may well tell who is in the private table."


def odds(certificate: Promised) -> str:
    """The attacker's odds in one sentence, as in the certificate."""
    sentence = odds_in_words(certificate)
    return sentence[0].upper() + sentence[1:]


def even_bet(guarantee: Guarantee, certificate: Promised) -> str:
    """What a bet at even odds becomes."""
    right = (1 + guarantee.delta(0.0)) / 2
    question = "whether one is in the private table"
    if certificate.unit.relation == "replace-one":
        question = "which of two versions is in the private table"
    return (
        f"If it was an even bet beforehand {question}, an attacker who has the release is right"
        f" at most {percent(min(right, 1.0), up=True)} of the time."
    )


def noise_free_promise(certificate: Certificate) -> str | None:
    """A loud warning where the noise was not private."""
    if certificate.noise.private:
        return None
    return "NOT PRIVATE: this release was made with a test-only source of noise. Do not publish it."


def accountant(certificate: Certificate) -> str:
    """The promise in the terms in which it is added up."""
    promise = certificate.promise
    zcdp = (
        "" if promise.rho is None else f", zero-concentrated differential privacy with rho {rounded_up(promise.rho, 6)}"
    )
    return (
        f"mu {rounded_up(promise.mu, 6)}, delta0 {rounded_up(promise.delta0, 6)} (delta0-approximate Gaussian"
        f" differential privacy){zcdp}"
    )


def tried(audit: Audit) -> str:
    """How many attacks were tried and what came out, as one sentence."""
    ran = {each.attack for each in audit.findings if each.status == "ran"}
    others = len({each.attack for each in audit.findings}) - len(ran)
    rest = f", {others} did not run" if others else ""
    failed = sum(each.status == "fail" for each in audit.checks)
    checks = f"; {failed} of {len(audit.checks)} static checks failed" if audit.checks else "; no static check was made"
    controls = sum(each.passed for each in audit.controls)
    tested = (
        f"; {controls} of {len(audit.controls)} tests of the audit itself went as expected" if audit.controls else ""
    )
    return f"{len(ran)} kinds of attack were tried{rest}{checks}{tested}."


def outcome(finding: Finding, audit: Audit) -> tuple[str, str]:
    """What came of an attack: words, and a class for its colour."""
    if finding.status != "ran":
        return finding.status, finding.status.replace(" ", "-")
    measured = finding.measured
    if measured is None or measured.p_adjusted is None:
        return "ran", "none"
    if measured.p_adjusted <= audit.levels.alpha:
        return "contradicts the promise", "contradicts"
    return "within the promise", "pass"


def audited(audit: Audit) -> str:
    """What the audit looked at, and how this report knows that it is this release."""
    if audit.identity.hashed == "file bytes":
        return "synthetic.parquet of this release, by its SHA-256"
    return "a table in memory with these rows and columns; no hash ties it to the released files"


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "cell", "cells"), counted(1200, "cell", "cells")
    ('1 cell', '1,200 cells')
    """
    return f"{count:,} {one if count == 1 else many}"


def judged_audit(content: Content) -> str:
    """Which audit the gate judged."""
    gate = content.gate
    if gate is None or gate.audit_sha256 is None:
        return "none"
    shown = any(each.sha256 == gate.audit_sha256 for each in content.evidence)
    return (
        "the one in this report" if shown else f"another file than the one shown here, with SHA-256 {gate.audit_sha256}"
    )


def waived(gate: Gate) -> str:
    """How many rules were waived, as one sentence."""
    count = len(gate.waivers)
    if not count:
        return NO_WAIVERS
    return "One rule was waived:" if count == 1 else f"{count} rules were waived:"


def fidelity_in_words(found: Fidelity, near: float) -> str:
    """How many columns and cells are near, as one or two sentences."""
    named, more = ", ".join(found.unmeasured[:10]), len(found.unmeasured) - 10
    missing = f" Not measured: {named}{f', and {more} more' if more > 0 else ''}." if named else ""
    return (
        f"In {found.near} of {len(found.columns)} columns the synthetic counts are typically within {near:g} standard"
        f" deviations of the noise, and so are {found.cells_near:,} of {found.cells:,} cells.{missing}"
    )


def noise_of(record: MechanismRecord) -> str:
    """The noise of one mechanism, in rows; empty where it has none."""
    stddev = record.parameters.get("stddev")
    sizes = stddev if isinstance(stddev, list) else [stddev]
    known = [float(size) for size in sizes if isinstance(size, int | float) and not isinstance(size, bool)]
    if not known:
        return ""
    low, high = number(min(known), 4), number(max(known), 4)
    return f"{low} rows" if low == high else f"{low} to {high} rows"


def measured_by(record: MechanismRecord) -> str:
    """What one mechanism measured, in short."""
    cliques, cells = record.parameters.get("cliques"), record.parameters.get("cells")
    parts = (
        [counted(len(cliques), "set of columns", "sets of columns")] if isinstance(cliques, list) and cliques else []
    )
    parts += [counted(cells, "cell", "cells")] if isinstance(cells, int) else []
    return ", ".join(parts)


def made_with(certificate: Certificate) -> str:
    """Which synthesizer made the table, and why."""
    return synthesizer_in_words(certificate.synthesizer, certificate.reason)


def software(certificate: Certificate) -> str:
    """Versions of what made the release."""
    made = certificate.software
    return f"dpsynth {made.dpsynth}, Python {made.python}, numpy {made.numpy}"
