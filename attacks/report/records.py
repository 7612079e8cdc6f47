"""The parts of an audit report: what was audited, what was claimed, and what each test found."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from attacks.claim import Claim
from attacks.finding import Finding
from attacks.statistics.trade_off import TradeOff

Design = Literal["pool", "pool of pairs", "pairs", "none"]
Ran = Literal["ran", "not run", "failed"]
Answer = Literal["pass", "fail", "not applicable", "unknown"]

SOFTWARE = ("dpsynth", "python", "numpy", "scipy")
"""What a report names versions of; a public edition names no other."""

STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


class ReportError(ValueError):
    """A report is not of this format and version, contradicts itself, or cannot be written."""


@dataclass(frozen=True)
class Identity:
    """What was audited, and by what.

    created: UTC, ISO 8601. sha256: of the audited file's bytes, or of the canonical table, as `hashed` says. rows,
    columns: of the synthetic table. seed: of the audit; None in the public edition. software: versions by name.
    """

    report_id: str
    created: str
    sha256: str
    hashed: Literal["file bytes", "canonical table"]
    rows: int
    columns: tuple[str, ...]
    synthesizer: str
    vendor: str = ""
    seed: int | None = None
    software: dict[str, str] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class AuditedClaim:
    """What was claimed and how it was tested.

    made: whether anybody claimed anything; False means that the audit tested for "learned nothing of the rows", so
    epsilon and delta are 0. unit: whom the claim is about, in words. design: how it was decided which targets were
    in the private table: "pool" (coins before the fit), "pool of pairs" (such coins, one for two units, of which one
    went in), "pairs" (of two rows one was in), "none" (unknown). targets_public: whether the number of targets is, as
    that of a pool which the table had room for; of a smaller table a pool holds all units, as many as there are.
    """

    made: bool
    epsilon: float
    delta: float
    mu: float | None
    delta0: float
    relation: Literal["add-remove", "replace-one"]
    unit: str
    design: Design
    targets_public: bool = False
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        try:
            self.curve_tested  # noqa: B018
        except ValueError as error:
            raise ReportError(f"claim must be one that its design can test; got {error}") from None

    @classmethod
    def of(cls, claim: Claim | None, *, unit: str, design: Design, targets_public: bool = False) -> AuditedClaim:
        """The claim of an audit; None is no claim at all."""
        given = claim or Claim()
        mu = None if given.mu is None else float(given.mu)
        numbers = float(given.epsilon), float(given.delta), mu, float(given.delta0)
        relation: Any = given.relation  # one of the two, as Claim has made sure
        return cls(claim is not None, *numbers, relation, unit, design, targets_public)

    @property
    def curve(self) -> TradeOff:
        """What the claim leaves to an attacker who tells two neighbouring tables apart."""
        return self._claim.curve

    @property
    def curve_tested(self) -> TradeOff:
        """The same for the two tables that the audit's design tells apart."""
        return self.curve if self.design == "none" or not self.made else self._claim.against(self)

    @property
    def pairs(self) -> bool:
        """Whether the targets came in pairs."""
        return self.design in ("pairs", "pool of pairs")

    @property
    def _claim(self) -> Claim:
        return Claim(self.epsilon, self.delta, self.mu, self.delta0, self.relation)


@dataclass(frozen=True)
class SuccessRates:
    """How often guesses were right about members and about the control, as rates; weighted by rarity too.

    gap_interval: of members less control. ceiling: the largest rate about members that the claim allows, given the
    control's.
    """

    members: float
    control: float
    gap_interval: tuple[float, float] | None
    ceiling: float | None
    weighted_members: float | None
    weighted_control: float | None
    weighted_gap_interval: tuple[float, float] | None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class Measured:
    """The numbers that one attack got out of the private rows; never in a public edition.

    targets: coins; members, controls: targets that were in, and that were not. rule: of the guesses that say most.
    p_value: of "the claim holds". p_value_no_learning: of "the table tells nothing of who was in". p_adjusted: the
    former after Holm's correction over the report. epsilon_lower, mu_lower: proved, at this confidence, in the claim's
    own terms. true_positive_rates: by false-positive rate, as text. roc: (false-positive, true-positive) rates.
    """

    targets: int
    members: int
    controls: int
    rule: str
    guesses: int
    correct: int
    confidence: float
    p_value: float | None
    p_value_no_learning: float | None
    p_adjusted: float | None
    epsilon_lower: float | None
    mu_lower: float | None
    auc: float | None
    auc_interval: tuple[float, float] | None
    true_positive_rates: dict[str, float]
    roc: tuple[tuple[float, float], ...]
    success: SuccessRates | None
    seconds: float
    details: dict[str, Any]
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", as_json("details", self.details))


