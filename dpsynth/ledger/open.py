"""Opening a ledger that exists, by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.keys import read_private_key
from dpsynth.ledger.address import open_store
from dpsynth.ledger.ledger import Ledger

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def open_ledger(address: str | Path, *, sign_key: str | Path | Ed25519PrivateKey | None = None) -> Ledger:
    """The ledger at `address`: a path, sqlite:///PATH or postgresql://...

    sign_key: signs new entries; a private key, or its PEM file.

    Raises LedgerError when there is none, and SettingError when the key cannot be read.
    """
    key = read_private_key(sign_key) if isinstance(sign_key, str | Path) else sign_key
    return Ledger(open_store(address), address=str(address), sign_key=key)
