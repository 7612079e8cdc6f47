"""Signing: only what verifies is signed, only a public audit is attached, and nothing is left half done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attacks
import dpsynth
from dpsynth.errors import ReleaseError
from dpsynth.keys import read_private_key
from dpsynth.release import signing
from dpsynth.release.bundle import FILES, MANIFEST
from dpsynth.release.envelope import open_envelope
from dpsynth.release.signing import sign
from dpsynth.release.verify import verify


def _names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


def _payload(path: Path) -> Any:
    return json.loads(open_envelope((path / "attestation.json").read_bytes(), "attestation.json").payload)


@pytest.fixture
def plain(signed: Any) -> Path:
    """A release with nothing beside it."""
    for name in ("audit.json", "attestation.json"):
        (signed.path / name).unlink()
    path: Path = signed.path
    return path


def test_a_release_is_signed_without_an_audit(plain: Path, signed: Any) -> None:
    assert sign(plain, read_private_key(signed.key)) == plain / "attestation.json"
    assert _names(plain) == {MANIFEST, *FILES, "attestation.json"}
    assert verify(plain, signed.public).passed
    assert _payload(plain)["predicate"]["audit"] is None


def test_the_statement_says_what_the_certificate_says(signed: Any) -> None:
    statement = _payload(signed.path)
    certificate = json.loads((signed.path / "certificate.json").read_text())
    predicate = statement["predicate"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://dpsynth.org/attestation/release/v1"
    assert [each["name"] for each in statement["subject"]] == [MANIFEST, *FILES, "audit.json"]
    assert {name: predicate["promise"][name] for name in ("epsilon", "delta", "mu", "delta0")} == {
        name: certificate["promise"][name] for name in ("epsilon", "delta", "mu", "delta0")
    }
    for name in ("noise", "ledger", "software", "created", "synthesizer"):
        assert predicate[name] == certificate[name]
    assert predicate["audit"] == {"verdict": "pass", "report_id": "5f1c" * 8}
    assert predicate["parameters"]["rows"] == certificate["rows"]


def test_the_audit_that_lies_there_is_signed_too(plain: Path, signed: Any, audit_of: Callable[..., Any]) -> None:
    (plain / "audit.json").write_text(json.dumps(audit_of(plain)))
    sign(plain, read_private_key(signed.key))
    assert verify(plain, signed.public).signed[-1] == "audit.json"


def test_signing_again_replaces_audit_and_attestation(
    signed: Any, audit_of: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "new.json").write_text(json.dumps(audit_of(signed.path, verdict="inconclusive")))
    sign(signed.path, read_private_key(signed.key), audit=tmp_path / "new.json")
    assert verify(signed.path, signed.public).passed
    assert _payload(signed.path)["predicate"]["audit"]["verdict"] == "inconclusive"
    assert _names(signed.path) == {MANIFEST, *FILES, "audit.json", "attestation.json"}


def test_a_real_audit_is_signed_in_its_public_edition_alone(signed: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 4, 600) for name in "ab"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(4)) for name in table])
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="independent", audit_pool=200)
    made.save(tmp_path / "audited")
    report = attacks.audit(dpsynth.load(tmp_path / "audited"), train=table, pool=made.audit_pool, attacks=["copies"])
    (steward,) = report.save(tmp_path / "steward.json")
    (public,) = report.public().save(tmp_path / "public.json")
    key = read_private_key(signed.key)
    with pytest.raises(ReleaseError, match="public edition"):
        sign(tmp_path / "audited", key, audit=steward)
    sign(tmp_path / "audited", key, audit=public)
    assert verify(tmp_path / "audited", signed.public).passed
    assert _payload(tmp_path / "audited")["predicate"]["audit"] == {
        "verdict": report.verdict,
        "report_id": report.identity.report_id,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"edition": "steward"},
        {"edition": None},
        {"format": "dpsynth-certificate"},
        {"identity": {"sha256": "0" * 64}},
        {"identity": {"hashed": "canonical table"}},
        {"identity": {"seed": 1}},
        {"diagnostics": [1]},
    ],
)
def test_a_steward_s_audit_or_another_table_s_is_refused(
    plain: Path, signed: Any, audit_of: Callable[..., Any], tmp_path: Path, changes: dict[str, Any]
) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(audit_of(plain, **changes)))
    with pytest.raises(ReleaseError, match=r"audit\.json must"):
        sign(plain, read_private_key(signed.key), audit=tmp_path / "audit.json")
    assert _names(plain) == {MANIFEST, *FILES}


def test_an_audit_that_cannot_be_read_is_refused(plain: Path, signed: Any, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="readable file"):
        sign(plain, read_private_key(signed.key), audit=tmp_path / "nowhere.json")
    (tmp_path / "empty.json").write_bytes(b"")
    with pytest.raises(ReleaseError, match="JSON object"):
        sign(plain, read_private_key(signed.key), audit=tmp_path / "empty.json")


def test_a_release_that_does_not_verify_is_not_signed(plain: Path, signed: Any) -> None:
    (plain / "notes.txt").write_text("x")
    with pytest.raises(ReleaseError, match="no other files"):
        sign(plain, read_private_key(signed.key))
    (plain / "notes.txt").unlink()
    shutil.copy(signed.other / "certificate.json", plain)
    with pytest.raises(ReleaseError, match="must verify before it is signed"):
        sign(plain, read_private_key(signed.key))
    assert _names(plain) == {MANIFEST, *FILES}


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_fault_leaves_what_was_there(
    signed: Any, audit_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Whatever happens, no half-written file is left, and nothing verifies that was not signed."""
    (tmp_path / "new.json").write_text(json.dumps(audit_of(signed.path, verdict="inconclusive")))
    calls = 0

    def fails(function: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                raise OSError(28, "No space left on device")
            return function(*arguments)

        return stand_in

    with monkeypatch.context() as patch:
        patch.setattr(signing.os, "fsync", fails(signing.os.fsync))
        patch.setattr(Path, "replace", fails(Path.replace))
        with pytest.raises(ReleaseError, match="must be writable"):
            sign(signed.path, read_private_key(signed.key), audit=tmp_path / "new.json")
    assert _names(signed.path) == {MANIFEST, *FILES, "audit.json", "attestation.json"}
    found = verify(signed.path, signed.public)
    assert found.passed == (at <= 2)
