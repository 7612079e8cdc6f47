"""Reports to test with: findings as the statistics would hand them over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from attacks.finding import Finding, Success
from attacks.report.document import AuditReport
from attacks.report.records import (
    AuditedClaim,
    Check,
    Control,
    Diagnostic,
    FindingRecord,
    Identity,
    Levels,
)

ATTACKS = {
    "calibrated distance": (
        "membership",
        "A good score means that members lie closer to synthetic rows than others do.",
    ),
    "neighbourhood share": ("membership", "A good score means that synthetic rows crowd around members."),
    "density ratio": ("membership", "A good score means that the table is denser at members than the population is."),
    "focal points": ("membership", "A good score means that measured cells of members are fuller than they should be."),
    "inference by trees": (
        "attribute inference",
        "A good score means that hidden values of members are guessed better.",
    ),
    "predicates": ("singling out", "A good score means that a description from the table fits one member alone."),
    "halves": ("linkability", "A good score means that two halves of a member's row are put together again."),
}


def finding(attack: str, group: str = "all targets", mu: float = 0.1, status: str = "ran", **changed: Any) -> Finding:
    """One finding of an attack whose scores have a shift of mu."""
    criterion, about = ATTACKS[attack]
    rates = np.logspace(-3.3, 0, 50)
    found = norm.cdf(norm.ppf(np.minimum(rates, 1 - 1e-12)) + mu)
    success = Success(0.1 + 0.12 * mu, 0.1, (-0.01, 0.02 + 0.15 * mu), 0.155, 0.05, 0.04, (-0.01, 0.03))
    guesses = criterion not in ("membership",)
    middle = float(norm.cdf(mu / 2**0.5))
    fields: dict[str, Any] = {
        "attack": attack,
        "about": about,
        "criterion": criterion,
        "threat": "the release + rows of the same population",
        "group": group,
        "status": status,
        "why": "" if status == "ran" else "no rows of the same population were given",
        "power": {"mu": 0.61, "copies": 12},
    }
    if status == "ran":
        fields |= {
            "targets": 2000,
            "members": 1003,
            "controls": 997,
            "rule": "top 10 %",
            "guesses": 400,
            "correct": int(200 + 40 * mu),
            "p_value": 0.41,
            "p_value_no_learning": 0.32,
            "epsilon_lower": 0.1 * mu,
            "mu_lower": max(0.0, mu - 0.08),
            "auc": middle,
            "auc_interval": (middle - 0.02, middle + 0.02),
            "true_positive_rates": {"0.1": 0.11, "0.01": 0.013, "0.001": None},
            "roc": tuple(zip(rates.tolist(), found.tolist(), strict=True)),
            "success": success if guesses else None,
            "seconds": 3.2,
            "details": {"neighbours": 1, "max_rows": 20000},
        }
    return Finding(**(fields | changed))


def audit(*, mu: float | None = 0.268, epsilon: float = 1.0, **changed: Any) -> AuditReport:
    """A passed audit of a release at epsilon 1, with the given fields in place of its own."""
    records = [
        FindingRecord.of(finding(attack, group, 0.05 + 0.03 * place), 1.0)
        for place, attack in enumerate(ATTACKS)
        for group in ("all targets", "most vulnerable 10 %")
    ]
    records[-1] = FindingRecord.of(finding("halves", "most vulnerable 10 %", status="not run"))
    curve = [(step / 20, float(norm.cdf(8 * (step / 20 - 0.45)))) for step in range(25)]
    fields: dict[str, Any] = {
        "identity": Identity(
            report_id="0f3c9c7de0b94f5f8f3e3a3f2f3c9c7d",
            created="2026-11-22T11:00:00Z",
            sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            hashed="file bytes",
            rows=48842,
            columns=("age", "workclass", "education", "marital-status", "occupation", "race", "sex", "income"),
            synthesizer="mst",
            vendor="",
            seed=7,
            software={"dpsynth": "0.4.0", "python": "3.11.2", "numpy": "2.2.1", "scipy": "1.15.0"},
        ),
        "claim": AuditedClaim(
            True, epsilon, 1e-5, mu, 0.0, "add-remove",
            "adding or removing one row (record-level: a person with several rows is NOT protected as a whole)", "pool",
            True,
        ),
        "verdict": "pass",
        "reasons": ("No attack rejected the claim: the smallest corrected p-value is 1.", "Both controls passed."),
        "findings": tuple(records),
        "checks": (
            Check("arithmetic", "Does the ledger add up to the claim?", "pass", "mu 0.268 by another accountant", True),
            Check("domain", "Does the table stay inside the public domain?", "pass", "all 8 columns", True),
            Check("noise", "Did the noise come from the operating system?", "unknown", "it does not say", True),
            Check("row count", "Does the number of rows tell the private one?", "pass", "the numbers differ"),
            Check("releases", "Were other releases made of the same rows?", "not applicable", "no ledger"),
        ),
        "controls": (
            Control("leaky twin", "must be caught", True, ("calibrated distance", "density ratio"), "p < 0.0001"),
            Control("independent sample", "must not be caught", True, (), "smallest corrected p-value 0.61"),
        ),
        "diagnostics": (
            Diagnostic("identical matches", 0.013, "share of synthetic rows that equal a private row"),
            Diagnostic("distance to closest record", 0.21, "median, private rows; 0.21 for outsiders"),
        ),
        "power": "With 2,000 targets, a perfect attacker would have been seen from mu 0.61 on, and 12 copied rows too.",
        "power_curve": tuple(curve),
        "levels": Levels(policy={"largest gap of attribute inference": 0.05}),
    }  # fmt: skip
    return AuditReport(**{**fields, **changed})


def leak() -> AuditReport:
    """A failed audit, with an attack that breaks the claim."""
    records = [FindingRecord.of(finding(name, mu=0.05 + 0.03 * place), 1.0) for place, name in enumerate(ATTACKS)]
    broken = finding("density ratio", mu=1.4, p_value=1e-9, p_value_no_learning=1e-12)
    records[2] = FindingRecord.of(broken, 7e-9)
    guessed = finding("inference by trees", mu=1.1, p_value=1e-5, p_value_no_learning=1e-7)
    records[4] = FindingRecord.of(guessed, 6e-5)
    return audit(
        verdict="fail",
        findings=tuple(records),
        reasons=("Attack 'density ratio' rejects the claim: corrected p-value 7e-9, mu at least 1.32.",),
        checks=(Check("domain", "Does the table stay inside the public domain?", "fail", "column 'age' reaches 93"),),
    )


def unclaimed() -> AuditReport:
    """An inconclusive audit of a vendor's table, in pairs, with nothing promised."""
    claim = AuditedClaim(False, 0.0, 0.0, None, 0.0, "add-remove", "one row", "pairs")
    return audit(
        claim=claim,
        verdict="inconclusive",
        reasons=("The leaky twin was not caught.",),
        controls=(Control("leaky twin", "must be caught", False, (), ""),),
        diagnostics=(),
        power_curve=(),
    )


