"""Verifying a release: whatever is changed in a signed one is found, and what is sound passes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpsynth.errors import ReleaseError, SettingError
from dpsynth.keys import new_key_pair, read_private_key, read_public_key
from dpsynth.release import verify as verifier
from dpsynth.release.bundle import FILES, MANIFEST
from dpsynth.release.documents import to_document
from dpsynth.release.envelope import open_envelope, seal
from dpsynth.release.verify import CHECKS, Verification, verify

ALL = (MANIFEST, *FILES, "audit.json", "attestation.json")
SOME = (MANIFEST, "synthetic.csv", "certificate.json", "prov.json", "audit.json", "attestation.json")
BYTES_PER_FILE = 5


def failed(path: Path, public: Path | None = None) -> list[str]:
    found = verify(path, public)
    assert (found.exit_code == 1) == any(check.status == "fail" for check in found.checks)
    assert tuple(check.name for check in found.checks) == CHECKS
    return [check.name for check in found.checks if check.status == "fail"]


def rewrite_manifest(path: Path) -> None:
    """What a forger does after changing files: a manifest that agrees with them."""
    manifest = json.loads((path / MANIFEST).read_text())
    for name in FILES:
        content = (path / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (path / MANIFEST).write_bytes(to_document(manifest))


def test_a_signed_release_verifies(signed: Any) -> None:
    found = verify(signed.path, signed.public)
    assert found.passed
    assert {check.name: check.status for check in found.checks} == dict.fromkeys(CHECKS, "pass")
    assert found.signed == (MANIFEST, *FILES, "audit.json")
    assert found.unsigned == ()
    assert found.key is not None
    assert verify(signed.path, read_public_key(signed.public)) == found
    assert json.loads(json.dumps(found.to_json()))["passed"] is True


def test_every_changed_byte_of_every_file_is_found(signed: Any) -> None:
    rng = np.random.default_rng(5)
    for name in ALL:
        path = signed.path / name
        original = path.read_bytes()
        positions = {0, len(original) - 1, *rng.integers(0, len(original), BYTES_PER_FILE).tolist()}
        for position in sorted(positions):
            changed = bytearray(original)
            changed[position] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(changed))
            assert verify(signed.path, signed.public).exit_code == 1, (name, position)
        path.write_bytes(original)
    assert verify(signed.path, signed.public).exit_code == 0


@pytest.mark.parametrize("name", ALL)
def test_lost_and_added_bytes_are_found(signed: Any, name: str) -> None:
    path = signed.path / name
    original = path.read_bytes()
    for content in (b"", original[:-1], original + b"\n", b" " + original):
        path.write_bytes(content)
        assert verify(signed.path, signed.public).exit_code == 1, len(content)


@pytest.mark.parametrize("name", SOME)
def test_missing_linked_and_swapped_files_are_found(signed: Any, name: str, tmp_path: Path) -> None:
    path = signed.path / name
    path.rename(tmp_path / "elsewhere")
    assert verify(signed.path, signed.public).exit_code == (2 if name == "attestation.json" else 1)
    path.symlink_to(tmp_path / "elsewhere")
    assert verify(signed.path, signed.public).exit_code == 1
    path.unlink()
    path.mkdir()
    assert verify(signed.path, signed.public).exit_code == 1
    path.rmdir()
    shutil.copy(tmp_path / "elsewhere", path)
    assert verify(signed.path, signed.public).exit_code == 0
    neighbour = signed.path / ALL[(ALL.index(name) + 1) % len(ALL)]
    shutil.copy(neighbour, path)
    shutil.copy(tmp_path / "elsewhere", neighbour)
    assert verify(signed.path, signed.public).exit_code == 1


@pytest.mark.parametrize("name", [name for name in ALL if name != "schema.yaml"])  # both have the same
def test_a_file_of_another_release_is_found(signed: Any, name: str) -> None:
    shutil.copy(signed.other / name, signed.path / name)
    assert verify(signed.path, signed.public).exit_code == 1
    if name != MANIFEST:
        rewrite_manifest(signed.path)
        assert verify(signed.path, signed.public).exit_code == 1


def test_renamed_hidden_and_foreign_files_are_found(signed: Any) -> None:
    for name in ("notes.txt", ".hidden", "Synthetic.csv", "synthetic.csv.bak", "sub"):
        place = signed.path / name
        place.mkdir() if name == "sub" else place.write_text("x")
        assert failed(signed.path, signed.public) == ["no other files"]
        place.rmdir() if name == "sub" else place.unlink()
    (signed.path / "synthetic.csv").rename(signed.path / "table.csv")
    assert {"files", "no other files"} <= set(failed(signed.path, signed.public))


def test_evidence_that_is_not_signed_is_named(signed: Any) -> None:
    (signed.path / "gate.json").write_text("{}")
    (signed.path / "report.html").write_text("<html>")
    found = verify(signed.path, signed.public)
    assert found.passed
    assert found.unsigned == ("gate.json", "report.html")
    (signed.path / "gate.json").unlink()
    (signed.path / "gate.json").symlink_to(signed.path / "report.html")
    assert failed(signed.path, signed.public) == ["no other files"]


@pytest.mark.parametrize("name", SOME)
def test_huge_files_are_refused_unread(signed: Any, name: str) -> None:
    os.truncate(signed.path / name, 1 << 42)
    assert verify(signed.path, signed.public).exit_code == 1


def test_a_manifest_that_claims_a_huge_file_is_refused(signed: Any) -> None:
    rewrite = json.loads((signed.path / MANIFEST).read_text())
    rewrite["files"]["model.json"]["bytes"] = 1 << 60
    (signed.path / MANIFEST).write_bytes(to_document(rewrite))
    assert "files" in failed(signed.path)


def test_another_key_does_not_verify(signed: Any, tmp_path: Path) -> None:
    assert failed(signed.path, new_key_pair(tmp_path / "thief.pem")) == ["signature"]


def test_a_forger_with_another_key_is_found(signed: Any, tmp_path: Path) -> None:
    new_key_pair(tmp_path / "thief.pem")
    thief = read_private_key(tmp_path / "thief.pem")
    envelope = open_envelope((signed.path / "attestation.json").read_bytes(), "attestation.json")
    (signed.path / "attestation.json").write_bytes(seal(envelope.payload_type, envelope.payload, thief))
    assert failed(signed.path, signed.public) == ["signature"]
    assert verify(signed.path, tmp_path / "thief.pub.pem").passed


def test_another_payload_type_does_not_verify_though_its_owner_signed_it(signed: Any) -> None:
    envelope = open_envelope((signed.path / "attestation.json").read_bytes(), "attestation.json")
    content = seal("application/json", envelope.payload, read_private_key(signed.key))
    (signed.path / "attestation.json").write_bytes(content)
    assert "attestation" in failed(signed.path, signed.public)
    document = json.loads(content)
    (signed.path / "attestation.json").write_bytes(to_document({**document, "payloadType": envelope.payload_type}))
    assert failed(signed.path, signed.public) == ["signature"]


def test_two_signatures_one_bad_do_not_verify(signed: Any) -> None:
    document = json.loads((signed.path / "attestation.json").read_text())
    bad = {"keyid": "0" * 64, "sig": base64.b64encode(bytes(64)).decode()}
    for signatures in ([*document["signatures"], bad], [bad, *document["signatures"]]):
        (signed.path / "attestation.json").write_bytes(to_document({**document, "signatures": signatures}))
        assert failed(signed.path, signed.public) == ["attestation", "signature"]


def _stated_again(signed: Any, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What fails when the owner of the key signs a statement with a change in it."""
    envelope = open_envelope((signed.path / "attestation.json").read_bytes(), "attestation.json")
    statement = json.loads(envelope.payload)
    change(statement)
    content = seal(envelope.payload_type, json.dumps(statement).encode(), read_private_key(signed.key))
    (signed.path / "attestation.json").write_bytes(content)
    return failed(signed.path, signed.public)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["predicate"]["promise"].update(epsilon=0.1),
        lambda it: it["predicate"].update(synthesizer="aim"),
        lambda it: it["predicate"]["audit"].update(verdict="fail"),
        lambda it: it["predicate"].update(audit=None),
        lambda it: it["predicate"].update(extra=1),
        lambda it: it["predicate"].pop("ledger"),
        lambda it: it.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda it: it.update(predicate=[]),
        lambda it: it.update(subject={}),
        lambda it: it.update(subject=None),
        lambda it: it["subject"].pop(),
        lambda it: it["subject"].append(it["subject"][0]),
        lambda it: it["subject"].append({"name": "x", "digest": {"sha256": "0"}}),
        lambda it: it["subject"][1]["digest"].update(sha256="0" * 64),
        lambda it: it["subject"][1].update(digest={"sha512": "0"}),
    ],
)
def test_a_statement_that_says_something_else_fails(signed: Any, change: Callable[[dict[str, Any]], object]) -> None:
    assert _stated_again(signed, change) == ["attestation"]


