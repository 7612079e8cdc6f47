"""Policies: read strictly, every mistake with its line and what to write instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import dpsynth.gate
from dpsynth.errors import GateError
from dpsynth.gate.policy import ALWAYS, Policy, asked, default_policy, default_policy_text, json_schema

HEAD = "format: dpsynth-policy\nversion: 1\nname: x\nexpires: 2030-01-01\n"
GOOD = HEAD + "rules:\n  mu: {at_most: 0.5}\n"


def test_the_default_is_strict() -> None:
    policy = default_policy(date(2030, 1, 1))
    assert policy.expires == date(2031, 1, 1)
    rules = policy.rules
    assert rules.ledger.needed == rules.signature.needed == rules.audit.needed == "required"
    assert {"epsilon", "delta", "attempts", "utility", "attack_risk", "audit_age"} <= set(asked(policy))
    assert Policy.parse(default_policy_text(date(2030, 1, 1))) == policy


def test_what_is_left_out_stays_strict() -> None:
    policy = Policy.parse(GOOD)
    assert set(asked(policy)) == {
        "mu", "unit", "noise", "ledger", "signature", "audit", "audit_verdict", "audit_controls", "metadata"
    }  # fmt: skip
    assert policy.rules.ledger.needed == policy.rules.signature.needed == policy.rules.audit.needed == "required"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "rules:\n  mu: {at_most: 0.5}\n  epsilom: {at_most: 1}\n", 7, "did you mean 'epsilon'?"),
        (HEAD + "rules:\n  mu:\n    at_moost: 0.5\n", 7, "did you mean 'at_most'?"),
        (HEAD + "rules:\n  mu: {at_most: .nan}\n", 6, "a number above 0, such as 0.5; got nan"),
        (HEAD + "rules:\n  mu: {at_most: .inf}\n", 6, "got inf"),
        (HEAD + "rules:\n  mu: {at_most: 1e999}\n", 6, "got inf"),
        (HEAD + "rules:\n  mu: {at_most: -1}\n", 6, "got -1"),
        (HEAD + "rules:\n  mu: {at_most: true}\n", 6, "got true/false"),
        (HEAD + "rules:\n  mu: {at_most: '1'}\n", 6, "got '1'"),
        (HEAD + "rules:\n  mu: 3\n", 6, "must be a mapping with at_most"),
        (HEAD + "rules: {unit: {}}\n", 5, "must cap the loss of privacy"),
        (HEAD + "rules: {epsilon: {at_most: 1.0}}\n", 5, "epsilon must have a delta beside it"),
        (GOOD + "  audit_power: {power_at_least: 0.5}\n", 7, "must give mu_at_most, copies_at_most, or both"),
        (GOOD + "  audit_attacks:\n    ran: [copies, 3]\n", 8, "entry 2 of ran"),
        (GOOD + "  relation: {allowed: []}\n", 7, "a list of add-remove, replace-one"),
        (GOOD + "  ledger: {key_ids: [5f5f5f5f5f5f5f5f]}\n", 7, "64 hexadecimal digits"),
        (GOOD + "  signature:\n    key_ids: [key.pem]\n", 8, "64 hexadecimal digits"),
        (GOOD + "  ledger: {scopes: [people/]}\n", 7, "must be 1 to 8 names joined by /"),
        (GOOD + "  attempts: {at_most: 2, scope: ' /x'}\n", 7, "must be 1 to 8 names joined by /"),
        (GOOD + "  noise: {exact: false}\n", 7, "exact must be true"),
        (GOOD + "  audit_verdict: {allowed: [fail]}\n", 7, "a list of pass, inconclusive"),
        (GOOD + "  mu: {at_most: 9}\n", 7, "must be given once"),
        (GOOD + "format: dpsynth-policy\n", 7, "must be given once"),
        (GOOD + "file_sha256: x\n", 7, "must be left out"),
        (GOOD.replace("version: 1", "version: 2"), 2, "the only version there is; got 2"),
        (GOOD.replace("version: 1", "version: true"), 2, "the only version there is"),
        (GOOD.replace("dpsynth-policy", "other"), 1, "must be dpsynth-policy"),
        (GOOD.replace("2030-01-01", "2030-02-30"), 4, "the last day on which the policy may be used"),
        (GOOD.replace("2030-01-01", "soon"), 4, "the last day on which the policy may be used"),
        (GOOD.replace("expires: 2030-01-01\n", ""), 1, "expires must be given"),
        (GOOD + "waivers: [{rule: epsilon, owner: a, reason: b, until: 2030-01-01}]\n", None, "must name rules"),
        (GOOD + "waivers: [{rule: integrity, owner: a, reason: b, until: 2030-01-01}]\n", None, "must not lift"),
        (GOOD + "waivers: [{rule: copy, owner: a, reason: b, until: 2030-01-01}]\n", None, "must name rules"),
        (GOOD + "waivers:\n- {rule: mu, owner: a, until: 2030-01-01}\n", 8, "reason must be given: a sentence"),
        (GOOD + "waivers:\n- {rule: mu, owner: '', reason: b, until: 2030-01-01}\n", 8, "who answers for it"),
        (GOOD + 2 * "waivers: []\n", 8, "must be given once"),
        ("", None, "got an empty file"),
        ("- 1\n", 1, "must be a mapping; got a list"),
        ("a: &x [lol]\nb: [*x, *x]\n", 2, "an alias"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a tag"),
        ("[" * 50, 1, "levels of nesting"),
        ("a: [1\n", 2, "file must be YAML"),
        ("a: \x00", 1, "a character that is not allowed"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(text: str, line: int | None, words: str) -> None:
    with pytest.raises(GateError) as caught:
        Policy.parse(text)
    shown = [each for each in str(caught.value).splitlines() if words in each]
    assert shown, str(caught.value)
    if line is not None:
        assert any(f"line {line}" in each for each in shown), shown


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(GateError) as caught:
        Policy.parse(HEAD + "rules:\n  mu: {at_most: 0}\n  rows: {at_most: -1}\nwaiver: []\n")
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("rule", ALWAYS)
def test_no_waiver_lifts_what_every_decision_holds(rule: str) -> None:
    with pytest.raises(GateError):
        Policy.parse(GOOD + f"waivers: [{{rule: {rule}, owner: a, reason: b, until: 2030-01-01}}]\n")


def test_a_rule_is_waived_once(policy: Callable[..., Policy]) -> None:
    waiver = {"rule": "mu", "owner": "a", "reason": "b", "until": "2030-01-01"}
    assert policy(waivers=[waiver]).waivers[0].until == date(2030, 1, 1)
    with pytest.raises(GateError, match="once"):
        policy(waivers=[waiver, waiver])


def test_the_hash_is_of_the_meaning(tmp_path: Path) -> None:
    one, other = Policy.parse(GOOD), Policy.parse("# words\n" + GOOD.replace("0.5", "0.50"))
    assert one.sha256 == other.sha256
    assert Policy.parse(GOOD.replace("0.5", "0.6")).sha256 != one.sha256
    (tmp_path / "policy.yaml").write_text(GOOD)
    loaded = Policy.load(tmp_path / "policy.yaml")
    assert loaded.sha256 == one.sha256
    assert loaded.file_sha256 is not None
    assert one.file_sha256 is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"#" * (2 << 20)])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "policy.yaml"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(GateError, match="policy"):
        Policy.load(place)


def test_the_published_schema_is_of_this_version() -> None:
    published = Path(dpsynth.gate.__file__).with_name("policy.schema.json")
    assert json.loads(published.read_text()) == json_schema()
    assert "file_sha256" not in json_schema()["properties"]
