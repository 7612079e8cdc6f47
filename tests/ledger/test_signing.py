"""Signed entries: only the holder of the key can write a chain anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from dpsynth.errors import SettingError
from dpsynth.keys import key_id, read_public_key
from dpsynth.ledger import Ledger, open_ledger
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
    key = read_public_key(public)
    assert first.signed_by(key)
    assert not replace(first, signature=second.signature).signed_by(key)
    assert not replace(first, hash=second.hash).signed_by(key)
    for signature in ("", "x", first.signature[:-8], first.signature.split(":")[0] + ":????"):
        assert not replace(first, signature=signature).signed_by(key)


def test_a_key_has_one_name_in_ledgers_and_releases(tmp_path: Path) -> None:
    private, public = write_key(tmp_path, "steward")
    with Ledger.init(tmp_path / "ledger.db", 1.0, sign_key=private) as ledger:
        (entry,) = ledger._store.entries()
    name, _, signature = entry.signature.partition(":")
    assert name == key_id(read_public_key(public))
    # A shorter name of the same key is another name: nothing that a policy lists would fit it.
    assert not replace(entry, signature=f"{name[:16]}:{signature}").signed_by(read_public_key(public))


def test_what_is_no_key_makes_no_ledger(tmp_path: Path) -> None:
    """What a key is: tests/test_keys.py."""
    private, public = write_key(tmp_path, "steward")
    with pytest.raises(SettingError, match="key"):
        Ledger.init(tmp_path / "ledger.db", 1.0, sign_key=public)
    assert not (tmp_path / "ledger.db").exists()
    with Ledger.init(tmp_path / "ledger.db", 1.0, sign_key=private) as ledger, pytest.raises(SettingError, match="key"):
        ledger.verify(keys=[private])
