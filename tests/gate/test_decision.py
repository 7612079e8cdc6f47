"""The decision as a whole: it passes what fulfils the policy, and nothing that was spoiled, lost, or broken."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dpsynth.gate
from dpsynth.errors import GateError, LedgerError, SettingError
from dpsynth.gate import decision as decisions
from dpsynth.gate.decision import RULES, Decision, RuleResult, conclude, decide, json_schema
from dpsynth.gate.evidence import Outcome
from dpsynth.gate.policy import Policy, default_policy
from dpsynth.keys import key_id, new_key_pair, read_public_key
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.release.certificate import Noise
from dpsynth.release.release import Release
from dpsynth.schema.text import to_yaml_text

AT = date(2030, 6, 1)


def statuses(decision: Decision) -> dict[str, str]:
    return {each.name: each.status for each in decision.rules if each.status != "pass"}


def test_what_fulfils_the_strict_policy_passes(world: Any) -> None:
    decision = world.decide()
    assert (decision.verdict, decision.exit_code, statuses(decision)) == ("pass", 0, {})
    assert {each.name for each in decision.rules} > set(default_policy().rules.model_dump(exclude_none=True))
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision
    again = world.decide()
    assert again == decision
    assert decision.clock == "given"
    assert decision.policy.sha256 == default_policy(AT).sha256


def spoil(world: Any, name: str) -> dict[str, Any]:
    """Spoil a release in one way; returns what to hand to `decide`."""
    directory = world.directory
    if name == "no release":
        shutil.rmtree(directory)
    elif name == "no manifest":
        (directory / "MANIFEST.json").unlink()
    elif name == "tampered table":
        with (directory / "synthetic.csv").open("a") as file:
            file.write("1,1,1\n")
    elif name == "lost file":
        (directory / "model.npz").unlink()
    elif name == "linked file":
        (directory / "model.npz").rename(world.place / "model.npz")
        (directory / "model.npz").symlink_to(world.place / "model.npz")
    elif name == "stray file":
        (directory / "private.csv").write_text("a\n1\n")
    elif name == "broken manifest":
        (directory / "MANIFEST.json").write_text("{")
    elif name == "forged certificate":
        document = json.loads((directory / "certificate.json").read_text())
        document["created"] = "2031-01-01T00:00:00Z"
        world.forge("certificate.json", json.dumps(document).encode())
    elif name == "certificate with NaN":
        text = (directory / "certificate.json").read_text().replace('"epsilon": 1.0', '"epsilon": NaN')
        world.forge("certificate.json", text.encode())
    elif name == "test entropy":
        world.save(noise=Noise.of(False))
    elif name == "no ledger in the certificate":
        world.save(ledger=None)
    elif name == "ledger not handed in":
        return {"ledger": None}
    elif name == "ledger lost":
        return {"ledger": world.place / "nowhere.db"}
    elif name == "another ledger":
        Ledger.init(world.place / "other.db", (4.0, 1e-6), "people").close()
        return {"ledger": world.place / "other.db"}
    elif name == "edited ledger":
        with sqlite3.connect(world.place / "ledger.db") as database:
            database.executescript("DROP TRIGGER no_update; UPDATE entries SET mu_squared_units = 1 WHERE seq = 2;")
        database.close()
    elif name == "another request":
        world.save(ledger=replace(world.made.certificate.ledger, request_id="other"))
    elif name == "another entry":
        world.save(ledger=replace(world.made.certificate.ledger, hash="0" * 64))
    elif name == "another release under this charge":
        world.save_under_its_charge(seed=1)
    elif name == "a charge that was cut off":
        world.charge("cut off")
    elif name == "a certificate that names a smaller grant":
        world.understate(0.5)
    elif name == "unsigned":
        (directory / "attestation.json").unlink()
    elif name == "key not handed in":
        return {"public_keys": []}
    elif name == "wrong key":
        return {"public_keys": [new_key_pair(world.place / "other.pem")]}
    elif name == "broken signature":
        text = (directory / "attestation.json").read_text()
        place = text.index('"sig": "') + 12
        letter = "A" if text[place] != "A" else "B"
        (directory / "attestation.json").write_text(text[:place] + letter + text[place + 1 :])
    elif name == "no audit":
        (directory / "audit.json").unlink()
        world.sign()
    elif name == "steward's audit":
        (directory / "audit.json").write_text(json.dumps(world.report().to_json()))
        world.sign()
    elif name == "numbers in a public audit":
        world.audit(identity__seed=3)
    elif name == "a private number beside the audit":
        world.audit(checks=[{"name": "x", "question": "x", "status": "pass", "words": "0.7", "public": True}])
    elif name == "audit of another table":
        world.audit(identity__sha256="0" * 64)
    elif name == "audit of a table in memory":
        world.audit(identity__hashed="canonical table")
    elif name == "audit of a weaker claim":
        world.audit(claim__mu=9.0)
    elif name == "audit of another relation":
        world.audit(claim__relation="replace-one")
    elif name == "audit of no claim":
        world.audit(claim__made=False)
    elif name == "stale audit":
        world.audit(identity__created="2029-01-01T00:00:00Z")
    elif name == "audit from the future":
        world.audit(identity__created="2030-06-02T00:00:00Z")
    elif name == "failed audit":
        world.audit(verdict="fail")
    elif name == "inconclusive audit":
        world.audit(verdict="inconclusive")
    elif name == "weak audit":
        world.audit(findings__0__power={}, findings__1__power={"copies": 101}, findings__2__power={"mu": 0.1})
    elif name == "audit without attacks":
        world.audit(findings=[])
    elif name == "unsigned change of the audit":
        world.audit(resign=False, power="fine")
    else:
        raise AssertionError(name)
    return {}


EXPECTED = {
    "no release": {"integrity": "undecided"},
    "no manifest": {"integrity": "undecided"},
    "tampered table": {"integrity": "fail"},
    "lost file": {"integrity": "fail"},
    "linked file": {"integrity": "fail"},
    "stray file": {"integrity": "fail"},
    "broken manifest": {"integrity": "undecided"},
    "forged certificate": {"integrity": "fail"},
    "certificate with NaN": {"integrity": "fail"},
    "test entropy": {"noise": "fail"},
    "no ledger in the certificate": {"ledger": "fail"},
    "ledger not handed in": {"ledger": "undecided", "attempts": "undecided"},
    "ledger lost": {"ledger": "undecided", "attempts": "undecided"},
    "another ledger": {"ledger": "fail"},
    "edited ledger": {"ledger": "fail"},
    "another request": {"ledger": "fail"},
    "another entry": {"ledger": "fail"},
    "another release under this charge": {"ledger": "fail"},
    "a charge that was cut off": {"ledger": "fail"},
    "a certificate that names a smaller grant": {"ledger": "fail"},
    "unsigned": {"signature": "undecided"},
    "key not handed in": {"signature": "undecided"},
    "wrong key": {"signature": "fail"},
    "broken signature": {"signature": "fail"},
    "no audit": {"audit": "undecided", "audit_verdict": "undecided", "attack_risk": "undecided"},
    "steward's audit": {"audit": "fail", "audit_verdict": "undecided"},
    "numbers in a public audit": {"audit": "fail"},
    "a private number beside the audit": {"audit": "fail"},
    "audit of another table": {"audit": "fail"},
    "audit of a table in memory": {"audit": "fail"},
    "audit of a weaker claim": {"audit": "fail"},
    "audit of another relation": {"audit": "fail"},
    "audit of no claim": {"audit": "fail"},
    "stale audit": {"audit_age": "fail"},
    "audit from the future": {"audit_age": "undecided"},
    "failed audit": {"audit_verdict": "fail", "attack_risk": "fail"},
    "inconclusive audit": {"audit_verdict": "undecided", "attack_risk": "undecided"},
    "weak audit": {"audit_power": "undecided"},
    "audit without attacks": {"audit_power": "undecided", "audit_attacks": "undecided"},
    "unsigned change of the audit": {"signature": "fail"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_was_spoiled_does_not_pass(world: Any, name: str) -> None:
    expected = EXPECTED[name]
    decision = world.decide(**spoil(world, name))
    found = statuses(decision)
    assert expected.items() <= found.items(), decision.rules
    assert decision.verdict == ("fail" if "fail" in expected.values() else "undecided")
    assert decision.exit_code == {"fail": 1, "undecided": 2}[decision.verdict]
    if "integrity" in expected:
        beside = {"integrity", "day", "policy_expiry", "waivers", "attempts"}
        assert {each.status for each in decision.rules if each.name not in beside} == {"undecided"}
    assert "nowhere.db" not in json.dumps(decision.to_json())


def test_one_charge_pays_for_one_release(world: Any) -> None:
    """A second run of the same plan with the ledger record of the first one is another release; its rows are not."""
    world.save_under_its_charge(seed=1)
    decision = world.decide()
    assert statuses(decision) == {"ledger": "fail"}
    assert "got another release than the one that was paid for" in decision["ledger"].words


def test_rows_drawn_anew_are_the_release_that_was_paid_for(world: Any) -> None:
    world.made = world.made.drawn(world.made.rows + 7, 12345)
    world.save()
    assert statuses(world.decide()) == {}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_byte_can_be_changed(world: Any, data: st.DataObject) -> None:
    """Of any file of the release or of its evidence: the signature covers them all."""
    path = data.draw(st.sampled_from(sorted(world.directory.iterdir())))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytes([content[place] ^ data.draw(st.integers(1, 255))])
    path.write_bytes(content[:place] + changed + content[place + 1 :])
    try:
        assert world.decide().verdict != "pass"
    finally:
        path.write_bytes(content)


def test_keys_of_the_policy(world: Any, policy: Callable[..., Policy]) -> None:
    other = new_key_pair(world.place / "other.pem")
    named = world.decide()["signature"].evidence["key_id"]
    for key_ids, status in (([named], "pass"), (["0" * 64], "fail"), (["0" * 64, named], "pass")):
        asked = policy({"signature": {"needed": "required", "key_ids": key_ids}})
        assert world.decide(asked, public_keys=[other, world.public_key])["signature"].status == status
    with pytest.raises(SettingError):
        world.decide(public_keys=[world.place / "no.pem"])


def test_ledgers_of_the_policy(world: Any, policy: Callable[..., Policy]) -> None:
    named = world.made.certificate.ledger.ledger_id
    for ledger_ids, status in (([named], "pass"), (["0" * 32], "fail"), (["0" * 32, named], "pass"), ([], "pass")):
        asked = policy({"ledger": {"ledger_ids": ledger_ids}})
        assert world.decide(asked)["ledger"].status == status
    # Another ledger with an id of the policy does not hold the charge.
    Ledger.init(world.place / "other.db", (4.0, 1e-6), "people").close()
    other = policy({"ledger": {"ledger_ids": [named]}})
    assert world.decide(other, ledger=world.place / "other.db")["ledger"].status == "fail"


def test_keys_of_the_entries(world: Any, policy: Callable[..., Policy]) -> None:
    """Every entry must be by a key that the policy lists and that was handed in, those of the gate among them."""
    signed, stranger = world.sign_ledger(), new_key_pair(world.place / "stranger.pem")
    named, unknown = signed["key_id"], key_id(read_public_key(stranger))
    asked = policy({"ledger": {"key_ids": [named]}})
    given = {"ledger": signed["ledger"], "public_keys": [stranger, world.public_key]}
    for _ in range(3):
        assert statuses(world.decide(asked, sign_key=world.place / "key.pem", **given)) == {}
    without = world.decide(asked, **{**given, "public_keys": [stranger]}, sign_key=world.place / "key.pem")
    assert without["ledger"].status == "undecided"
    assert "none of those was handed in" in without["ledger"].words
    wrong = policy({"ledger": {"key_ids": [unknown]}})
    assert world.decide(wrong, **given)["ledger"].status == "fail"
    # Optional, and no ledger: nobody can say who signed.
    optional = policy({"ledger": {"needed": "optional", "key_ids": [named]}})
    assert world.decide(optional, **{**given, "ledger": None})["ledger"].status == "undecided"


def test_a_gate_without_a_key_does_not_spoil_a_signed_ledger(world: Any, policy: Callable[..., Policy]) -> None:
    signed, other = world.sign_ledger(), new_key_pair(world.place / "other.pem")
    asked = policy({"ledger": {"key_ids": [signed["key_id"]]}})
    for sign_key in (None, world.place / "other.pem"):
        decision = world.decide(asked, ledger=signed["ledger"], sign_key=sign_key)
        assert statuses(decision) == {"attempts": "undecided"}
    with open_ledger(signed["ledger"]) as ledger:
        assert ledger.verify(keys=[world.public_key]) == ()
    # Where the policy asks for no signed entries, the attempt is written as it is, and the next gate that asks fails.
    world.decide(policy(), ledger=signed["ledger"])
    spoiled = world.decide(asked, ledger=signed["ledger"], sign_key=world.place / "key.pem", public_keys=[
        other, world.public_key
    ])  # fmt: skip
    assert statuses(spoiled) == {"ledger": "fail"}
    assert "is not signed by a known key" in spoiled["ledger"].words


def test_a_day_that_is_over_lets_nothing_pass(world: Any, policy: Callable[..., Policy]) -> None:
    """Neither an expired policy nor an ended waiver comes back to life by asking for a day on which it was in force."""
    now = decisions.today()
    few = policy({"rows": {"at_most": 1}}, waivers=[{**WAIVER, "until": now.isoformat()}], expires=now.isoformat())
    assert world.decide(few, at=now).verdict == "pass"
    assert world.decide(few, at=now)["day"].status == "pass"
    for before in (now - timedelta(days=1), date(2000, 1, 1)):
        decision = world.decide(few, at=before)
        assert (decision.verdict, statuses(decision)) == ("undecided", {"day": "undecided", "rows": "waived"})
        assert decision == world.decide(few, at=before)
        assert "lets nothing pass now" in decision["day"].words
    broken = policy({"rows": {"at_most": 1}})
    assert world.decide(broken, at=date(2000, 1, 1)).verdict == "fail"


def test_the_day_of_the_system_is_never_over(
    world: Any, policy: Callable[..., Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At midnight: the day is read once where nobody gave one."""
    days = iter([date(2030, 1, 1), date(2030, 1, 2), date(2030, 1, 3)])
    monkeypatch.setattr(decisions, "today", lambda: next(days))
    assert world.decide(policy(), at=None)["day"].status == "pass"


