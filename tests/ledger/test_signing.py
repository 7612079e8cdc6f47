"""Signed entries: only the holder of the key can write a chain anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from dpsynth.errors import LedgerError
from dpsynth.ledger import Ledger, open_ledger
from dpsynth.ledger.signing import Signer, Verifier
from dpsynth.privacy.cost import Cost


def write_key(folder: Path, name: str) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_signatures_are_checked(tmp_path: Path) -> None:
    private, public = write_key(tmp_path, "steward")
    _, stranger = write_key(tmp_path, "stranger")
    path = tmp_path / "ledger.db"
    with Ledger.init(path, 1.0, sign_key=private) as ledger:
        ledger.reserve("population", Cost(1), request_id="run", plan_hash="plan")
        assert not ledger.verify(keys=[public])
        assert not ledger.verify(keys=[stranger, public])
        assert [fault.kind for fault in ledger.verify(keys=[stranger])] == ["unsigned", "unsigned"]
    with open_ledger(path) as unsigned:
        unsigned.touched("run")
        assert not unsigned.verify()
        (fault,) = unsigned.verify(keys=[public])
    assert str(fault) == "entry 3 is not signed by a known key"


def test_a_signature_of_another_entry_does_not_hold(tmp_path: Path) -> None:
    private, public = write_key(tmp_path, "steward")
    with Ledger.init(tmp_path / "ledger.db", 1.0, sign_key=private) as ledger:
        ledger.reserve("population", Cost(1), request_id="run", plan_hash="plan")
        first, second = ledger._store.entries()
    verifier = Verifier.load(public)
    assert verifier.holds(first)
    assert not verifier.holds(replace(first, signature=second.signature))
    assert not verifier.holds(replace(first, hash=second.hash))
    for signature in ("", "x", first.signature[:-8], first.signature.split(":")[0] + ":????"):
        assert not verifier.holds(replace(first, signature=signature))


def test_what_is_no_key(tmp_path: Path) -> None:
    private, public = write_key(tmp_path, "steward")
    locked, curve, text = tmp_path / "locked.pem", tmp_path / "curve.pem", tmp_path / "text.pem"
    key = Ed25519PrivateKey.generate()
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    other = generate_private_key(SECP256R1())
    curve.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    text.write_text("no key")
    for path in (locked, curve, text, public, tmp_path / "absent.pem"):
        with pytest.raises(LedgerError, match="key"):
            Signer.load(path)
    for path in (private, text, tmp_path):
        with pytest.raises(LedgerError, match="key"):
            Verifier.load(path)
