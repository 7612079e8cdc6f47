"""Keys: made for their owner alone, never replaced, and read only when they are what they should be."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpsynth.errors import SettingError
from dpsynth.keys import key_id, new_key_pair, read_private_key, read_public_key


def test_a_new_pair_belongs_together_and_is_private(tmp_path: Path) -> None:
    public = new_key_pair(tmp_path / "key.pem")
    assert public == tmp_path / "key.pub.pem"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    private = read_private_key(tmp_path / "key.pem")
    assert key_id(private.public_key()) == key_id(read_public_key(public))
    assert b"PRIVATE" not in public.read_bytes()


def test_keys_differ_and_keep_their_names(tmp_path: Path) -> None:
    names = {key_id(read_public_key(new_key_pair(tmp_path / f"{each}.pem"))) for each in range(5)}
    assert len(names) == 5
    fixed = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    raw = bytes.fromhex("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29")
    assert key_id(fixed) == hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + raw).hexdigest()


@pytest.mark.parametrize("taken", ["key.pem", "key.pub.pem"])
def test_no_key_is_replaced(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(SettingError, match="must not exist"):
        new_key_pair(tmp_path / "key.pem")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(taken, "mine")]


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="writable folder"):
        new_key_pair(tmp_path / "nowhere" / "key.pem")


def _pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    secret: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        secret = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(_pem(Ed25519PrivateKey.generate(), b"open"))
    assert read_private_key(path, "open")
    with pytest.raises(SettingError, match="a passphrase, for it is encrypted"):
        read_private_key(path)
    with pytest.raises(SettingError):
        read_private_key(path, "other")
    path.write_bytes(_pem(Ed25519PrivateKey.generate()))
    with pytest.raises(SettingError, match="no passphrase"):
        read_private_key(path, "open")


def test_other_files_are_no_keys(tmp_path: Path) -> None:
    public = new_key_pair(tmp_path / "key.pem")
    curve = ec.generate_private_key(ec.SECP256R1())
    shown = curve.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for content in (b"", b"-----BEGIN PUBLIC KEY-----", public.read_bytes()[:60], b"x" * 70_000, _pem(curve), shown):
        (tmp_path / "other.pem").write_bytes(content)
        for read in (read_private_key, read_public_key):
            with pytest.raises(SettingError):
                read(tmp_path / "other.pem")
    with pytest.raises(SettingError, match="got a private one"):
        read_public_key(tmp_path / "key.pem")
    with pytest.raises(SettingError, match="private key in PEM"):
        read_private_key(public)
    with pytest.raises(SettingError, match="readable file"):
        read_public_key(tmp_path / "nowhere.pem")