def test_a_policy_that_has_expired_passes_nothing(world: Any, policy: Callable[..., Policy]) -> None:
    assert world.decide(policy(), at=date(2031, 1, 1)).verdict == "pass"
    late = world.decide(policy(), at=date(2031, 1, 2))
    assert (late.verdict, statuses(late)) == ("fail", {"policy_expiry": "fail"})


WAIVER = {"rule": "rows", "owner": "steward@example.org", "reason": "agreed with the board", "until": "2030-06-01"}


def test_a_waiver_lifts_one_rule_until_its_end(world: Any, policy: Callable[..., Policy]) -> None:
    few = policy({"rows": {"at_most": 1}}, waivers=[WAIVER])
    decision = world.decide(few)
    assert (decision.verdict, statuses(decision)) == ("pass", {"rows": "waived"})
    assert "steward@example.org" in decision["rows"].words
    assert decision["rows"].evidence["waiver"] == {**WAIVER, "instead_of": "fail"}
    late = world.decide(few, at=AT + timedelta(days=1))
    assert (late.verdict, statuses(late)) == ("fail", {"rows": "fail", "waivers": "fail"})
    unused = world.decide(policy({"rows": {"at_most": 9999}}, waivers=[WAIVER]), at=AT + timedelta(days=1))
    assert (unused.verdict, statuses(unused)) == ("fail", {"waivers": "fail"})


