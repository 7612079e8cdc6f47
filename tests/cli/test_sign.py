"""`dpsynth sign`: keys for their owner alone, and releases that are signed or left as they were."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner, Result

import dpsynth
from attacks.report.document import AuditReport
from attacks.report.records import AuditedClaim, Identity
from dpsynth.cli.sign import PASSPHRASE, sign
from dpsynth.cli.verify import verify
from dpsynth.keys import read_private_key

app = typer.Typer()
app.command()(sign)
app.command()(verify)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    table = {"smoker": np.arange(300) % 2 == 0}
    schema = dpsynth.Schema([dpsynth.Boolean("smoker")])
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, rows=20, seed=1, synthesizer="independent")
    return made.save(tmp_path / "release")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert run("sign", "--new-key", tmp_path / "key.pem").exit_code == 0
    return tmp_path / "key.pem"


def test_a_new_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    result = run("sign", "--new-key", tmp_path / "key.pem", "--json")
    printed = json.loads(result.stdout)
    assert printed["public"] == str(tmp_path / "key.pub.pem")
    assert len(printed["key"]) == 64
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    before = (tmp_path / "key.pem").read_bytes()
    again = run("sign", "--new-key", tmp_path / "key.pem")
    assert again.exit_code == 1
    assert "must not exist" in again.stderr
    assert (tmp_path / "key.pem").read_bytes() == before


def test_the_words_say_what_each_key_is_for(tmp_path: Path) -> None:
    words = run("sign", "--new-key", tmp_path / "key.pem").stdout
    assert "keep it secret" in words
    assert str(tmp_path / "key.pub.pem") in words


def test_a_signed_release_verifies(release: Path, key: Path) -> None:
    result = run("sign", release, "--key", key, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["attestation"] == str(release / "attestation.json")
    assert run("verify", release, "--key", key.with_name("key.pub.pem")).exit_code == 0
    assert "signed: " in run("sign", release, "--key", key).stdout


def _audit(release: Path, edition: str) -> dict[str, Any]:
    digest = hashlib.sha256((release / "synthetic.parquet").read_bytes()).hexdigest()
    found = AuditReport(
        identity=Identity("0f" * 16, "2026-01-01T00:00:00Z", digest, "file bytes", 60, ("a",), "independent"),
        claim=AuditedClaim(True, 1.0, 1e-6, None, 0.0, "add-remove", "one row", "none"),
        verdict="inconclusive",
        reasons=("Nothing ran.",),
        findings=(),
    )
    return (found.public() if edition == "public" else found).to_json()


def test_only_a_public_audit_is_attached(release: Path, key: Path, tmp_path: Path) -> None:
    report = tmp_path / "audit-public.json"
    report.write_text(json.dumps(_audit(release, "steward")))
    refused = run("sign", release, "--key", key, "--audit", report, "--json")
    assert refused.exit_code == 1
    assert "public edition" in json.loads(refused.stderr)["message"]
    assert not (release / "audit.json").exists()
    report.write_text(json.dumps(_audit(release, "public")))
    assert run("sign", release, "--key", key, "--audit", report).exit_code == 0
    assert (release / "audit.json").read_bytes() == report.read_bytes()


def test_a_damaged_release_is_not_signed(release: Path, key: Path) -> None:
    (release / "synthetic.csv").write_text("other")
    refused = run("sign", release, "--key", key)
    assert refused.exit_code == 1
    assert "must verify before it is signed" in refused.stderr
    assert not (release / "attestation.json").exists()


def test_an_encrypted_key_is_opened_by_its_passphrase(
    release: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = read_private_key(key).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open"),
    )
    key.write_bytes(secret)
    assert run("sign", release, "--key", key).exit_code == 1
    monkeypatch.setenv(PASSPHRASE, "open")
    assert run("sign", release, "--key", key).exit_code == 0


@pytest.mark.parametrize(
    "arguments", [[], ["DIR"], ["--key", "k"], ["DIR", "--new-key", "k"], ["--new-key", "n", "--key", "k"]]
)
def test_what_is_asked_must_be_clear(arguments: list[str]) -> None:
    result = run("sign", *arguments)
    assert result.exit_code == 2
    assert "--new-key alone" in " ".join(result.stderr.split())
