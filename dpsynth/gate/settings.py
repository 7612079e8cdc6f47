"""What each rule of a policy may ask for: one strict mapping for each, with the words that say what to write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from dpsynth.ledger.entry import checked_scope

Text = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Texts = Annotated[tuple[Text, ...], Field(max_length=10_000)]
KeyIds = Annotated[tuple[Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")], ...], Field(max_length=1000)]
Scope = Annotated[Text, AfterValidator(checked_scope)]
Needed = Literal["required", "optional"]
Share = Annotated[float, Field(gt=0, lt=1)]


class Part(BaseModel):
    """A mapping of a policy: unknown keys, other types, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Epsilon(Part):
    """Largest epsilon, at the delta of the certificate or at one of your own."""

    at_most: float = Field(gt=0, description="a number above 0, such as 1.0")
    at_delta: Share | None = Field(default=None, description="a number between 0 and 1, such as 1.0e-6")


class Delta(Part):
    """Largest delta that the certificate may name beside its epsilon."""

    at_most: float = Field(gt=0, lt=1, description="a number between 0 and 1, such as 1.0e-6")


class Mu(Part):
    """Largest mu of Gaussian differential privacy, and the largest part delta0 that it may leave uncovered."""

    at_most: float = Field(gt=0, description="a number above 0, such as 0.5")
    delta0_at_most: float = Field(default=1e-6, ge=0, lt=1, description="a number from 0 up to 1, such as 1.0e-7")


class Relation(Part):
    """Neighbouring relations that are accepted."""

    allowed: Annotated[tuple[Literal["add-remove", "replace-one"], ...], Field(min_length=1)] = Field(
        description="a list of add-remove, replace-one"
    )


class Unit(Part):
    """Whom the promise must protect."""

    record_level: Literal["forbidden", "without-identifier", "allowed"] = Field(
        default="without-identifier",
        description="forbidden, allowed, or without-identifier (allowed unless the schema has an identifier column)",
    )
    columns: Texts | None = Field(default=None, description="a list of columns of which one must be the unit")


class Synthesizers(Part):
    """Synthesizers that are accepted."""

    allowed: Annotated[Texts, Field(min_length=1)] = Field(description="a list of names, see `dpsynth synthesizers`")


class Noise(Part):
    """Noise fed by the operating system, always; `exact` also asks for exact discrete noise."""

    exact: Literal[True] = Field(default=True, description="true; leave the rule out to mean the same")


class Ledger(Part):
    """Whether the spending must stand in a ledger that was handed in and verified, which, and signed by whom."""

    needed: Needed = Field(default="required", description="required or optional")
    scopes: Annotated[tuple[Scope, ...], Field(max_length=1000)] | None = Field(
        default=None, description="a list of scopes; a scope covers those below it"
    )
    ledger_ids: Texts = Field(default=(), description="a list of ids of ledgers; empty: any")
    key_ids: KeyIds = Field(
        default=(), description="a list of key ids (64 hexadecimal digits); empty: entries need not be signed"
    )


class Signature(Part):
    """Whether a signature must verify with a key that was handed in, and which keys are accepted."""

    needed: Needed = Field(default="required", description="required or optional")
    key_ids: KeyIds = Field(
        default=(), description="a list of key ids (64 hexadecimal digits); empty: every key that is handed in"
    )


class Audit(Part):
    """Whether the public edition of an audit of this very table, against this very promise, must lie beside it."""

    needed: Needed = Field(default="required", description="required or optional")


class AuditAge(Part):
    """How old the audit may be."""

    days_at_most: int = Field(ge=0, description="a whole number of days, such as 90")


class AuditVerdict(Part):
    """Verdicts that are accepted; `fail` never is."""

    allowed: Annotated[tuple[Literal["pass", "inconclusive"], ...], Field(min_length=1)] = Field(
        default=("pass",), description="a list of pass, inconclusive"
    )