# Names that try to become markup, to turn the direction of writing, or to break a table.
HOSTILE = (
    "<script>document.title='taken'</script>",
    "\"><img src=x onerror=document.title='taken'>",
    "' onload='x",
    "</style></title><b>bold</b>",
    "a | b\n\n# heading `code` [link](https://example.org) @somebody www.example.org",
    "\u202egnp.exe \u2066\u05d0\u05d1\u05d2",
    "\u0645\u0631\u062d\u0628\u0627 \U0001f469\u200d\U0001f52c \x00\x1b[31m",
    "x" * 300,
)


def hostile() -> AuditReport:
    """A report in which every text that comes from outside is hostile."""
    one, two, _, four, five, six, seven, long = HOSTILE
    shown: dict[str, Any] = {"attack": five, "about": one, "criterion": two, "threat": four, "group": six}
    ran = replace(finding("density ratio"), **shown, rule=seven, details={one: two, long: long})
    other = replace(finding("halves", status="not run"), **(shown | {"attack": long, "why": four}))
    base = audit()
    return audit(
        identity=replace(base.identity, columns=HOSTILE, synthesizer=one, vendor=six, software={one: two}),
        claim=replace(base.claim, unit=five),
        reasons=HOSTILE,
        findings=(FindingRecord.of(ran, 1.0), FindingRecord.of(other)),
        checks=(Check(one, two, "pass", five), Check(long, seven, "unknown", six)),
        controls=(Control(four, five, True, (one, six), long),),
        diagnostics=(Diagnostic(one, six, two), Diagnostic(long, 1, five)),
        power=four,
        levels=Levels(policy={one: 0.5}),
        limits=HOSTILE,
    )


@pytest.fixture(scope="session")
def reports() -> dict[str, AuditReport]:
    """One of every kind, by name."""
    pairs = AuditedClaim(True, 1.0, 1e-5, None, 0.0, "add-remove", "adding or removing one row", "pairs")
    return {
        "passed": audit(),
        "public": audit().public(),
        "failed": leak(),
        "without claim": unclaimed(),
        "pairs": audit(claim=pairs),
        "weak": audit(mu=4.0, epsilon=25.0),
        "hostile": hostile(),
    }


@pytest.fixture
def passed() -> AuditReport:
    return audit()


@pytest.fixture
def failed() -> AuditReport:
    return leak()


@pytest.fixture
def without_claim() -> AuditReport:
    return unclaimed()
