"""The public edition of an audit as a contract: each key is known, each value of its type, nothing else is there.

A list of what is forbidden lets through whatever nobody thought of. Here is what is allowed: numbers stand only where
the public edition has them, texts are of bounded length, and the parts that hold private numbers in the steward's
edition are there and empty. The names are those of `attacks/report/audit.schema.json`; a test compares the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dpsynth.errors import ReleaseError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

REASONS = {
    "pass": "No attack, check or control contradicted the claim at the levels stated.",
    "fail": "At least one attack or check contradicted the claim at the levels stated.",
    "inconclusive": "The audit could not have told, or a part of it did not work; it neither supports nor contradicts"
    " the claim.",
}
"""The only reasons that a public edition gives, by verdict: those of its own may hold private numbers."""

VERSION = 1
MAX_TEXT = 2000
MAX_ITEMS = 10_000
_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z.+_-]{0,60}")


@dataclass(frozen=True)
class Software:
    """Versions of what made the audit; empty where they are not told."""

    dpsynth: str = ""
    python: str = ""
    numpy: str = ""
    scipy: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        if not all(map(_VERSION.fullmatch, (self.dpsynth, self.python, self.numpy, self.scipy))):
            raise ValueError("versions")


@dataclass(frozen=True)
class Identity:
    """What was audited, and by what; without the seed."""

    report_id: str
    created: str
    sha256: str
    hashed: Literal["file bytes", "canonical table"]
    rows: int
    columns: tuple[str, ...]
    synthesizer: str
    vendor: str
    seed: None
    software: Software
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        found = _ID.fullmatch(self.report_id), _DIGEST.fullmatch(self.sha256), _MOMENT.fullmatch(self.created)
        if not all(found) or self.rows < 0:
            raise ValueError("identity")


@dataclass(frozen=True)
class AuditedClaim:
    """What was claimed and how it was tested."""

    made: bool
    epsilon: float
    delta: float
    mu: float | None
    delta0: float
    relation: Literal["add-remove", "replace-one"]
    unit: str
    design: Literal["pool", "pool of pairs", "pairs", "none"]
    targets_public: bool
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Power:
    """What a perfect attacker would have shown; it follows from the number of targets."""

    mu: float | None = None
    copies: float | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class FindingRecord:
    """One attack: what it asked, and whether it ran; not what came out, nor why it did not run."""

    attack: str
    about: str
    criterion: str
    threat: str
    group: str
    status: Literal["ran", "not run", "failed"]
    why: Literal[""]
    power: Power
    measured: None
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Check:
    """A check whose answer follows from public things alone; without its words."""

    name: str
    question: str
    status: Literal["pass", "fail", "not applicable", "unknown"]
    words: Literal[""]
    public: bool
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        if not self.public:
            raise ValueError("public")


@dataclass(frozen=True)
class Control:
    """A test of the audit itself; without the attacks that raised the alarm."""

    name: str
    expected: str
    passed: bool
    caught_by: tuple[()]
    words: Literal[""]
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Nothing:
    """A mapping without keys: numbers by free names are left out."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Levels:
    """The thresholds that were fixed before the audit."""

    alpha: float
    confidence: float
    power: float
    policy: Nothing
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class LawEntry:
    """One question of a law or standard, and which attacks speak to it."""

    text: str
    asks: str
    tested_by: tuple[str, ...]
    left: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class AuditReport:
    """The whole document, `format` and `version` among its keys."""

    format: Literal["dpsynth-audit"]
    version: int
    identity: Identity
    claim: AuditedClaim
    verdict: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...]
    findings: tuple[FindingRecord, ...]
    checks: tuple[Check, ...]
    controls: tuple[Control, ...]
    diagnostics: tuple[()]
    power: str
    power_curve: tuple[tuple[float, float], ...]
    levels: Levels
    limits: tuple[str, ...]
    law: tuple[LawEntry, ...]
    edition: Literal["public"]
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ValueError("version")
        if self.reasons != (REASONS[self.verdict],):
            raise ValueError("reasons of its own")
        told = self.power or self.power_curve or any(each.power != Power() for each in self.findings)
        if told and not self.claim.targets_public:
            raise ValueError("numbers of targets")


def public_faults(document: Mapping[str, Any]) -> list[str]:
    """Where a document is not what a public edition may be, in known names and never in its values; empty if it is."""
    from pydantic import ValidationError

    try:
        if any(_too_large(part) for part in _parts(document)):
            return ["a text or a list that is too long"]
        _contract().validate_json(json.dumps(document, allow_nan=False))
    except ValidationError as error:
        return sorted({_place(fault) for fault in error.errors(include_url=False, include_input=False)})
    except (ValueError, TypeError, RecursionError):
        return ["values that are no plain JSON"]
    return []


def require_public(document: Mapping[str, Any], name: str) -> None:
    """Raises ReleaseError unless a document is the public edition of an audit, and nothing beside it."""
    faults = public_faults(document)
    if faults:
        shown = ", ".join(faults[:5]) + (" and more" if len(faults) > 5 else "")
        raise ReleaseError(
            f"{name} must be a public edition and hold nothing beside it, no number computed from private rows above"
            f" all; got faults at: {shown}; try the file that `dpsynth audit --public` writes"
        )


@cache
def _contract() -> TypeAdapter[AuditReport]:
    from pydantic import TypeAdapter

    return TypeAdapter(AuditReport)


def _place(fault: Mapping[str, Any]) -> str:
    """Names of the contract and numbers of entries; of a key that it does not know only that there is one."""
    location = [str(part) for part in fault["loc"]]
    if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return ".".join([*location[:-1], "a key that is not known"])
    own = [str(fault["ctx"]["error"])] if fault["type"] == "value_error" else []
    return ".".join([*location, *own]) or "the document"


def _parts(value: Any) -> Iterator[Any]:
    """A value and all that is in it, keys too."""
    yield value
    inner = [*value, *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _parts(each)


def _too_large(value: Any) -> bool:
    return (isinstance(value, str) and len(value) > MAX_TEXT) or (
        isinstance(value, list | Mapping) and len(value) > MAX_ITEMS
    )
