"""Signing a release: its files are checked, its public audit is put beside it, and all of it is attested."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.errors import ReleaseError
from dpsynth.release.attestation import ATTESTATION, PAYLOAD_TYPE, predicate, statement
from dpsynth.release.certificate import Certificate, utc_now
from dpsynth.release.directory import Directory
from dpsynth.release.envelope import seal
from dpsynth.release.public_audit import AUDIT, MAX_AUDIT_BYTES, read_public_audit
from dpsynth.release.verify import verify

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BEFORE_SIGNING = frozenset({"audit", "attestation", "signature"})


def sign(path: Path | str, key: Ed25519PrivateKey, *, audit: Path | str | None = None) -> Path:
    """Attest a release directory; returns the path of the attestation, which replaces an earlier one.

    audit: a public audit report of this release, to be put beside it as audit.json; by default the one that lies
    there, if any. A signature says that its owner answers for the release, so a release that does not verify is
    not signed. Raises ReleaseError for such a release, for a steward's edition of the audit, for the audit of
    another table, or when the directory cannot be written.
    """
    failed = [check for check in verify(path).checks if check.status == "fail" and check.name not in _BEFORE_SIGNING]
    if failed:
        found = "; ".join(f"{check.name}: {check.words}" for check in failed)
        raise ReleaseError(f"release ({path}) must verify before it is signed; got {found}")
    directory = Directory(path)
    certificate = Certificate.from_json(directory.document("certificate.json"))
    subjects = directory.digests()
    given = directory.evidence(AUDIT, MAX_AUDIT_BYTES) if audit is None else _content(Path(audit))
    report = None if given is None else read_public_audit(given, subjects["synthetic.parquet"])
    if given is not None:
        subjects[AUDIT] = hashlib.sha256(given).hexdigest()
    envelope = seal(PAYLOAD_TYPE, statement(subjects, predicate(certificate, report), signed=utc_now()), key)
    if given is not None and audit is not None:
        _replace(directory.path / AUDIT, given)
    # Last: until then an earlier attestation does not agree with the new audit, and nothing verifies by mistake.
    _replace(directory.path / ATTESTATION, envelope)
    return directory.path / ATTESTATION


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_AUDIT_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReleaseError(f"audit ({path}) must be a readable file; got: {reason}") from None
    if len(content) > MAX_AUDIT_BYTES:
        raise ReleaseError(f"audit ({path}) must have at most {MAX_AUDIT_BYTES} bytes; got more")
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside its place, through to the disk, and rename it into place."""
    fresh = path.with_name(f".{path.name}.partial-{secrets.token_hex(8)}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReleaseError(f"{path.name} must be writable in {path.parent}; got: {reason}") from None
    finally:
        fresh.unlink(missing_ok=True)
