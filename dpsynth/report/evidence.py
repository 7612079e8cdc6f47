"""Evidence that others wrote about a release: documents, of which only what the page shows is read, and checked.

An audit that calls itself public and holds a number computed from private rows is refused: nothing downstream could
tell any more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from dpsynth.errors import ReleaseError
from dpsynth.release.documents import parse_document
from dpsynth.release.public_audit import FORMAT as AUDIT_FORMAT
from dpsynth.release.public_audit import read_public_audit

VERSION = 1
MAX_BYTES = 64 << 20

READ: dict[str, Any] = {"extra": "ignore", "strict": True, "allow_inf_nan": False}

Read = TypeVar("Read")


@dataclass(frozen=True)
class Identity:
    """What was audited: SHA-256 of the file's bytes, or of the table in another form, as `hashed` says."""

    report_id: str
    created: str
    sha256: str
    hashed: Literal["file bytes", "canonical table"]
    rows: int
    columns: tuple[str, ...]
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Claim:
    """What the audit tested, and how it was decided which targets were in."""

    made: bool
    epsilon: float
    delta: float
    mu: float | None
    design: Literal["pool", "pool of pairs", "pairs", "none"]
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Measured:
    """The numbers of one attack; in a steward's edition alone."""

    guesses: int
    correct: int
    p_adjusted: float | None
    mu_lower: float | None
    auc: float | None
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Finding:
    """One attack on one group of targets."""

    attack: str
    about: str
    criterion: str
    threat: str
    group: str
    status: Literal["ran", "not run", "failed"]
    why: str
    measured: Measured | None
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Check:
    """A check that needs no attack."""

    name: str
    question: str
    status: Literal["pass", "fail", "not applicable", "unknown"]
    words: str
    public: bool
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Control:
    """A test of the audit itself."""

    name: str
    expected: str
    passed: bool
    words: str
    caught_by: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Levels:
    """Thresholds fixed before the audit."""

    alpha: float
    confidence: float
    power: float
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Audit:
    """An audit as its document says; `edition` tells whose eyes it is for."""

    edition: Literal["steward", "public"]
    identity: Identity
    claim: Claim
    verdict: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    controls: tuple[Control, ...]
    power: str
    levels: Levels
    limits: tuple[str, ...]
    __pydantic_config__: ClassVar[dict[str, Any]] = READ


@dataclass(frozen=True)
class Document:
    """A document with the name and the SHA-256 of the file it came in."""

    name: str
    sha256: str
    content: bytes

    @classmethod
    def at(cls, path: Path, what: str) -> Document:
        """The document in a file. Raises ReleaseError when it cannot be read or is too large."""
        try:
            with path.open("rb") as stream:
                return cls.of(path.name, stream.read(MAX_BYTES + 1))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReleaseError(f"{what} ({path}) must be a readable file; got: {reason}") from None

    @classmethod
    def of(cls, name: str, content: bytes) -> Document:
        """The document in these bytes. Raises ReleaseError when they are too many."""
        if len(content) > MAX_BYTES:
            raise ReleaseError(f"{name} must have at most {MAX_BYTES} bytes; got more")
        return cls(name, hashlib.sha256(content).hexdigest(), content)


def read_audit(document: Document, table_digest: str) -> Audit:
    """The audit in a document; `table_digest` is the SHA-256 of the release's synthetic.parquet.

    Raises ReleaseError when it is no audit, is one of another table, or calls itself public and is not.
    """
    audit = parsed(document, AUDIT_FORMAT, Audit)
    if audit.edition == "public":
        read_public_audit(document.content, table_digest, document.name)
    if audit.identity.hashed == "file bytes" and audit.identity.sha256 != table_digest:
        raise ReleaseError(f"audit ({document.name}) must be of this release; got one of another table")
    return audit


def parsed(document: Document, wanted: str, kind: type[Read]) -> Read:
    """The document as `kind`, after its format and version; faults name places and never values."""
    from pydantic import TypeAdapter, ValidationError

    fields = parse_document(document.content, document.name)
    if (fields.pop("format", None), fields.pop("version", None)) != (wanted, VERSION):
        raise ReleaseError(f"{document.name} must say format {wanted!r} and version {VERSION}; got something else")
    try:
        found: Read = TypeAdapter(kind).validate_json(json.dumps(fields, allow_nan=False))
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in fault["loc"]) for fault in error.errors()})
        raise ReleaseError(f"{document.name} must be whole; got faults at {places[:5]}") from None
    return found