def test_a_signed_statement_that_is_no_json_fails(signed: Any) -> None:
    for payload in (b"", b"[]", b"{" * 10_000, b"\xff", b'{"a":1,"a":2}'):
        content = seal("application/vnd.in-toto+json", payload, read_private_key(signed.key))
        (signed.path / "attestation.json").write_bytes(content)
        assert failed(signed.path, signed.public) == ["attestation"]


def test_exit_codes_tell_what_was_not_checked(signed: Any) -> None:
    without_key = verify(signed.path)
    assert (without_key.exit_code, without_key["signature"].status) == (0, "absent")
    assert "no key was given" in without_key["signature"].words
    assert without_key.signed == ()
    (signed.path / "attestation.json").unlink()
    assert verify(signed.path).exit_code == 0
    unsigned = verify(signed.path, signed.public)
    assert (unsigned.exit_code, unsigned.passed, unsigned["signature"].status) == (2, False, "absent")
    (signed.path / "synthetic.csv").write_text("x")
    assert verify(signed.path, signed.public).exit_code == 1


def test_parts_of_two_releases_do_not_verify_even_unsigned(signed: Any) -> None:
    (signed.path / "attestation.json").unlink()
    (signed.path / "audit.json").unlink()
    for name, expected in {
        "certificate.json": ["same release", "metadata"],
        "synthetic.parquet": ["same release", "metadata"],
        "synthetic.csv": ["same release", "metadata"],
        "certificate.txt": ["same release"],
        "croissant.json": ["metadata"],
        "prov.json": ["metadata"],
        "model.npz": ["metadata"],
    }.items():
        original = (signed.path / name).read_bytes()
        shutil.copy(signed.other / name, signed.path / name)
        rewrite_manifest(signed.path)
        assert failed(signed.path) == expected, name
        (signed.path / name).write_bytes(original)
    rewrite_manifest(signed.path)
    assert failed(signed.path) == []


