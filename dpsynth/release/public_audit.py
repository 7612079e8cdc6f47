"""The audit that lies beside a release, read as a stranger's document: is it public, and is it of this table?"""

from __future__ import annotations

from typing import Any

from dpsynth.errors import ReleaseError
from dpsynth.release.documents import parse_document
from dpsynth.release.public_edition import require_public

AUDIT = "audit.json"
FORMAT = "dpsynth-audit"
MAX_AUDIT_BYTES = 64 << 20


def read_public_audit(content: bytes, table_digest: str, name: str = AUDIT) -> dict[str, Any]:
    """The public audit in a JSON file; `table_digest` is the SHA-256 of the release's synthetic.parquet.

    Raises ReleaseError when it is no audit report, is a steward's edition or anything but what a public one may be
    (`public_edition`), or is not an audit of the files of this release.

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
    require_public(document, name)
    if identity.get("hashed") != "file bytes":
        raise ReleaseError(
            f"{name} must be an audit of the release's files, to be tied to them; got one of a table in memory;"
            " try auditing the directory"
        )
    if identity.get("sha256") != table_digest:
        raise ReleaseError(f"{name} must be the audit of this release; got that of another table")
    return document
