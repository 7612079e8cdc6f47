"""The audit that lies beside a release, read as a stranger's document: is it public, and is it of this table?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpsynth.errors import ReleaseError
from dpsynth.release.documents import parse_document

AUDIT = "audit.json"
FORMAT = "dpsynth-audit"
MAX_AUDIT_BYTES = 64 << 20


def read_public_audit(content: bytes, table_digest: str, name: str = AUDIT) -> dict[str, Any]:
    """The public audit in a JSON file; `table_digest` is the SHA-256 of the release's synthetic.parquet.

    Raises ReleaseError when it is no audit report, is a steward's edition or holds a steward's numbers, or is
    not an audit of the files of this release.

    Privacy: a steward's edition holds numbers that were computed from private rows and paid for by nobody.
    """
    document = parse_document(content, name)
    identity = document.get("identity")
    if document.get("format") != FORMAT or not isinstance(identity, dict):
        raise ReleaseError(f"{name} must be an audit report of format {FORMAT!r}; got something else")
    if document.get("edition") != "public":
        raise ReleaseError(
            f"{name} must be the public edition of the audit; got another, which may hold private numbers;"
            " try dpsynth audit --public"
        )
    held = _private_parts(document, identity)
    if held:
        raise ReleaseError(f"{name} must hold no number computed from private rows; got {', '.join(held)}")
    if not isinstance(document.get("verdict"), str) or not isinstance(identity.get("report_id"), str):
        raise ReleaseError(f"{name} must have a verdict and a report id; got an audit without")
    if identity.get("hashed") != "file bytes":
        raise ReleaseError(
            f"{name} must be an audit of the release's files, to be tied to them; got one of a table in memory;"
            " try auditing the directory"
        )
    if identity.get("sha256") != table_digest:
        raise ReleaseError(f"{name} must be the audit of this release; got that of another table")
    return document


def _private_parts(document: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    findings = document.get("findings")
    measured = not isinstance(findings, list) or any(
        not isinstance(each, dict) or each.get("measured") is not None for each in findings
    )
    found = {
        "a seed": identity.get("seed") is not None,
        "diagnostics": bool(document.get("diagnostics")),
        "numbers of attacks": measured,
    }
    return [name for name, there in found.items() if there]
