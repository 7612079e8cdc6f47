"""Each rule by itself: what passes, what fails, and what it cannot decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import dpsynth
from dpsynth.gate import audit_rules, rules, settings
from dpsynth.gate.decision import RULES, _result
from dpsynth.gate.policy import Policy, asked
from dpsynth.release.certificate import Certificate, LedgerRecord, Noise, PublicItem, public_items
from dpsynth.release.content import CONTENT, content_digest
from dpsynth.schema.schema import Schema


def judged(name: str, setting: Any, case: Any) -> str:
    return _result(name, lambda: RULES[name](setting, case)).status


@pytest.fixture
def certificate(original: Any) -> Certificate:
    return original.made.certificate


@pytest.fixture
def schema(original: Any) -> Schema:
    return original.made.schema


@pytest.mark.parametrize(
    ("at_most", "at_delta", "status"),
    [
        (1.0, None, "pass"),
        (0.99, None, "fail"),
        (1.0, 1e-6, "pass"),
        (1.0, 1e-5, "pass"),
        (1.0, 1e-7, "fail"),
        (2.0, 1e-7, "pass"),
        (2.0, 3e-8, "pass"),
        (9.0, 1e-13, "undecided"),
    ],
)
def test_epsilon(certificate: Certificate, at_most: float, at_delta: float | None, status: str) -> None:
    case = SimpleNamespace(certificate=certificate)
    assert judged("epsilon", settings.Epsilon(at_most=at_most, at_delta=at_delta), case) == status


def test_no_epsilon_below_what_is_uncovered(certificate: Certificate) -> None:
    promise = SimpleNamespace(epsilon=1.0, delta=1e-6, delta0=1e-8, profile=())
    case = SimpleNamespace(certificate=SimpleNamespace(promise=promise))
    assert judged("epsilon", settings.Epsilon(at_most=9, at_delta=1e-9), case) == "fail"


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_what_is_no_number_is_undecided(broken: float) -> None:
    promise = SimpleNamespace(epsilon=broken, delta=1e-6, delta0=0.0, profile=(), mu=broken)
    case = SimpleNamespace(certificate=SimpleNamespace(promise=promise, rows=broken))
    assert judged("epsilon", settings.Epsilon(at_most=1), case) == "undecided"
    assert judged("mu", settings.Mu(at_most=1), case) == "undecided"
    assert judged("rows", settings.Rows(at_most=1), case) == "undecided"


def test_delta_and_mu(certificate: Certificate) -> None:
    case = SimpleNamespace(certificate=certificate)
    assert judged("delta", settings.Delta(at_most=1e-6), case) == "pass"
    assert judged("delta", settings.Delta(at_most=9e-7), case) == "fail"
    assert judged("mu", settings.Mu(at_most=certificate.promise.mu), case) == "pass"
    assert judged("mu", settings.Mu(at_most=certificate.promise.mu * 0.999), case) == "fail"
    uncovered = SimpleNamespace(certificate=SimpleNamespace(promise=SimpleNamespace(mu=0.1, delta0=1e-5)))
    assert judged("mu", settings.Mu(at_most=1), uncovered) == "fail"


def test_relation_and_synthesizers(certificate: Certificate) -> None:
    case = SimpleNamespace(certificate=certificate)
    assert judged("relation", settings.Relation(allowed=("add-remove",)), case) == "pass"
    assert judged("relation", settings.Relation(allowed=("replace-one",)), case) == "fail"
    assert judged("synthesizers", settings.Synthesizers(allowed=("independent", "mst")), case) == "pass"
    assert judged("synthesizers", settings.Synthesizers(allowed=("mst",)), case) == "fail"


@pytest.mark.parametrize(
    ("setting", "column", "identifier", "status"),
    [
        ({}, None, False, "pass"),
        ({}, None, True, "fail"),
        ({}, "person", True, "pass"),
        ({"record_level": "allowed"}, None, True, "pass"),
        ({"record_level": "forbidden"}, None, False, "fail"),
        ({"record_level": "forbidden"}, "person", False, "pass"),
        ({"columns": ("person",)}, "person", True, "pass"),
        ({"columns": ("person",)}, "visit", True, "fail"),
        ({"columns": ("person",), "record_level": "allowed"}, None, False, "fail"),
    ],
)
def test_unit(setting: dict[str, Any], column: str | None, identifier: bool, status: str) -> None:
    columns = [dpsynth.Boolean("x"), *([dpsynth.Identifier("id")] if identifier else [])]
    unit = SimpleNamespace(column=column, max_rows=1, words="somebody")
    case = SimpleNamespace(certificate=SimpleNamespace(unit=unit), schema=dpsynth.Schema(columns))
    assert judged("unit", settings.Unit(**setting), case) == status


@pytest.mark.parametrize(
    ("noise", "status"),
    [
        (Noise(), "pass"),
        (Noise.of(False), "fail"),
        (Noise(law="rounded Laplace"), "fail"),
        (Noise(entropy="a seed"), "fail"),
        (Noise(private=False), "fail"),
    ],
)
def test_noise(noise: Noise, status: str) -> None:
    assert judged("noise", settings.Noise(), SimpleNamespace(certificate=SimpleNamespace(noise=noise))) == status


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        ("d", "pass"),
        ("a", "fail"),
        ("A", "fail"),
        ("[ab]", "pass"),
        ("pay [EUR]", "fail"),
        ("pay*", "fail"),
        ("?", "fail"),
        ("*", "fail"),
        ("\uff41", "fail"),  # a full-width a
        ("aa", "pass"),
        ("", None),
    ],
)
def test_columns(denied: str, status: str | None) -> None:
    case = SimpleNamespace(columns=("a", "b", "Pay [eur]"))
    if status is None:
        with pytest.raises(ValueError):
            settings.Columns(denied=(denied,))
    else:
        assert judged("columns", settings.Columns(denied=(denied,)), case) == status
        for hidden in (" A ", "\u200bA", "a\u00ad", "\u202ea"):
            disguised = SimpleNamespace(columns=(hidden,))
            assert judged("columns", settings.Columns(denied=("a",)), disguised) == "fail"


def test_rows(certificate: Certificate) -> None:
    case = SimpleNamespace(certificate=certificate)
    assert judged("rows", settings.Rows(at_most=certificate.rows), case) == "pass"
    assert judged("rows", settings.Rows(at_most=certificate.rows - 1), case) == "fail"


@pytest.mark.parametrize(
    ("source", "reviewed", "named"),
    [("codebook", "pass", "pass"), ("declared", "pass", "fail"), ("unreviewed", "fail", "fail"),
     (" Unreviewed ", "fail", "fail")],
)  # fmt: skip
def test_metadata(source: str, reviewed: str, named: str) -> None:
    schema = dpsynth.Schema([dpsynth.Boolean("x", source=source)])
    case = SimpleNamespace(certificate=SimpleNamespace(public_metadata=public_items(schema)), schema=schema)
    assert judged("metadata", settings.Metadata(), case) == reviewed
    assert judged("metadata", settings.Metadata(source="named"), case) == named


def test_public_items_must_be_those_of_the_schema(schema: Schema) -> None:
    for items in ((), public_items(schema)[1:], (PublicItem("a", "type", "law"),)):
        case = SimpleNamespace(certificate=SimpleNamespace(public_metadata=items), schema=schema)
        assert judged("metadata", settings.Metadata(), case) == "fail"


@pytest.mark.parametrize(
    ("beyond", "noise", "cap", "status"),
    [
        (0.1, 0.2, None, "pass"),
        (0.2, 0.2, None, "fail"),
        (0.1, 0.2, 0.1, "undecided"),
        (0.1, 0.1, 0.1, "pass"),
        (float("nan"), 0.1, None, "undecided"),
        (0.1, float("nan"), 0.1, "undecided"),
    ],
)
def test_utility(monkeypatch: pytest.MonkeyPatch, beyond: float, noise: float, cap: float | None, status: str) -> None:
    monkeypatch.setattr("dpsynth.gate.utility.distances", lambda _: (beyond, noise))
    case = SimpleNamespace(release=SimpleNamespace(certificate=1), certificate=1)
    assert judged("utility", settings.Utility(mean_tvd_at_most=0.15, noise_tvd_at_most=cap), case) == status
    case.certificate = 2
    assert judged("utility", settings.Utility(mean_tvd_at_most=0.15), case) == "undecided"


def audited(policy: Policy, **changes: Any) -> SimpleNamespace:
    """A case whose audit says what `changes` say."""
    document = {
        "version": 1,
        "verdict": "pass",
        "levels": {"alpha": 0.05, "power": 0.9},
        "checks": [],
        "controls": [{"name": "leaky twin", "passed": True}, {"name": "independent sample", "passed": True}],
        "findings": [
            {"attack": "copies", "status": "ran", "power": {"mu": None, "copies": 40}},
            {"attack": "marginals", "status": "ran", "power": {"mu": 0.9, "copies": 90}},
            {"attack": "singling-out", "status": "not run", "power": {"mu": 0.1, "copies": 1}},
        ],
        **changes,
    }
    odds = ((0.001, 0.002), (0.01, 0.018), (0.1, 0.14))
    certificate = SimpleNamespace(promise=SimpleNamespace(attack_odds=odds))
    return SimpleNamespace(audit=document, audit_content=b"{}", policy=policy, certificate=certificate)


CONTROL = {"name": "leaky twin", "passed": True}


@pytest.mark.parametrize(
    ("name", "setting", "changes", "status"),
    [
        ("audit_verdict", settings.AuditVerdict(), {}, "pass"),
        ("audit_verdict", settings.AuditVerdict(), {"verdict": "fail"}, "fail"),
        ("audit_verdict", settings.AuditVerdict(), {"verdict": "inconclusive"}, "undecided"),
        ("audit_verdict", settings.AuditVerdict(), {"verdict": "fine"}, "undecided"),
        ("audit_verdict", settings.AuditVerdict(allowed=("pass", "inconclusive")), {"verdict": "inconclusive"}, "pass"),
        ("audit_verdict", settings.AuditVerdict(allowed=("pass", "inconclusive")), {"verdict": "fail"}, "fail"),
        ("audit_verdict", settings.AuditVerdict(), {"checks": [{"name": "x", "status": "fail"}]}, "fail"),
        ("audit_verdict", settings.AuditVerdict(), {"checks": None}, "undecided"),
        ("audit_controls", settings.AuditControls(), {}, "pass"),
        ("audit_controls", settings.AuditControls(), {"controls": []}, "undecided"),
        ("audit_controls", settings.AuditControls(), {"controls": [CONTROL]}, "undecided"),
        ("audit_controls", settings.AuditControls(needed=("leaky twin",)), {"controls": [CONTROL]}, "pass"),
        ("audit_controls", settings.AuditControls(needed=("leaky twin",)),
         {"controls": [CONTROL, {**CONTROL, "passed": False}]}, "undecided"),
        ("audit_controls", settings.AuditControls(needed=("leaky twin",)),
         {"controls": [{**CONTROL, "passed": 1}]}, "undecided"),
        ("audit_power", settings.AuditPower(copies_at_most=40), {}, "pass"),
        ("audit_power", settings.AuditPower(copies_at_most=39), {}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9), {}, "pass"),
        ("audit_power", settings.AuditPower(mu_at_most=0.8), {}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9, copies_at_most=39), {}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9), {"findings": []}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9),
         {"findings": [{"status": "ran", "power": {"mu": float("nan")}}]}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9),
         {"findings": [{"status": "ran", "power": {"mu": True}}]}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9), {"levels": {"alpha": 0.05, "power": 0.5}}, "undecided"),
        ("audit_power", settings.AuditPower(mu_at_most=0.9), {"levels": {"alpha": 0.5, "power": 0.9}}, "undecided"),
        ("audit_attacks", settings.AuditAttacks(ran=("copies", "marginals")), {}, "pass"),
        ("audit_attacks", settings.AuditAttacks(ran=("singling-out",)), {}, "undecided"),
        ("audit_attacks", settings.AuditAttacks(ran=("linkability",)), {}, "undecided"),
        ("audit_attacks", settings.AuditAttacks(ran=("copies",)),
         {"findings": [{"attack": "copies", "status": "ran"}, {"attack": "copies", "status": "failed"}]}, "undecided"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.01, finds_at_most=0.018), {}, "pass"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.005, finds_at_most=0.018), {}, "pass"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.02, finds_at_most=0.018), {}, "fail"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.2, finds_at_most=0.5), {}, "undecided"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.01, finds_at_most=0.5), {"verdict": "fail"}, "fail"),
        ("attack_risk", settings.AttackRisk(false_alarms=0.01, finds_at_most=0.5), {"verdict": "odd"}, "undecided"),
    ],
)  # fmt: skip
def test_the_audit_s_rules(
    policy: Callable[..., Policy], name: str, setting: Any, changes: dict[str, Any], status: str
) -> None:
    assert judged(name, setting, audited(policy(), **changes)) == status


@pytest.mark.parametrize("needed", ["optional", "required"])
def test_no_audit_at_all(policy: Callable[..., Policy], needed: str, world: Any) -> None:
    (world.directory / "audit.json").unlink()
    (world.directory / "attestation.json").unlink()
    rules_asked = {
        "audit": {"needed": needed},
        "audit_age": {"days_at_most": 9},
        "audit_power": {"mu_at_most": 9.0},
        "audit_attacks": {"ran": ["copies"]},
        "attack_risk": {"false_alarms": 0.01, "finds_at_most": 0.5},
    }
    decision = world.decide(policy(rules_asked))
    about = [each for each in decision.rules if each.name.startswith("a") and each.name != "attempts"]
    assert {each.status for each in about} == {"pass" if needed == "optional" else "undecided"}
    assert len(about) == 7
    assert decision.verdict == ("pass" if needed == "optional" else "undecided")


RECORD = LedgerRecord("id", "people/visits", "r", 2, "h", 3, "n")


def charged(certificate: Certificate, record: LedgerRecord | None, ledger: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(certificate=replace(certificate, ledger=record), ledger=ledger)


@pytest.mark.parametrize(
    ("setting", "record", "status"),
    [
        ({}, None, "fail"),
        ({"needed": "optional"}, None, "pass"),
        ({"needed": "optional", "scopes": ("people",)}, None, "fail"),
        ({"needed": "optional"}, RECORD, "pass"),
        ({"needed": "optional", "scopes": ("people",)}, RECORD, "pass"),
        ({"needed": "optional", "scopes": ("peop",)}, RECORD, "fail"),
        ({"scopes": ("people/other",)}, RECORD, "fail"),
        ({"needed": "optional", "ledger_ids": ("id",)}, RECORD, "pass"),
        ({"needed": "optional", "ledger_ids": ("other",)}, RECORD, "fail"),
        ({"needed": "optional", "ledger_ids": ("i",)}, RECORD, "fail"),
        ({"needed": "optional", "ledger_ids": ("id",)}, None, "fail"),
        ({"needed": "optional", "key_ids": ("0" * 64,)}, None, "fail"),
    ],
)
def test_ledger_by_the_certificate_alone(
    certificate: Certificate, setting: dict[str, Any], record: LedgerRecord | None, status: str
) -> None:
    assert judged("ledger", settings.Ledger(**setting), charged(certificate, record)) == status


@pytest.mark.parametrize(
    ("state", "share", "status"),
    [
        ("RELEASED", 1.0, "pass"),
        ("MEASURED", 1.0, "pass"),
        ("TOUCHED", 1.0, "fail"),  # no release came of it
        ("RELEASED", 2.0, "fail"),  # the certificate says that half of it was granted
        ("RESERVED", 1.0, "fail"),
        ("VOID", 1.0, "fail"),
        ("RELEASED", 0.999999, "fail"),
        (None, 1.0, "fail"),
    ],
)
def test_the_charge_must_cover_the_spending(
    certificate: Certificate, state: str | None, share: float, status: str
) -> None:
    record = certificate.ledger
    assert record is not None
    spending = certificate.spending
    cost = SimpleNamespace(mu_squared=spending.spent_mu_squared * share, delta=spending.spent_delta)
    digests = dict.fromkeys(CONTENT, "0" * 64)
    reservation = SimpleNamespace(
        ledger_id=record.ledger_id,
        scope=record.scope,
        entry=SimpleNamespace(seq=record.seq, hash=record.hash),
        state=SimpleNamespace(value=state),
        cost=cost,
        digest=content_digest(digests),
    )
    case = charged(certificate, record, "ledger.db")
    case.directory = SimpleNamespace(digests=lambda: digests)
    case.charge = lambda *_: SimpleNamespace(faults=(), reservation=None if state is None else reservation)
    assert judged("ledger", settings.Ledger(), case) == status
    case.charge = lambda *_: SimpleNamespace(faults=("entry 1 was edited",), reservation=reservation)
    assert judged("ledger", settings.Ledger(), case) == "fail"
    for name, other in (
        ("ledger_id", "x"),
        ("scope", "x"),
        ("entry", SimpleNamespace(seq=9, hash=record.hash)),
        ("digest", "0" * 64),
        ("digest", ""),
    ):
        wrong = SimpleNamespace(**{**vars(reservation), name: other})
        case.charge = lambda *_, wrong=wrong: SimpleNamespace(faults=(), reservation=wrong)
        assert judged("ledger", settings.Ledger(), case) == "fail"


def test_every_rule_has_its_function(policy: Callable[..., Policy]) -> None:
    assert {*RULES, "attempts"} == set(settings.Rules.model_fields)
    assert set(asked(policy())) <= {*RULES, "attempts"}
    assert all(RULES[name].__doc__ for name in RULES)
    assert audit_rules.within is rules.within
