"""The statement about a release: what it says, what it leaves out, and what is no statement."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import dpsynth
from dpsynth.errors import ReleaseError
from dpsynth.release.attestation import PREDICATE_TYPE, contradictions, predicate, read_statement, statement
from dpsynth.release.certificate import LedgerRecord

AUDIT = {"verdict": "pass", "identity": {"report_id": "r1", "sha256": "ab"}, "findings": [{"measured": {"auc": 1}}]}


@pytest.fixture(scope="module")
def certificate(request: pytest.FixtureRequest) -> Any:
    return dpsynth.load(request.getfixturevalue("signed_once").path).certificate


def test_a_statement_comes_back_as_it_was(certificate: Any) -> None:
    said = predicate(certificate, AUDIT)
    subjects, stated = read_statement(statement({"a": "1" * 64, "b": "2" * 64}, said, signed="2026-01-01T00:00:00Z"))
    assert subjects == {"a": "1" * 64, "b": "2" * 64}
    assert stated.pop("signer")["signed"] == "2026-01-01T00:00:00Z"
    assert stated == said
    assert contradictions(stated, certificate, AUDIT) == []


def test_it_says_the_promise_and_how_the_release_was_built(certificate: Any) -> None:
    said = predicate(certificate, AUDIT)
    assert set(said) == {
        "promise", "synthesizer", "noise", "ledger", "audit", "software", "created", "builder", "parameters",
    }  # fmt: skip
    assert set(said["promise"]) == {"epsilon", "delta", "mu", "delta0", "relation", "unit"}
    assert said["audit"] == {"verdict": "pass", "report_id": "r1"}
    assert predicate(certificate, None)["audit"] is None


def test_it_says_where_the_release_was_charged(certificate: Any) -> None:
    record = LedgerRecord("ledger-1", "patients/visits", "request-7", 3, "a" * 64, 4, "b" * 64)
    said = predicate(replace(certificate, ledger=record), None)
    assert said["ledger"]["request_id"] == "request-7"
    assert contradictions(said, certificate, None) == ["ledger"]


def test_nothing_private_is_in_it(certificate: Any) -> None:
    text = json.dumps(predicate(certificate, AUDIT))
    assert "estimated_total" not in text
    assert "auc" not in text
    assert "secret" not in text


def test_each_part_that_differs_is_named(certificate: Any) -> None:
    said = predicate(certificate, AUDIT)
    for name in said:
        assert contradictions({**said, name: "other"}, certificate, AUDIT) == [name]
        assert contradictions({key: each for key, each in said.items() if key != name}, certificate, AUDIT) == [name]
    assert contradictions({**said, "more": 1}, certificate, AUDIT) == ["more"]
    assert contradictions(said, certificate, None) == ["audit"]


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"predicate": None},
        {"subject": None},
        {"subject": []},
        {"subject": [{"name": "a"}]},
        {"subject": [{"name": "a", "digest": {"sha256": "1"}}] * 2},
        {"subject": {"name": "a"}},
        {"subject": "a"},
    ],
)
def test_other_documents_are_no_statements(changes: dict[str, Any]) -> None:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": "1"}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {},
    }
    assert read_statement(json.dumps(document).encode()) == ({"a": "1"}, {})
    with pytest.raises(ReleaseError):
        read_statement(json.dumps({**document, **changes}).encode())
