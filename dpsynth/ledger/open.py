"""Opening a ledger that exists, by its address."""

from __future__ import annotations

from pathlib import Path

from dpsynth.ledger.address import open_store
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.signing import Signer


def open_ledger(address: str | Path, *, sign_key: str | Path | None = None) -> Ledger:
    """The ledger at `address`: a path, sqlite:///PATH or postgresql://... sign_key: PEM file that signs new entries.

    Raises LedgerError when there is none.
    """
    signer = None if sign_key is None else Signer.load(sign_key)
    return Ledger(open_store(address), address=str(address), signer=signer)
