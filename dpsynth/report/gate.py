"""The gate's decision as a document: what a policy asked of the release, and whether it was met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dpsynth.errors import ReleaseError
from dpsynth.report.evidence import READ, Document, parsed

FORMAT = "dpsynth-gate"


@dataclass(frozen=True)
class Waiver:
    """A rule that somebody set aside: who that was, why, until when, and what the rule had said."""

    owner: str
    reason: str
    until: str
    instead_of: Literal["fail", "undecided"]
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Behind:
    """What stands behind a result, as far as the page shows it."""

    waiver: Waiver | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Rule:
    """One rule of the policy, and what came of it; a waived one always says who answers for it."""

    name: str
    status: Literal["pass", "fail", "undecided", "waived"]
    words: str
    evidence: Behind
    __pydantic_config__: ClassVar[dict[str, Any]] = READ

    def __post_init__(self) -> None:
        if (self.status == "waived") != (self.evidence.waiver is not None):
            raise ValueError(f"rule {self.name!r} must name a waiver where it is waived, and nowhere else")


@dataclass(frozen=True)
class Policy:
    """Which policy decided, until when it is in force, and the SHA-256 of its meaning."""

    name: str
    expires: str
    sha256: str
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Gate:
    """The decision of a gate; the hashes are of the manifest and of the audit that it judged. at: the day, UTC."""

    verdict: Literal["pass", "fail", "undecided"]
    rules: tuple[Rule, ...]
    policy: Policy
    manifest_sha256: str | None
    audit_sha256: str | None
    at: str
    __pydantic_config__: ClassVar[dict[str, Any]] = READ

    def __post_init__(self) -> None:
        bad = {each.status for each in self.rules} - {"pass", "waived"}
        if self.verdict == "pass" and (bad or not self.rules):
            raise ValueError("verdict must follow from the rules")

    @property
    def waivers(self) -> tuple[tuple[str, Waiver], ...]:
        """Names of the waived rules with their waivers."""
        return tuple((each.name, each.evidence.waiver) for each in self.rules if each.evidence.waiver is not None)


def read_gate(document: Document, *, manifest: str) -> Gate:
    """The decision in a document. Raises ReleaseError when it is none, or judges a release with another manifest."""
    gate = parsed(document, FORMAT, Gate)
    if gate.manifest_sha256 != manifest:
        raise ReleaseError(f"gate ({document.name}) must have judged this release; got the decision on another")
    return gate