class AuditControls(Part):
    """Controls that must have come out as they must: tests of the audit itself."""

    needed: Annotated[Texts, Field(min_length=1)] = Field(
        default=("leaky twin", "independent sample"), description="a list of names of controls"
    )


class AuditPower(Part):
    """The smallest violation that the audit must have been able to see, by one of its attacks."""

    mu_at_most: float | None = Field(default=None, gt=0, description="a number: a true mu that must have been seen")
    copies_at_most: float | None = Field(default=None, gt=0, description="a number: copied targets that must be seen")
    power_at_least: Share = Field(default=0.9, description="a number between 0 and 1: the chance of seeing it")
    alpha_at_most: Share = Field(default=0.05, description="a number between 0 and 1: the chance of a false alarm")

    @model_validator(mode="after")
    def _one_of_both(self) -> AuditPower:
        if self.mu_at_most is None and self.copies_at_most is None:
            raise ValueError("audit_power must give mu_at_most, copies_at_most, or both")
        return self


class AuditAttacks(Part):
    """Attacks that must have run."""

    ran: Annotated[Texts, Field(min_length=1)] = Field(description="a list of names, see `attacks list`")


class AttackRisk(Part):
    """The largest share that the best attacker may find at a rate of false alarms, while the audit stands."""

    false_alarms: Share = Field(description="a rate between 0 and 1, such as 0.01")
    finds_at_most: float = Field(gt=0, le=1, description="a rate above 0, such as 0.1")


class Utility(Part):
    """How far the model may be off the noisy measured marginals, what noise alone explains left out."""

    mean_tvd_at_most: float = Field(gt=0, le=1, description="a total variation distance, such as 0.1")
    noise_tvd_at_most: float | None = Field(
        default=None, gt=0, le=1, description="a total variation distance: above it, noise hides too much to decide"
    )


class Columns(Part):
    """Columns that must not be in the table, whatever their case; * and ? stand for letters."""

    denied: Annotated[Texts, Field(min_length=1)] = Field(description='a list of names or patterns, such as "*ssn*"')


class Rows(Part):
    """Largest number of synthetic rows."""

    at_most: int = Field(ge=0, description="a whole number")


class Attempts(Part):
    """Largest number of different releases and audits decided on at and below a scope of the ledger, with this one."""

    at_most: int = Field(ge=1, description="a whole number, 1 or more")
    scope: Scope | None = Field(
        default=None, description="the scope that counts; left out: the highest of the rule ledger, else the release's"
    )


class Metadata(Part):
    """Who must stand behind each public item: anybody (`reviewed`), or a named source other than `declared`."""

    source: Literal["reviewed", "named"] = Field(default="reviewed", description="reviewed or named")


class Rules(Part):
    """The rules by name. Those that have a default here are applied even where a policy does not name them."""

    epsilon: Epsilon | None = None
    delta: Delta | None = None
    mu: Mu | None = None
    relation: Relation | None = None
    unit: Unit = Unit()
    synthesizers: Synthesizers | None = None
    noise: Noise = Noise()
    ledger: Ledger = Ledger()
    signature: Signature = Signature()
    audit: Audit = Audit()
    audit_age: AuditAge | None = None
    audit_verdict: AuditVerdict = AuditVerdict()
    audit_controls: AuditControls = AuditControls()
    audit_power: AuditPower | None = None
    audit_attacks: AuditAttacks | None = None
    attack_risk: AttackRisk | None = None
    utility: Utility | None = None
    columns: Columns | None = None
    rows: Rows | None = None
    attempts: Attempts | None = None
    metadata: Metadata = Metadata()

    @model_validator(mode="after")
    def _some_cap(self) -> Rules:
        if self.epsilon is None and self.mu is None:
            raise ValueError("rules must cap the loss of privacy; try epsilon: {at_most: 1.0, at_delta: 1.0e-6}")
        if self.mu is None and self.delta is None and self.epsilon is not None and self.epsilon.at_delta is None:
            raise ValueError("epsilon must have a delta beside it; try at_delta: 1.0e-6, or the rule delta")
        return self
