"""Each rule of a policy that judges the audit beside the release: its public edition, a document like any other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dpsynth.errors import ReleaseError
from dpsynth.gate import settings as asked
from dpsynth.gate.evidence import Case, Outcome, Unavailable
from dpsynth.gate.rules import within

AUDIT = "audit.json"
_SLACK = 1 + 1e-9  # of a number that was written as text and read again


def audit(setting: asked.Audit, case: Case) -> Outcome:
    """Whether the public edition of an audit of this table, against a promise at least as strong, lies beside it."""
    if case.audit_content is None and setting.needed == "optional":
        return Outcome("pass", "no audit lies beside the release, and none is needed", {"file": AUDIT})
    try:
        document = case.audit
    except ReleaseError as error:
        return Outcome("fail", str(error), {"file": AUDIT})
    evidence = {"file": AUDIT, "sha256": case.audit_sha256}
    wrong = _other_claim(document, case)
    if wrong:
        return Outcome("fail", f"audit must test what the certificate promises; got {wrong}", evidence)
    return Outcome("pass", "a public audit of this table, against what its certificate promises", evidence)


def _other_claim(document: Mapping[str, Any], case: Case) -> str:
    """In what the audited claim is weaker than the promise; empty when it is not."""
    promise, claim = case.certificate.promise, _part(document, "claim")
    if claim.get("made") is not True:
        return "an audit of no claim"
    if claim.get("design") not in ("pool", "pool of pairs", "pairs"):
        return "an audit that could judge no claim"
    if claim.get("relation") != case.certificate.unit.relation:
        return "another relation"
    if claim.get("mu") is not None:
        weaker = _number(claim, "mu") > promise.mu * _SLACK or _number(claim, "delta0") > promise.delta0 * _SLACK
    else:
        weaker = (
            _number(claim, "epsilon") > promise.epsilon * _SLACK or _number(claim, "delta") > promise.delta * _SLACK
        )
    return "a weaker claim" if weaker else ""


def audit_age(setting: asked.AuditAge, case: Case) -> Outcome:
    """How many days ago the audit was made."""
    document = _audit(case)
    if document is None:
        return _not_needed()
    created = _part(document, "identity").get("created")
    try:
        made = datetime.strptime(str(created), "%Y-%m-%dT%H:%M:%SZ").date()
    except ValueError:
        raise Unavailable("the audit has no readable date") from None
    days = (case.at - made).days
    if days < 0:
        raise Unavailable(f"the audit was made on {made}, after the day of this decision ({case.at})")
    return within("age of the audit in days", days, setting.days_at_most, AUDIT, made=made.isoformat())


def audit_verdict(setting: asked.AuditVerdict, case: Case) -> Outcome:
    """What the audit concluded."""
    document = _audit(case)
    if document is None:
        return _not_needed()
    verdict = document["verdict"]
    evidence = {"file": AUDIT, "verdict": verdict}
    failed = [str(each.get("name")) for each in _list(document, "checks") if each.get("status") == "fail"]
    if verdict == "fail" or failed:
        why = f"; failed checks: {', '.join(map(repr, failed[:5]))}" if failed else ""
        return Outcome("fail", f"audit must not fail; got the verdict {verdict!r}{why}", evidence)
    if verdict not in ("pass", "inconclusive"):
        raise Unavailable("the audit has no verdict that this gate knows")
    if verdict not in setting.allowed:
        raise Unavailable(f"the audit's verdict is {verdict!r}")
    return Outcome("pass", f"the audit's verdict is {verdict!r}", evidence)


def audit_controls(setting: asked.AuditControls, case: Case) -> Outcome:
    """Whether the audit would have caught a leak, and did not raise the alarm without one."""
    document = _audit(case)
    if document is None:
        return _not_needed()
    passed: dict[str, bool] = {}
    for each in _list(document, "controls"):
        name = str(each.get("name"))
        passed[name] = passed.get(name, True) and each.get("passed") is True
    wrong = [name for name in setting.needed if not passed.get(name, False)]
    if wrong:
        raise Unavailable(f"controls did not run, or not come out as they must: {', '.join(map(repr, wrong))}")
    return Outcome("pass", "the controls came out as they must", {"file": AUDIT, "controls": list(setting.needed)})


def audit_power(setting: asked.AuditPower, case: Case) -> Outcome:
    """Whether a violation of this size would have been seen by one of the attacks."""
    document = _audit(case)
    if document is None:
        return _not_needed()
    levels = _part(document, "levels")
    if _number(levels, "power") < setting.power_at_least or _number(levels, "alpha") > setting.alpha_at_most * _SLACK:
        raise Unavailable(
            f"the audit states what it sees with probability {_number(levels, 'power'):g} at a false-alarm rate of"
            f" {_number(levels, 'alpha'):g}; the policy asks for {setting.power_at_least:g} at"
            f" {setting.alpha_at_most:g}"
        )
    powers = [_part(each, "power") for each in _list(document, "findings") if each.get("status") == "ran"]
    evidence: dict[str, Any] = {"file": AUDIT}
    for name, limit, words in (
        ("mu", setting.mu_at_most, "true mu"),
        ("copies", setting.copies_at_most, "number of copied targets"),
    ):
        if limit is None:
            continue
        seen = [_number(each, name) for each in powers if each.get(name) is not None]
        least = min(seen, default=math.inf)
        if not least <= limit:
            got = "states none that it would have" if least == math.inf else f"sees {least:g} or more"
            raise Unavailable(f"the audit is too weak: it must see a {words} of {limit:g}; it {got}")
        evidence |= {name: least, f"{name}_at_most": limit}
    return Outcome("pass", "the audit would have seen a violation of the size that the policy names", evidence)


def audit_attacks(setting: asked.AuditAttacks, case: Case) -> Outcome:
    """Whether these attacks ran, on every group of targets that they were tried on."""
    document = _audit(case)
    if document is None:
        return _not_needed()
    states: dict[str, set[str]] = {}
    for each in _list(document, "findings"):
        states.setdefault(str(each.get("attack")), set()).add(str(each.get("status")))
    missing = [name for name in setting.ran if "ran" not in states.get(name, set()) or "failed" in states[name]]
    if missing:
        raise Unavailable(f"attacks did not run, or broke down: {', '.join(map(repr, missing))}")
    ran = sorted(name for name, found in states.items() if "ran" in found)
    return Outcome("pass", f"{len(ran)} attacks ran, these among them", {"file": AUDIT, "ran": ran})


def attack_risk(setting: asked.AttackRisk, case: Case) -> Outcome:
    """What the promise leaves to the best attacker, as long as no audit contradicts it.

    The public edition holds no measured risk, and its verdict is whether the promise stood: so the largest risk
    in line with the evidence is what the promise allows: its trade-off curve bounds every test (Dong, Roth, Su 2022).
    """
    document = _audit(case)
    if document is not None:
        verdict = document["verdict"]
        if verdict == "fail":
            return Outcome("fail", "the promise must stand; got an audit that contradicts it", {"file": AUDIT})
        if verdict not in case.policy.rules.audit_verdict.allowed:
            raise Unavailable(f"the audit's verdict is {verdict!r}, so that the promise was not tested")
    odds = case.certificate.promise.attack_odds
    # Whoever may raise more false alarms finds at least as many.
    found = min((finds for rate, finds in odds if rate >= setting.false_alarms), default=math.inf)
    if found == math.inf:
        raise Unavailable(f"the certificate names no odds at {setting.false_alarms:g} false alarms or more")
    what = f"largest rate of finds at {setting.false_alarms:g} false alarms"
    return within(what, found, setting.finds_at_most, false_alarms=setting.false_alarms)


def _audit(case: Case) -> dict[str, Any] | None:
    """The audit; None when there is none and none is needed. Unavailable when it cannot be relied on."""
    if case.audit_content is None and case.policy.rules.audit.needed == "optional":
        return None
    try:
        return case.audit
    except ReleaseError:
        raise Unavailable("the audit cannot be relied on: see the rule audit") from None


def _not_needed() -> Outcome:
    return Outcome("pass", "no audit lies beside the release, and none is needed", {"file": AUDIT})


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    if not isinstance(found, dict):
        raise Unavailable(f"the audit has no readable {name}")
    return found


def _list(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unavailable(f"the audit has no readable {name}")
    return found


def _number(document: Mapping[str, Any], name: str) -> float:
    found = document.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise Unavailable(f"the audit has no readable {name}")
    return float(found)
