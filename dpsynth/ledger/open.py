"""Opening a ledger that exists, by its address."""

from __future__ import annotations

from pathlib import Path

from dpsynth.keys import read_private_key
from dpsynth.ledger.address import open_store
from dpsynth.ledger.ledger import Ledger


def open_ledger(address: str | Path, *, sign_key: str | Path | None = None) -> Ledger:
    """The ledger at `address`: a path, sqlite:///PATH or postgresql://... sign_key: PEM file that signs new entries.

    Raises LedgerError when there is none, and SettingError when the key cannot be read.
    """
    key = None if sign_key is None else read_private_key(sign_key)
    return Ledger(open_store(address), address=str(address), sign_key=key)