def test_another_schema_does_not_verify(signed: Any) -> None:
    schema = signed.path / "schema.yaml"
    for old, new in (("codebook", "somebody"), ("upper: 99", "upper: 98"), ("name: age", "name: years")):
        original = schema.read_text()
        assert old in original
        schema.write_text(original.replace(old, new))
        rewrite_manifest(signed.path)
        assert "same release" in failed(signed.path)
        schema.write_text(original)
    twice = schema.read_bytes() + b"version: 1\n"
    for content in (b"\xff\xfe", b"", b"- x", b"&a [*a]", twice):
        schema.write_bytes(content)
        rewrite_manifest(signed.path)
        assert "same release" in failed(signed.path)


def test_other_public_facts_in_the_certificate_do_not_verify(signed: Any) -> None:
    path = signed.path / "certificate.json"
    assert "codebook" in path.read_text()
    path.write_text(path.read_text().replace("codebook", "somebody"))
    rewrite_manifest(signed.path)
    assert "same release" in failed(signed.path)
    assert "name other public facts" in verify(signed.path)["same release"].words


def _promised(signed: Any, **changes: float) -> Verification:
    path = signed.path / "certificate.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "promise": {**document["promise"], **changes}}))
    rewrite_manifest(signed.path)
    return verify(signed.path)


def test_a_promise_that_does_not_follow_is_found(signed: Any) -> None:
    found = _promised(signed, epsilon=1.9)
    assert found["certificate"].status == "fail"
    assert found["epsilon"].words == "not checked, for the certificate could not be read"


