"""A decision for other programs: gate.json, JUnit XML, Markdown and SARIF. Equal decisions give equal bytes.

Names of columns, owners and reasons are somebody else's text: each format escapes all of it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from dpsynth.errors import GateError
from dpsynth.gate.decision import Decision, RuleResult
from dpsynth.markup import element, visible

HEADLINES = {
    "pass": "PASS: every rule of the policy passed or is waived",
    "fail": "FAIL: the release must not leave the house",
    "undecided": "UNDECIDED: evidence is missing or cannot be verified, so the release must not leave the house",
}
MARKS = {"pass": "pass", "fail": "FAIL", "undecided": "undecided", "waived": "waived"}
REMARK = (
    "A pass means that the policy is fulfilled. It is no proof of privacy, and no finding that a law is complied with."
)

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Everything that Markdown, HTML within it, or a forge's links and mentions could take as more than text.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~!$^=&@]|(?<=www)\.|:(?=//)", re.IGNORECASE)


def to_json(decision: Decision) -> str:
    """The decision as gate.json."""
    return json.dumps(decision.to_json(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def to_junit(decision: Decision) -> str:
    """JUnit XML: one test case for each rule; undecided is an error, a waived rule is skipped."""
    cases = [
        element("testcase", _junit_outcome(each), classname="dpsynth.gate", name=each.name) for each in decision.rules
    ]
    counts = {status: sum(each.status == status for each in decision.rules) for status in MARKS}
    facts = [
        element("property", name=name, value=value)
        for name, value in (
            ("verdict", decision.verdict),
            ("policy", decision.policy.name),
            ("policy_sha256", decision.policy.sha256),
            ("manifest_sha256", decision.manifest_sha256 or ""),
            ("at", decision.at),
        )
    ]
    suite = element(
        "testsuite",
        element("properties", facts),
        cases,
        name="dpsynth gate",
        tests=len(decision.rules),
        failures=counts["fail"],
        errors=counts["undecided"],
        skipped=counts["waived"],
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element("testsuites", suite).html}\n'


def _junit_outcome(result: RuleResult) -> Any:
    if result.status == "pass":
        return element("system-out", result.words)
    tag = {"fail": "failure", "undecided": "error", "waived": "skipped"}[result.status]
    return element(tag, message=result.words)


def to_markdown(decision: Decision) -> str:
    """A summary for a forge's job page: verdict, a table of rules, and what was judged by which policy."""
    rows = [
        f"| {in_markdown(each.name)} | {MARKS[each.status]} | {in_markdown(each.words)} |" for each in decision.rules
    ]
    policy, release = decision.policy, decision.manifest_sha256 or "none"
    day = f"{decision.at} ({decision.clock} clock)"
    lines = [
        "## Release gate",
        "",
        f"**{HEADLINES[decision.verdict]}.**",
        "",
        "| rule | status | why |",
        "| --- | --- | --- |",
        *rows,
        "",
        f"Policy {in_markdown(policy.name)}, in force until {policy.expires}, SHA-256 {policy.sha256}.",
        f"Release: MANIFEST.json SHA-256 {release}. Decided for {day} by dpsynth {decision.software}.",
        "",
        REMARK,
    ]
    return "\n".join(lines) + "\n"


def in_markdown(text: str) -> str:
    """Text on one line in which nothing is markup, a link or a mention.

    >>> in_markdown("<b> @all")
    '&lt;b&gt; &#64;all'
    """
    entities = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", ":": "&#58;", ".": "&#46;"}
    shown = " ".join(visible(text).split())
    return _SPECIAL.sub(lambda match: entities.get(match.group(), f"\\{match.group()}"), shown)


def to_sarif(decision: Decision) -> str:
    """SARIF 2.1.0: one result for each rule that does not pass; a waived one carries its suppression.

    Undecided is an error like a failure: a reader who counts errors must not take it for a pass.
    """
    results = [_sarif_result(place, each) for place, each in enumerate(decision.rules) if each.status != "pass"]
    driver = {
        "name": "dpsynth gate",
        "version": decision.software,
        "rules": [
            {"id": each.name, "shortDescription": {"text": each.name.replace("_", " ")}} for each in decision.rules
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": decision.verdict != "undecided", "exitCode": decision.exit_code}],
        "results": results,
        "properties": {"verdict": decision.verdict, "policySha256": decision.policy.sha256, "at": decision.at},
    }
    document = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _sarif_result(place: int, result: RuleResult) -> dict[str, Any]:
    prefix = {"fail": "", "undecided": "Cannot decide: ", "waived": ""}[result.status]
    file = result.evidence.get("file")
    location = {"artifactLocation": {"uri": file if isinstance(file, str) else "MANIFEST.json"}}
    found: dict[str, Any] = {
        "ruleId": result.name,
        "ruleIndex": place,
        "kind": "fail",
        "level": "error",
        "message": {"text": visible(f"{prefix}{result.words}")},
        "locations": [{"physicalLocation": location}],
    }
    if result.status == "waived":
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(result.words)}]
    return found


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises GateError when it cannot be written."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with fresh.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise GateError(f"output ({path}) must be in a writable folder; got: {reason}") from None
    finally:
        fresh.unlink(missing_ok=True)