def test_missing_evidence_can_be_waived(world: Any, policy: Callable[..., Policy]) -> None:
    (world.directory / "attestation.json").unlink()
    waived = policy({"signature": {"needed": "required"}}, waivers=[{**WAIVER, "rule": "signature"}])
    assert statuses(world.decide(waived)) == {"signature": "waived"}


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("planted"),
        RecursionError(),
        MemoryError(),
        KeyError("x"),
        None,
        True,
        Outcome("waived", "planted"),
        Outcome("passed", "planted"),  # type: ignore[arg-type]
        Outcome("pass", "planted", {"got": float("nan")}),
        Outcome("pass", "planted", {"got": object()}),
    ],
)
@pytest.mark.parametrize("name", ["noise", "audit_power"])
def test_a_rule_that_breaks_down_is_undecided(
    world: Any, monkeypatch: pytest.MonkeyPatch, name: str, answer: Any
) -> None:
    def planted(*_: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setitem(RULES, name, planted)
    decision = world.decide(ledger=None, policy=None)
    assert decision[name].status == "undecided"
    assert "planted" not in decision[name].words
    assert decision.verdict == "undecided"


def test_no_waiver_lifts_what_broke_down(
    world: Any, policy: Callable[..., Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(RULES, "rows", planted)
    decision = world.decide(policy({"rows": {"at_most": 1}}, waivers=[WAIVER]))
    assert (decision["rows"].status, decision.verdict) == ("undecided", "undecided")


def test_a_release_that_changes_meanwhile_fails(
    world: Any, policy: Callable[..., Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(*_: Any) -> Outcome:
        world.forge("certificate.txt", b"another")
        return Outcome("pass", "fine")

    monkeypatch.setitem(RULES, "rows", planted)
    decision = world.decide(policy({"rows": {"at_most": 1}}))
    assert statuses(decision) == {"integrity": "fail"}


# For each rule a setting that this release fulfils, and one that it does not.
CHOICES: dict[str, tuple[Any, Any]] = {
    "epsilon": ({"at_most": 1.0, "at_delta": 1e-6}, {"at_most": 0.9, "at_delta": 1e-6}),
    "delta": ({"at_most": 1e-6}, {"at_most": 1e-7}),
    "mu": ({"at_most": 1.0}, {"at_most": 0.01}),
    "relation": ({"allowed": ["add-remove"]}, {"allowed": ["replace-one"]}),
    "unit": ({"record_level": "allowed"}, {"record_level": "forbidden"}),
    "synthesizers": ({"allowed": ["independent"]}, {"allowed": ["mst"]}),
    "ledger": ({"scopes": ["people"]}, {"scopes": ["others"]}),
    "signature": ({"needed": "required"}, {"key_ids": ["0" * 64]}),
    "audit_age": ({"days_at_most": 12}, {"days_at_most": 11}),
    "audit_controls": ({"needed": ["leaky twin"]}, {"needed": ["another"]}),
    "audit_power": ({"mu_at_most": 0.9}, {"mu_at_most": 0.8}),
    "audit_attacks": ({"ran": ["copies"]}, {"ran": ["linkability"]}),
    "attack_risk": ({"false_alarms": 0.01, "finds_at_most": 0.1}, {"false_alarms": 0.01, "finds_at_most": 0.01}),
    "utility": ({"mean_tvd_at_most": 0.5}, {"mean_tvd_at_most": 0.5, "noise_tvd_at_most": 1e-9}),
    "columns": ({"denied": ["ssn"]}, {"denied": ["A"]}),
    "rows": ({"at_most": 99999}, {"at_most": 1}),
    "attempts": ({"at_most": 1}, None),
    "metadata": ({"source": "named"}, None),
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_policy_with_a_rule_that_does_not_pass_ever_passes(original: Any, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(CHOICES)), unique=True, max_size=8))
    broken = {name for name in chosen if CHOICES[name][1] is not None and data.draw(st.booleans())}
    waived = {name for name in broken if data.draw(st.booleans())}
    ended = {name for name in waived if data.draw(st.integers(0, 3)) == 0}
    rules = {name: CHOICES[name][name in broken] for name in chosen}
    if not {"epsilon", "mu"} & set(rules):
        rules["mu"] = CHOICES["mu"][0]
    if "epsilon" in rules:
        rules.setdefault("delta", {"at_most": 1e-6})
    waivers = [{**WAIVER, "rule": name, "until": "2030-05-31" if name in ended else "2030-06-01"} for name in waived]
    head = {"format": "dpsynth-policy", "version": 1, "name": "drawn", "expires": "2031-01-01"}
    policy = Policy.parse(to_yaml_text({**head, "rules": rules, "waivers": waivers}))
    decision = original.decide(policy)
    assert {each.name for each in decision.rules if each.status != "pass"} - {"waivers"} == broken
    assert (decision.verdict == "pass") == (broken == waived - ended)
    assert {each.name for each in decision.rules if each.status == "waived"} == waived - ended


@given(st.lists(st.sampled_from(["pass", "fail", "undecided", "waived", "", "PASS"]), max_size=6))
def test_only_passes_conclude_in_a_pass(found: list[Any]) -> None:
    results = [RuleResult(str(place), status, "", {}) for place, status in enumerate(found)]
    passed = bool(found) and set(found) <= {"pass", "waived"}
    assert (conclude(results) == "pass") == passed
    assert (conclude(results) == "fail") == ("fail" in found)


def test_a_decision_cannot_contradict_its_rules(world: Any) -> None:
    document = world.decide(ledger=None).to_json()
    assert document["verdict"] == "undecided"
    for change in ({"verdict": "pass"}, {"verdict": "fail"}, {"more": 1}, {"version": 2}, {"at": 3}):
        with pytest.raises(GateError):
            Decision.from_json({**document, **change})


def test_attempts_are_counted_and_capped(world: Any, policy: Callable[..., Policy]) -> None:
    two = policy({"attempts": {"at_most": 2}})
    assert world.decide(two)["attempts"].evidence["got"] == 1
    assert world.decide(two)["attempts"].evidence["got"] == 1  # the same again
    world.audit(identity__report_id="1" * 32)
    assert world.decide(two)["attempts"].evidence["got"] == 2  # another audit of it
    world.save(created="2030-01-01T00:00:00Z")
    third = world.decide(two)
    assert (third["attempts"].status, third.verdict) == ("fail", "fail")
    waived = policy({"attempts": {"at_most": 2}}, waivers=[{**WAIVER, "rule": "attempts"}])
    assert statuses(world.decide(waived)) == {"attempts": "waived"}


def test_scopes_below_give_no_new_tries(
    world: Any, policy: Callable[..., Policy], release_of: Callable[..., Release]
) -> None:
    """Releases of the same people, each charged to a scope of its own below that of the policy."""
    one = {"attempts": {"at_most": 1}}
    asked = {
        "own scope": policy(one),
        "covered": policy({**one, "ledger": {"scopes": ["people"]}}),
        "named": policy({"attempts": {"at_most": 1, "scope": "people"}}),
        "elsewhere": policy({"attempts": {"at_most": 1, "scope": "others"}}),
    }
    assert {world.decide(each)["attempts"].status for name, each in asked.items() if name != "elsewhere"} == {"pass"}
    elsewhere = world.decide(asked["elsewhere"])
    assert (elsewhere.verdict, statuses(elsewhere)) == ("fail", {"attempts": "fail"})
    assert "must be in 'others'" in elsewhere["attempts"].words
    world.made = release_of(3, ledger=world.place / "ledger.db", scope="people/visits/again")
    world.save()
    found = {name: world.decide(each)["attempts"] for name, each in asked.items()}
    assert {name: each.status for name, each in found.items()} == {
        "own scope": "pass", "covered": "fail", "named": "fail", "elsewhere": "fail"
    }  # fmt: skip
    assert (found["covered"].evidence["got"], found["covered"].evidence["scope"]) == (2, "people")


def test_attempts_that_cannot_be_recorded_are_undecided(
    world: Any, policy: Callable[..., Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Ledger, "attempt", full)
    decision = world.decide(policy())
    assert statuses(decision) == {"attempts": "undecided"}
    assert decision.verdict == "undecided"


def test_the_day_is_today_unless_given(world: Any) -> None:
    decision = world.decide(at=None)
    assert decision.clock == "system"
    assert decision.at == decisions.today().isoformat()


def test_policies_come_from_files_too(world: Any) -> None:
    path = world.place / "policy.yaml"
    path.write_text("format: dpsynth-policy\nversion: 1\nname: x\nexpires: 2031-01-01\nrules: {mu: {at_most: 1}}\n")
    assert decide(world.directory, path, at=AT).verdict == "undecided"
    with pytest.raises(GateError, match="readable file"):
        decide(world.directory, world.place / "nowhere.yaml")


def test_the_published_schema_is_of_this_version() -> None:
    published = Path(dpsynth.gate.__file__).with_name("gate.schema.json")
    assert json.loads(published.read_text()) == json_schema()
