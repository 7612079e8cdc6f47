"""What a report is made of: whole, about this release, and public where it says so."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpsynth.errors import ReleaseError
from dpsynth.report.content import Content, gather


def test_it_joins_everything(place: Any, steward: Content) -> None:
    assert steward.audit is not None
    assert steward.audit.edition == "steward"
    assert any(each.measured is not None for each in steward.audit.findings)
    assert steward.gate is not None
    assert [(name, waiver.owner) for name, waiver in steward.gate.waivers] == [("ledger", "J. <b>Doe")]
    assert steward.fidelity is not None
    assert steward.drawing is not None
    assert {each.name for each in steward.evidence} == {"audit.json", "gate.json"}
    for each in steward.files:
        content = (place.release / each.name).read_bytes()
        assert (each.bytes, each.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert steward.manifest == hashlib.sha256((place.release / "MANIFEST.json").read_bytes()).hexdigest()


def test_what_is_not_there_is_left_out(bare: Content) -> None:
    assert (bare.audit, bare.gate, bare.fidelity, bare.evidence) == (None, None, None, ())


def test_evidence_beside_the_release_is_taken(place: Any, tmp_path: Path) -> None:
    release = shutil.copytree(place.release, tmp_path / "release")
    shutil.copy(place.public, release / "audit.json")
    shutil.copy(place.gate, release / "gate.json")
    content = gather(release, compare=False)
    assert content.audit is not None
    assert content.gate is not None


def test_a_public_report_refuses_the_stewards_audit(place: Any) -> None:
    with pytest.raises(ReleaseError, match=r"public edition in a public report.*--steward"):
        gather(place.release, audit=place.steward, compare=False)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("identity", "seed"), 3, r"identity\.seed"),
        (("diagnostics",), [{"name": "distance", "value": 0.1, "words": ""}], "diagnostics"),
        (("findings", 0, "why"), "12 rows", r"findings\.0\.why"),
        (("findings", 0, "measured"), {"guesses": 1}, "faults"),
        (("checks", 0, "words"), "1,500 rows", r"checks\.0\.words"),
        (("checks", 0, "public"), False, r"checks\.0\.public"),
        (("controls", 0, "caught_by"), ["copies"], r"controls\.0\.caught_by"),
        (("levels", "auc"), 0.7, r"levels\.a key that is not known"),
    ],
)
def test_an_audit_that_only_calls_itself_public_is_refused(
    place: Any, changed: Callable[..., Path], keys: tuple[Any, ...], value: Any, words: str
) -> None:
    with pytest.raises(ReleaseError, match=words):
        gather(place.release, audit=changed(place.public, *keys, to=value), compare=False)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("identity", "sha256"), "0" * 64, "another table|of this release"),
        (("identity", "rows"), 3, "another table"),
        (("claim", "epsilon"), 9.0, "another claim"),
        (("claim", "made"), False, "another claim"),
        (("verdict",), "splendid", "verdict"),
        (("findings", 0, "status"), 4, r"findings\.0\.status"),
        (("version",), 2, "version 1"),
    ],
)
def test_an_audit_of_something_else_is_refused(
    place: Any, changed: Callable[..., Path], keys: tuple[Any, ...], value: Any, words: str
) -> None:
    for edition, path in (("public", place.public), ("steward", place.steward)):
        with pytest.raises(ReleaseError, match=words):
            gather(place.release, edition=edition, audit=changed(path, *keys, to=value), compare=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("manifest_sha256",), "0" * 64, "judged this release"),
        (("rules", 1, "evidence"), {}, r"rules\.1"),
        (("rules", 0, "status"), "fail", "faults"),
        (("rules",), [], "faults"),
        (("verdict",), "yes", "verdict"),
        (("format",), "dpsynth-audit", "dpsynth-gate"),
    ],
)
def test_a_decision_on_something_else_is_refused(
    place: Any, changed: Callable[..., Path], keys: tuple[Any, ...], value: Any, words: str
) -> None:
    with pytest.raises(ReleaseError, match=words):
        gather(place.release, gate=changed(place.gate, *keys, to=value), compare=False)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": 1, "format": 2}', b"\xff"])
def test_what_is_no_document_is_refused(place: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "audit.json").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"audit\.json"):
        gather(place.release, audit=tmp_path / "audit.json", compare=False)
    with pytest.raises(ReleaseError, match="readable file"):
        gather(place.release, audit=tmp_path / "nowhere.json", compare=False)


def test_a_changed_release_is_refused(place: Any, tmp_path: Path) -> None:
    release = shutil.copytree(place.release, tmp_path / "release")
    certificate = json.loads((release / "certificate.json").read_text())
    certificate["promise"]["epsilon"] = 0.1
    (release / "certificate.json").write_text(json.dumps(certificate))
    with pytest.raises(ReleaseError, match=r"certificate\.json"):
        gather(release)
