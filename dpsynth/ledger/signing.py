"""Signatures of entries: Ed25519 over the hash, so that only the holder of a key can write a chain anew."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.errors import LedgerError
from dpsynth.ledger.entry import Entry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True)
class Signer:
    """A private key that signs entries as they are written."""

    key: Ed25519PrivateKey

    @classmethod
    def load(cls, path: str | Path) -> Signer:
        """The Ed25519 private key in a PEM file without a password. Raises LedgerError on anything else."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(_read(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise LedgerError(_not_a_key(path, "private"))
        return cls(key)

    def sign(self, entry_hash: str) -> str:
        """The signature field of the entry with that hash."""
        signature = self.key.sign(bytes.fromhex(entry_hash))
        return f"{key_id(self.key.public_key())}:{base64.b64encode(signature).decode('ascii')}"


@dataclass(frozen=True)
class Verifier:
    """A public key that tells whether entries were signed by its private half."""

    key: Ed25519PublicKey

    @classmethod
    def load(cls, path: str | Path) -> Verifier:
        """The Ed25519 public key in a PEM file. Raises LedgerError on anything else."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(_read(path))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise LedgerError(_not_a_key(path, "public"))
        return cls(key)

    def holds(self, entry: Entry) -> bool:
        """Whether the entry's signature is this key's, over its hash."""
        from cryptography.exceptions import InvalidSignature

        signer, _, signature = entry.signature.partition(":")
        if signer != key_id(self.key):
            return False
        try:
            self.key.verify(base64.b64decode(signature, validate=True), bytes.fromhex(entry.hash))
        except (InvalidSignature, ValueError):
            return False
        return True


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of SHA-256 of the 32 bytes of a public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise LedgerError(f"key ({path}) must be a file that can be read; got none; try another path") from None


def _not_a_key(path: str | Path, half: str) -> str:
    made = "openssl genpkey -algorithm ed25519" if half == "private" else "openssl pkey -pubout"
    return f"key ({path}) must be an Ed25519 {half} key in PEM, without a password; got something else; try `{made}`"
