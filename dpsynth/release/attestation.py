"""The attestation of a release: an in-toto statement of what it promises, about exactly these files.

A statement names the SHA-256 of the manifest, of every file in it, and of the public audit where there is
one; it says what the certificate says, in few words. Its bytes are signed in a DSSE envelope (`envelope.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dpsynth._version import __version__
from dpsynth.errors import ReleaseError
from dpsynth.release.documents import parse_document

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate

ATTESTATION = "attestation.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://dpsynth.org/attestation/release/v1"
BUILDER_ID = "https://dpsynth.org/builder"
MAX_ATTESTATION_BYTES = 4 << 20


def predicate(certificate: Certificate, audit: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is attested of a release: its certificate in short, the verdict of its public audit, and how it was built.

    Privacy: all of it stands in the certificate and the public audit. Of the private table nothing is named, not
    even by a digest.
    """
    document = certificate.to_json()
    promise, unit = document["promise"], document["unit"]
    asked = {name: promise[name] for name in ("epsilon", "delta")}
    return {
        "promise": {
            **asked,
            "mu": promise["mu"],
            "delta0": promise["delta0"],
            "relation": unit["relation"],
            "unit": unit["words"],
        },
        "synthesizer": document["synthesizer"],
        "noise": document["noise"],
        "ledger": document["ledger"],
        "audit": _audit_in_short(audit),
        "software": document["software"],
        "created": document["created"],
        "builder": {"id": BUILDER_ID, "version": {"dpsynth": document["software"]["dpsynth"]}},
        "parameters": {
            **asked,
            "relation": unit["relation"],
            "unit": unit["column"],
            "max_rows_per_unit": unit["max_rows"],
            "synthesizer": document["synthesizer"],
            "settings": document["settings"],
            "rows": document["rows"],
            "seed": document["seed"],
        },
    }


def statement(subjects: Mapping[str, str], stated: Mapping[str, Any], *, signed: str) -> bytes:
    """The bytes of a statement. subjects: SHA-256 by file name. stated: the predicate. signed: UTC, ISO 8601."""
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": PREDICATE_TYPE,
        "predicate": {**stated, "signer": {"dpsynth": __version__, "signed": signed}},
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def read_statement(payload: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """The subjects (SHA-256 by file name) and the predicate of a statement.

    Raises ReleaseError unless it is an in-toto statement about a release, of this version.
    """
    document = parse_document(payload, f"the statement in {ATTESTATION}")
    if (document.get("_type"), document.get("predicateType")) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise ReleaseError(f"{ATTESTATION} must hold a statement of type {PREDICATE_TYPE}; got something else")
    stated, listed = document.get("predicate"), document.get("subject")
    try:
        subjects = {each["name"]: each["digest"]["sha256"] for each in listed or []}
    except (KeyError, TypeError):
        raise ReleaseError(f"{ATTESTATION} must name files and their SHA-256; got something else") from None
    if not isinstance(stated, dict) or not listed or len(subjects) != len(listed):
        raise ReleaseError(f"{ATTESTATION} must state something, about each file once; got something else")
    return subjects, stated


def contradictions(stated: Mapping[str, Any], certificate: Certificate, audit: Mapping[str, Any] | None) -> list[str]:
    """In which parts a predicate differs from the certificate and the audit that lie in the release."""
    said = {name: part for name, part in stated.items() if name != "signer"}
    expected = predicate(certificate, audit)
    return sorted(name for name in {*said, *expected} if said.get(name, ...) != expected.get(name, ...))


def _audit_in_short(audit: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if audit is None else {"verdict": audit["verdict"], "report_id": audit["identity"]["report_id"]}
