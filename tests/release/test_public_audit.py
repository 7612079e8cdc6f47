"""The audit beside a release: public, of this table, and read as a stranger's document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release.public_audit import read_public_audit

DIGEST = "ab" * 32
PUBLIC: dict[str, Any] = {
    "format": "dpsynth-audit",
    "version": 1,
    "edition": "public",
    "verdict": "pass",
    "identity": {"report_id": "r", "sha256": DIGEST, "hashed": "file bytes", "seed": None},
    "findings": [{"attack": "copies", "measured": None}],
    "diagnostics": [],
}


def test_a_public_audit_of_this_table_is_read() -> None:
    assert read_public_audit(json.dumps(PUBLIC).encode(), DIGEST) == PUBLIC


def test_one_of_another_table_is_refused() -> None:
    with pytest.raises(ReleaseError, match="another table"):
        read_public_audit(json.dumps(PUBLIC).encode(), "cd" * 32)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "dpsynth-audit"}', b"[" * 100_000, b"\xff"])
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(ReleaseError):
        read_public_audit(content, DIGEST)


def test_an_edition_that_is_given_twice_is_refused() -> None:
    text = json.dumps(PUBLIC)
    with pytest.raises(ReleaseError, match="JSON object"):
        read_public_audit(text.replace('{"format"', '{"edition": "steward", "format"', 1).encode(), DIGEST)


@pytest.mark.parametrize(
    "changes",
    [
        {"edition": "steward"},
        {"diagnostics": [{"value": 0.3}]},
        {"findings": [{"measured": {"auc": 0.9}}]},
        {"findings": ["copies"]},
        {"identity": {**PUBLIC["identity"], "seed": 0}},
    ],
)
def test_a_steward_s_numbers_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ReleaseError, match=r"public edition|private rows"):
        read_public_audit(json.dumps({**PUBLIC, **changes}).encode(), DIGEST)