@dataclass(frozen=True)
class FindingRecord:
    """One attack on one group of targets: what it asked, and what came out.

    why: why it did not run or failed. power: "mu", the smallest that a perfect attacker would have shown to break the
    claim, in the claim's terms, and "copies" of targets that it would have taken; None for what cannot be shown.
    measured: None when it did not run, and in every public edition.
    """

    attack: str
    about: str
    criterion: str
    threat: str
    group: str
    status: Ran
    why: str
    power: dict[str, float | None]
    measured: Measured | None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @classmethod
    def of(cls, finding: Finding, p_adjusted: float | None = None) -> FindingRecord:
        """The record of a finding, with its p-value after correction over all findings of the report."""
        got = finding.to_json()
        words = {name: str(got[name]) for name in ("attack", "about", "criterion", "threat", "group", "why")}
        measured = None
        if finding.status == "ran":
            numbers = {name: got[name] for name in Measured.__dataclass_fields__ if name in got}
            measured = Measured(**(numbers | _shaped(got) | {"p_adjusted": p_adjusted}))
        return cls(**words, status=finding.status, power=got["power"], measured=measured)


@dataclass(frozen=True)
class Check:
    """A static check, which needs no attack: its question, its answer, and words that may hold private numbers.

    public: whether the answer follows from public things alone, such as the release and its certificate. The public
    edition leaves all others out: that a table has as many rows as the private one tells how many those are.
    """

    name: str
    question: str
    status: Answer
    words: str = ""
    public: bool = False
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class Control:
    """A test of the audit itself.

    name: "leaky twin", which must be caught, or "independent sample", which must not. expected: in words.
    caught_by: attacks that raised the alarm. passed: whether the audit behaved as expected.
    """

    name: str
    expected: str
    passed: bool
    caught_by: tuple[str, ...] = ()
    words: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class Diagnostic:
    """A number that describes and never judges, such as a distance to the closest record."""

    name: str
    value: float | int | str | None
    words: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class Levels:
    """The thresholds that were fixed before the audit.

    alpha: largest chance of a false alarm in the whole audit. confidence: of each bound and interval. power: at
    which the smallest violation that would have been seen is stated. policy: further thresholds by name.
    """

    alpha: float = 0.05
    confidence: float = 0.95
    power: float = 0.9
    policy: dict[str, float] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


def software_versions() -> dict[str, str]:
    """Versions of what made the audit in this process."""
    import numpy
    import scipy

    import dpsynth

    versions = dpsynth.__version__, platform.python_version(), numpy.__version__, scipy.__version__
    return dict(zip(SOFTWARE, versions, strict=True))


def as_json(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they will come back from a file. Raises ReportError on anything that JSON cannot say."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(values), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ReportError(f"{name} must be plain JSON values; got {error}") from None
    return plain


def _shaped(got: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a finding's JSON that are more than one number, as a record has them: tuples for lists."""
    success = got["success"]
    if success is not None:
        success = SuccessRates(**{name: _tuple(value) for name, value in success.items()})
    rates = {rate: value for rate, value in got["true_positive_rates"].items() if value is not None}
    roc = tuple(_tuple(point) for point in got["roc"] if None not in point)
    return {"success": success, "true_positive_rates": rates, "roc": roc, "auc_interval": _tuple(got["auc_interval"])}


def _tuple(value: Any) -> Any:
    """A list as a tuple, or None where a number of it is missing."""
    if not isinstance(value, list):
        return value
    return None if None in value else tuple(value)
