"""Ed25519 keys in PEM files: made, read, and named by the SHA-256 of their public half.

Releases and ledgers are signed with the same kind of key, and know it by the same name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.errors import SettingError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAX_KEY_BYTES = 1 << 16


def new_key_pair(path: Path | str) -> Path:
    """Make a key pair: the private key at `path`, for its owner alone, and the public one beside it.

    Returns the path of the public key: `key.pem` has `key.pub.pem`. The private key is not encrypted.
    Raises SettingError when either file is there already or cannot be written: no key is ever replaced.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private_path = Path(path)
    public_path = private_path.with_name(f"{private_path.stem}.pub{private_path.suffix or '.pem'}")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_new(private_path, secret, 0o600)
    try:
        _write_new(public_path, public, 0o644)
    except SettingError:
        private_path.unlink()
        raise
    return public_path


def read_private_key(path: Path | str, passphrase: str | None = None) -> Ed25519PrivateKey:
    """The Ed25519 private key in a PEM file (PKCS #8); raises SettingError on anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secret = None if passphrase is None else passphrase.encode()
    try:
        key = load_pem_private_key(_content(path), secret)
    except TypeError:
        wanted = "a passphrase, for it is encrypted" if passphrase is None else "no passphrase, for it is not encrypted"
        raise SettingError(f"key ({path}) must be read with {wanted}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingError(f"key ({path}) must be an Ed25519 private key in PEM; try dpsynth sign --new-key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"key ({path}) must be an Ed25519 key; got another kind; try dpsynth sign --new-key")
    return key


def read_public_key(path: Path | str) -> Ed25519PublicKey:
    """The Ed25519 public key in a PEM file; raises SettingError on anything else, a private key included."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _content(path)
    if b"PRIVATE KEY" in content:
        raise SettingError(f"key ({path}) must be the public key; got a private one; try the .pub.pem file beside it")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise SettingError(f"key ({path}) must be an Ed25519 public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SettingError(f"key ({path}) must be an Ed25519 key; got another kind")
    return key


def public_keys(given: Iterable[Path | str | Ed25519PublicKey]) -> dict[str, Ed25519PublicKey]:
    """Public keys by their name; each is given as it is or by its PEM file. Raises SettingError as above."""
    keys = [read_public_key(each) if isinstance(each, str | Path) else each for each in given]
    return {key_id(each): each for each in keys}


def key_id(key: Ed25519PublicKey) -> str:
    """The name of a key: SHA-256 of its SubjectPublicKeyInfo in DER, 64 hexadecimal digits."""
    from cryptography.hazmat.primitives import serialization

    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def _content(path: Path | str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingError(f"key ({path}) must be a readable file; got: {reason}") from None
    if len(content) > _MAX_KEY_BYTES:
        raise SettingError(f"key ({path}) must be a PEM file; got a larger file")
    return content


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist, with these rights from its first moment."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise SettingError(f"new key ({path}) must not exist; got a file there; try another name") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingError(f"new key ({path}) must be in a writable folder; got: {reason}") from None