def test_both_programs_recompute_the_epsilon(signed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Even if the certificate's own arithmetic were not looked at.
    monkeypatch.setattr("dpsynth.release.certificate.arithmetic_faults", lambda _: ())
    found = _promised(signed, epsilon=1.9)
    assert (found["certificate"].status, found["epsilon"].status) == ("pass", "fail")
    assert found["dp-accounting"].status == "fail"


def test_without_dp_accounting_it_says_so(signed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "_delta_by_dp_accounting", lambda *_: None)
    found = verify(signed.path, signed.public)
    assert found.passed
    assert found["dp-accounting"].status == "absent"


@pytest.mark.parametrize(("mu", "epsilon", "delta"), [(0.0, 1.0, 0.0), (1.0, 1.0, 0.126936737507), (0.3, 2.0, 5.3e-13)])
def test_the_other_program_knows_the_gaussian_curve(mu: float, epsilon: float, delta: float) -> None:
    from dpsynth.privacy.gaussian_profile import delta_of

    found = verifier._delta_by_dp_accounting(mu, epsilon)
    assert found == pytest.approx(delta_of(epsilon, mu), rel=1e-8)
    assert found == pytest.approx(delta, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edition": "steward"}, "public edition"),
        ({"format": "other"}, "audit report"),
        ({"reasons": []}, "reasons of its own"),
        ({"identity": {"sha256": "0" * 64}}, "another table"),
        ({"identity": {"hashed": "canonical table"}}, "in memory"),
        ({"identity": {"seed": 3}}, "identity.seed"),
        ({"diagnostics": [{"name": "distance"}]}, "diagnostics"),
        ({"findings": [{"attack": "copies", "measured": {"auc": 0.7}}]}, "findings.0.measured"),
        ({"findings": None}, "findings"),
        ({"auc": 0.7}, "a key that is not known"),
    ],
)
def test_an_audit_that_is_not_public_or_not_of_this_table_fails(
    signed: Any, audit_of: Callable[..., dict[str, Any]], changes: dict[str, Any], words: str
) -> None:
    (signed.path / "audit.json").write_text(json.dumps(audit_of(signed.path, **changes)))
    assert failed(signed.path) == ["audit", "attestation"]
    assert words in verify(signed.path)["audit"].words


def test_another_audit_of_the_same_table_is_found(signed: Any, audit_of: Callable[..., dict[str, Any]]) -> None:
    (signed.path / "audit.json").write_text(json.dumps(audit_of(signed.path, verdict="inconclusive")))
    assert failed(signed.path, signed.public) == ["attestation"]


def test_garbage_never_raises(signed: Any) -> None:
    for name in ALL:
        original = (signed.path / name).read_bytes()
        for content in (b"{}", b"[" * 50_000 if name.endswith("json") else bytes(100)):
            (signed.path / name).write_bytes(content)
            if name in FILES:
                rewrite_manifest(signed.path)
            assert verify(signed.path, signed.public).exit_code == 1, (name, content[:9])
        (signed.path / name).write_bytes(original)
        rewrite_manifest(signed.path)


def _leaves(part: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a number or text in a JSON value."""
    pairs = part.items() if isinstance(part, dict) else enumerate(part)
    found = []
    for key, value in pairs:
        found += _leaves(value) if isinstance(value, dict | list) else [(part, key)]
    return found


def test_no_number_in_a_certificate_breaks_the_verifier(signed: Any) -> None:
    """Extremes in every place of the promise and the spending: a check fails, and none falls over."""
    path = signed.path / "certificate.json"
    document = json.loads(path.read_text())
    for part in ("promise", "spending"):
        for container, key in _leaves(document[part])[:12]:
            value = container[key]
            for extreme in (0, 5e-324, 1e308, 10**400, -1.0, None, "x"):
                container[key] = extreme
                path.write_text(json.dumps(document))
                rewrite_manifest(signed.path)
                assert verify(signed.path).exit_code == 1
            container[key] = value


@pytest.mark.parametrize("mu", [1e308, 5e-324, 1e160])
def test_a_promise_of_any_size_is_judged(signed: Any, monkeypatch: pytest.MonkeyPatch, mu: float) -> None:
    monkeypatch.setattr("dpsynth.release.certificate.arithmetic_faults", lambda _: ())
    for epsilon in (1e-300, 1e308):
        found = _promised(signed, mu=mu, epsilon=epsilon)
        assert found["certificate"].status == "pass"
        assert found.exit_code == 1


def test_what_is_no_directory_and_what_is_no_key_is_said_so(signed: Any, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="must be a directory"):
        verify(tmp_path / "nowhere")
    with pytest.raises(SettingError, match="key"):
        verify(signed.path, tmp_path / "nowhere.pem")
    assert failed(tmp_path) == list(CHECKS)


def test_words_and_rows_that_disagree_are_found_although_every_digest_was_rewritten(signed: Any) -> None:
    (signed.path / "certificate.txt").write_text("epsilon is 0.0001\n")
    rewrite_manifest(signed.path)
    assert "certificate.txt" in verify(signed.path, thorough=False)["same release"].words
    shutil.copy(signed.other / "certificate.txt", signed.path / "certificate.txt")
    content = signed.path / "synthetic.csv"
    lines = content.read_bytes().splitlines(keepends=True)
    content.write_bytes(b"".join([lines[0], *lines[2:], lines[1]]))
    rewrite_manifest(signed.path)
    assert "same release" in failed(signed.path)
