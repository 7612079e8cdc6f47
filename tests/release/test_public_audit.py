"""The audit beside a release: public, of this table, and read as a stranger's document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release.public_audit import read_public_audit

DIGEST = "ab" * 32


@pytest.fixture
def public(audit_of: Callable[..., dict[str, Any]], tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "synthetic.parquet").write_bytes(b"")
    return audit_of(tmp_path, identity={"sha256": DIGEST})


def test_a_public_audit_of_this_table_is_read(public: dict[str, Any]) -> None:
    assert read_public_audit(json.dumps(public).encode(), DIGEST) == public


def test_one_of_another_table_is_refused(public: dict[str, Any]) -> None:
    with pytest.raises(ReleaseError, match="another table"):
        read_public_audit(json.dumps(public).encode(), "cd" * 32)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "dpsynth-audit"}', b"[" * 100_000, b"\xff"])
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(ReleaseError):
        read_public_audit(content, DIGEST)


def test_an_edition_that_is_given_twice_is_refused(public: dict[str, Any]) -> None:
    text = json.dumps(public)
    with pytest.raises(ReleaseError, match="JSON object"):
        read_public_audit(text.replace('{"format"', '{"edition": "steward", "format"', 1).encode(), DIGEST)


@pytest.mark.parametrize(
    "changes",
    [
        {"edition": "steward"},
        {"diagnostics": [{"value": 0.3}]},
        {"findings": [{"measured": {"auc": 0.9}}]},
        {"findings": ["copies"]},
        {"identity": {"seed": 0}},
        {"auc": 0.9},
    ],
)
def test_a_steward_s_numbers_are_refused(public: dict[str, Any], changes: dict[str, Any]) -> None:
    inside = {"identity": {**public["identity"], **changes["identity"]}} if "identity" in changes else {}
    with pytest.raises(ReleaseError, match="public edition"):
        read_public_audit(json.dumps({**public, **changes, **inside}).encode(), DIGEST)
