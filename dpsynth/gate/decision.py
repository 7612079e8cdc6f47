"""The decision: every rule of a policy applied to one release. It passes only when every rule passed or is waived."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dpsynth._version import __version__
from dpsynth.errors import DPSynthError, GateError
from dpsynth.gate import attempts, audit_rules, rules
from dpsynth.gate.evidence import Case, Outcome, Status, Unavailable
from dpsynth.gate.policy import Policy, Waiver, asked, today
from dpsynth.markup import Content
from dpsynth.notebook import card, toned
from dpsynth.release.bundle import MANIFEST

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "dpsynth-gate"
VERSION = 1

Verdict = Literal["pass", "fail", "undecided"]
_TONES = {"pass": "good", "waived": "open", "fail": "bad", "undecided": "open"}
_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
_Rule = Callable[[Any, Case], Outcome]

RULES: dict[str, _Rule] = {
    "epsilon": rules.epsilon,
    "delta": rules.delta,
    "mu": rules.mu,
    "relation": rules.relation,
    "unit": rules.unit,
    "synthesizers": rules.synthesizers,
    "noise": rules.noise,
    "ledger": rules.ledger,
    "signature": rules.signature,
    "audit": audit_rules.audit,
    "audit_age": audit_rules.audit_age,
    "audit_verdict": audit_rules.audit_verdict,
    "audit_controls": audit_rules.audit_controls,
    "audit_power": audit_rules.audit_power,
    "audit_attacks": audit_rules.audit_attacks,
    "attack_risk": audit_rules.attack_risk,
    "utility": rules.utility,
    "columns": rules.columns,
    "rows": rules.rows,
    "metadata": rules.metadata,
}
"""How each rule of a policy is decided; `attempts` is decided last, by the others."""


@dataclass(frozen=True)
class RuleResult:
    """One rule: its status, one sentence, and the public facts behind it.

    evidence: JSON values; `file` names the file of the release that it is about, `waiver` who answers for it.
    """

    name: str
    status: Status
    words: str
    evidence: dict[str, Any]
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class PolicyRecord:
    """Which policy decided: its name, last day, SHA-256 of its meaning, and of its file where it had one."""

    name: str
    expires: str
    sha256: str
    file_sha256: str | None
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Decision:
    """What the gate decided, and why; the same evidence, policy and day give the same decision.

    manifest_sha256, audit_sha256: of what was judged; None when there is none. at: the day, UTC; clock: whether the
    system said so, or whoever asked. software: the version of dpsynth that decided.
    """

    verdict: Verdict
    rules: tuple[RuleResult, ...]
    policy: PolicyRecord
    manifest_sha256: str | None
    audit_sha256: str | None
    at: str
    clock: Literal["system", "given"]
    software: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        if self.verdict != conclude(self.rules):
            raise GateError(f"verdict ({self.verdict}) must follow from the rules; got {conclude(self.rules)}")

    def __getitem__(self, name: str) -> RuleResult:
        return next(each for each in self.rules if each.name == name)

    def _repr_html_(self) -> str:
        """A card for notebooks: the verdict, and each rule with its sentence."""
        facts: list[tuple[str, Content]] = [
            ("verdict", toned(self.verdict, _TONES[self.verdict])),
            ("policy", self.policy.name),
            ("at", self.at),
        ]
        rows: list[list[Content]] = [
            [each.name, toned(each.status, _TONES.get(each.status, "open")), each.words] for each in self.rules
        ]
        return card("Gate", facts, headings=("rule", "status", "why"), rows=rows)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 undecided."""
        return {"pass": 0, "fail": 1, "undecided": 2}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """A JSON object with `format` and `version`; `from_json` is its inverse."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return {"format": FORMAT, "version": VERSION, **content}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Decision:
        """The decision in a JSON object. Raises GateError on anything that is not one of this version."""
        from pydantic import TypeAdapter, ValidationError

        fields = dict(document)
        if (fields.pop("format", None), fields.pop("version", None)) != (FORMAT, VERSION):
            raise GateError(f"decision must say format {FORMAT!r} and version {VERSION}; got something else")
        try:
            return TypeAdapter(cls).validate_json(json.dumps(fields, allow_nan=False))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise GateError(f"decision must be whole; got {type(error).__name__}") from None


def decide(
    directory: Path | str,
    policy: Policy | Path | str,
    *,
    ledger: str | Path | None = None,
    public_keys: Sequence[Path | str | Ed25519PublicKey] = (),
    sign_key: Path | str | None = None,
    at: date | None = None,
) -> Decision:
    """Decide whether a release may leave the house, from public evidence and a policy alone; no network is used.

    directory: the release, with audit.json and attestation.json beside its files. policy: a policy or its YAML file.
    ledger: its address; the decision is then recorded in it as an attempt. public_keys: of accepted signers, of
    releases and of ledger entries. sign_key: PEM file of the private key that signs the attempt.
    at: the day on which ages and ends are judged, by default today (UTC); a day that is over lets nothing pass.

    What is missing, unreadable or broken is "undecided", never "pass". Raises GateError when the policy is not valid,
    and SettingError when a key cannot be read; a caller must take either for "undecided".

    Privacy: reads nothing private. Verdicts of audits are functions of private rows; deciding again and again until
    one passes selects on them, which the rule `attempts` caps.
    """
    held = policy if isinstance(policy, Policy) else Policy.load(policy)
    address = None if ledger is None else str(ledger)
    now = today()  # once, so that midnight cannot come between
    case = Case(Path(directory), held, at or now, ledger=address, public_keys=public_keys, sign_key=sign_key)
    results = [_waived(case, result) for result in _judged(case)]
    results.append(_result("day", lambda: _day(case, now)))
    results.append(_result("policy_expiry", lambda: _expiry(case)))
    results.append(_result("waivers", lambda: _ends(case)))
    manifest, audit = _digest(lambda: case.directory.digests()[MANIFEST]), _digest(lambda: case.audit_sha256)
    results += _attempted(case, results, manifest, audit)
    return Decision(
        verdict=conclude(results),
        rules=tuple(results),
        policy=PolicyRecord(held.name, held.expires.isoformat(), held.sha256, held.file_sha256),
        manifest_sha256=manifest,
        audit_sha256=audit,
        at=case.at.isoformat(),
        clock="system" if at is None else "given",
        software=__version__,
    )


def conclude(results: Sequence[RuleResult]) -> Verdict:
    """Fail when a rule failed; pass when there are rules and each passed or is waived; else undecided."""
    found = {result.status for result in results}
    if "fail" in found:
        return "fail"
    return "pass" if found and found <= {"pass", "waived"} else "undecided"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of this version of a decision."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Decision).json_schema()
    head = {"format": {"const": FORMAT, "type": "string"}, "version": {"const": VERSION, "type": "integer"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {**head, **schema["properties"]},
        "required": [*head, *schema["required"]],
    }


def _judged(case: Case) -> list[RuleResult]:
    """Integrity first: nothing is said of files that are not what they should be."""
    whole = _result("integrity", lambda: rules.integrity(case))
    settings = {name: setting for name, setting in asked(case.policy).items() if name != "attempts"}
    if whole.status != "pass":
        words = "not judged: the files of the release could not be relied on"
        return [whole, *(RuleResult(name, "undecided", words, {}) for name in settings)]
    found = [
        _result(name, lambda name=name, setting=setting: RULES[name](setting, case))  # type: ignore[misc]  # bound now
        for name, setting in settings.items()
    ]
    if not case.still_the_same():
        whole = RuleResult("integrity", "fail", "the release must stay as it is while it is judged; it changed", {})
    return [whole, *found]


def _result(name: str, judge: Callable[[], Outcome]) -> RuleResult:
    """What a rule found. Whatever goes wrong in it is undecided: a rule that breaks down never passes."""
    try:
        outcome = judge()
        if outcome.status not in ("pass", "fail", "undecided"):
            raise Unavailable("the rule gave no answer")
        evidence = json.loads(json.dumps(dict(outcome.evidence), allow_nan=False))
        return RuleResult(name, outcome.status, outcome.words, evidence)
    except (Unavailable, DPSynthError) as error:
        return RuleResult(name, "undecided", str(error), {})
    except Exception as error:  # noqa: BLE001  # fail closed, whatever it is
        return RuleResult(name, "undecided", f"the rule broke down ({type(error).__name__})", {"broken": True})


def _waived(case: Case, result: RuleResult) -> RuleResult:
    """A rule that does not pass but for which somebody answers today; what broke down is beyond any waiver."""
    waiver = next((each for each in case.policy.waivers if each.rule == result.name), None)
    if (
        waiver is None
        or result.status not in ("fail", "undecided")
        or waiver.until < case.at
        or result.evidence.get("broken")
    ):
        return result
    words = (
        f"waived by {waiver.owner} until {waiver.until}: {waiver.reason} (without it: {result.status}: {result.words})"
    )
    evidence = {**result.evidence, "waiver": {**waiver.model_dump(mode="json"), "instead_of": result.status}}
    return replace(result, status="waived", words=words, evidence=evidence)


def _day(case: Case, now: date) -> Outcome:
    """An expired policy or waiver was in force on a day that is over, so that no such day may open the gate now."""
    at = case.at.isoformat()
    if case.at < now:
        words = f"{at} is over: this shows what would have been decided then, and lets nothing pass now"
        return Outcome("undecided", words, {"at": at})
    return Outcome("pass", f"decided for {at}, which is not over", {"at": at})


def _expiry(case: Case) -> Outcome:
    expires = case.policy.expires
    if case.at > expires:
        return Outcome("fail", f"policy must be in force; it expired on {expires}", {"expires": expires.isoformat()})
    return Outcome("pass", f"the policy is in force until {expires}", {"expires": expires.isoformat()})


def _ends(case: Case) -> Outcome:
    over: list[Waiver] = [each for each in case.policy.waivers if each.until < case.at]
    if over:
        shown = "; ".join(f"{each.rule}, by {each.owner}, on {each.until}" for each in over)
        return Outcome(
            "fail", f"waivers must be in force; these ended: {shown}", {"ended": [each.rule for each in over]}
        )
    return Outcome(
        "pass", f"{len(case.policy.waivers)} waivers, none past its end", {"waivers": len(case.policy.waivers)}
    )


def _attempted(case: Case, results: Sequence[RuleResult], manifest: str | None, audit: str | None) -> list[RuleResult]:
    """The result of the rule `attempts`, with this decision recorded; nothing where there is no ledger and no rule."""
    setting = case.policy.rules.attempts
    if setting is None and case.ledger is None:
        return []
    done: list[RuleResult] = []

    def attempted() -> Outcome:
        if case.ledger is None:
            raise Unavailable("attempts are counted in the ledger, and none was handed in; try --ledger")
        if manifest is None:
            raise Unavailable("no release was there to count")
        entry = case.certificate.ledger
        if entry is None:
            raise Unavailable("attempts are counted in a scope of the ledger, and the release was recorded in none")
        _require_signed(case)
        counted = attempts.counted_in(case.policy.rules, entry.scope)
        scope = entry.scope if counted is None else counted

        def judge(earlier: tuple[attempts.Attempt, ...]) -> attempts.Attempt:
            number = attempts.used(earlier, manifest, audit or "")
            evidence = {"got": number, "at_most": None if setting is None else setting.at_most, "scope": scope}
            if setting is not None and counted is None:
                words = f"scope must be in {setting.scope!r}, where attempts are counted; got {entry.scope!r}"
                outcome = Outcome("fail", words, evidence)
            elif setting is not None and number > setting.at_most:
                words = f"attempts in scope {scope!r} must be at most {setting.at_most}; got {number} with this one"
                outcome = Outcome("fail", words, evidence)
            else:
                outcome = Outcome("pass", f"attempt {number} in scope {scope!r}", evidence)
            done[:] = [_waived(case, _result("attempts", lambda: outcome))]
            verdict = conclude([*results, *done])
            return attempts.Attempt(manifest, audit or "", case.policy.sha256, case.at.isoformat(), verdict)

        attempts.record(case.ledger, entry.scope, judge, within=scope, sign_key=case.sign_key)
        return Outcome("pass", "recorded")

    recorded = _result("attempts", attempted)
    if recorded.status == "pass":
        return done
    # Where no rule asks, a release that no ledger knows is for the rule `ledger` to judge.
    unknown = setting is None and manifest is not None and _digest(lambda: case.certificate.created) is not None
    return [] if unknown and case.certificate.ledger is None else [_waived(case, recorded)]


def _require_signed(case: Case) -> None:
    """An unsigned entry would spoil a ledger whose entries must be signed, for every release that is in it."""
    from dpsynth.keys import key_id

    allowed = case.policy.rules.ledger.key_ids
    if allowed and (case.sign_key is None or key_id(case.sign_key.public_key()) not in allowed):
        raise Unavailable("the attempt must be signed by a key of the rule ledger; try --sign-key")


def _digest(read: Callable[[], str | None]) -> str | None:
    try:
        return read()
    except (Unavailable, DPSynthError, OSError):
        return None
