"""What a gate may look at: one release directory, what lies beside it, and the ledger; each read when first asked for.

Evidence that is missing or cannot be verified is `Unavailable`: the rule that needs it is undecided, and never passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dpsynth.errors import DPSynthError, LedgerError, ReleaseError
from dpsynth.release.bundle import MANIFEST
from dpsynth.release.certificate import Certificate
from dpsynth.release.directory import Directory
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from dpsynth.gate.policy import Policy
    from dpsynth.ledger.balance import Reservation
    from dpsynth.ledger.ledger import Ledger
    from dpsynth.release.certificate import LedgerRecord
    from dpsynth.release.release import Release
    from dpsynth.release.verify import Verification

Status = Literal["pass", "fail", "undecided", "waived"]


class Unavailable(Exception):
    """Evidence is missing or cannot be verified; its words say which."""


@dataclass(frozen=True)
class Outcome:
    """What one rule found: its status, why in one sentence, and the public facts behind it."""

    status: Status
    words: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Case:
    """One release before the gate: the policy, the day, and the evidence.

    public_keys: of those whose signatures are accepted, as PEM files or as keys. ledger: its address, or None.
    sign_key: PEM file of the private key that signs what the gate writes to the ledger.

    Raises SettingError when a key cannot be read.
    """

    def __init__(
        self,
        path: Path,
        policy: Policy,
        at: date,
        *,
        ledger: str | None = None,
        public_keys: Sequence[Path | str | Ed25519PublicKey] = (),
        sign_key: Path | str | None = None,
    ) -> None:
        from dpsynth.keys import public_keys as by_name
        from dpsynth.keys import read_private_key

        self.path, self.policy, self.at, self.ledger = path, policy, at, ledger
        self.keys = by_name(public_keys)
        self.sign_key = None if sign_key is None else read_private_key(sign_key)

    @cached_property
    def directory(self) -> Directory:
        """The release directory with its manifest as it was first read. Unavailable when there is no release."""
        if not (self.path / MANIFEST).exists():
            raise Unavailable(f"no release is in the directory: {MANIFEST} is not there")
        return Directory(self.path)

    @cached_property
    def verification(self) -> Verification:
        """Every check of files, arithmetic, audit and signature, by the key that is said to have signed."""
        from dpsynth.release.verify import verify

        return verify(self.path, self._signer, thorough=False)

    @property
    def _signer(self) -> Ed25519PublicKey | None:
        """Of the keys handed in, the one that the attestation names; any other shows that none of them fits."""
        from dpsynth.release.attestation import ATTESTATION, MAX_ATTESTATION_BYTES
        from dpsynth.release.envelope import open_envelope

        first = next(iter(self.keys.values()), None)
        try:
            content = self.directory.evidence(ATTESTATION, MAX_ATTESTATION_BYTES) if self.keys else None
            return first if content is None else self.keys.get(open_envelope(content, ATTESTATION).keyid, first)
        except ReleaseError:  # verify says what is wrong with it
            return first

    @cached_property
    def certificate(self) -> Certificate:
        """The certificate, from bytes that the manifest knows."""
        return Certificate.from_json(self.directory.document("certificate.json"))

    @cached_property
    def schema(self) -> Schema:
        """The schema, from bytes that the manifest knows; `verification` compared it with certificate and table."""
        return Schema.from_json(self.directory.document("model.json")["schema"])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Column names of the synthetic table, of its files and of its schema."""
        import csv
        import io

        with self.directory.checked("synthetic.csv") as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            header = next(csv.reader(text), [])
            text.detach()
        return tuple(dict.fromkeys([*self.schema.names, *header]))

    @cached_property
    def audit_content(self) -> bytes | None:
        """The bytes of the audit beside the release, or None."""
        from dpsynth.release.public_audit import AUDIT, MAX_AUDIT_BYTES

        return self.directory.evidence(AUDIT, MAX_AUDIT_BYTES)

    @property
    def audit_sha256(self) -> str | None:
        """SHA-256 of the audit beside the release, or None."""
        return None if self.audit_content is None else hashlib.sha256(self.audit_content).hexdigest()

    @cached_property
    def audit(self) -> dict[str, Any]:
        """The public audit of this table. Unavailable when there is none; ReleaseError when it is another thing."""
        from dpsynth.release.public_audit import read_public_audit

        if self.audit_content is None:
            raise Unavailable("no audit lies beside the release; try dpsynth audit --public DIR/audit.json")
        return read_public_audit(self.audit_content, self.directory.digests()["synthetic.parquet"])

    @cached_property
    def release(self) -> Release:
        """The whole release with model and measurements; the synthetic table stays on the disk."""
        from dpsynth.release.release import load

        return load(self.path)

    def still_the_same(self) -> bool:
        """Whether manifest and audit are now what they were at first: nobody put another release here meanwhile."""
        from dpsynth.release.public_audit import AUDIT, MAX_AUDIT_BYTES

        try:
            now = Directory(self.path)
            audit = now.evidence(AUDIT, MAX_AUDIT_BYTES)
        except DPSynthError:
            return False
        return now.digests() == self.directory.digests() and audit == self.audit_content

    def charge(self, record: LedgerRecord, keys: Sequence[Ed25519PublicKey] = ()) -> Charge:
        """What the ledger that was handed in says about the charge that a certificate names.

        keys: where there are any, each entry must be signed by one of them.

        Unavailable when none was handed in or it cannot be read; its words name no address, which may hold a password.
        """
        from dpsynth.ledger.open import open_ledger

        if self.ledger is None:
            raise Unavailable("the certificate names a ledger, and none was handed in; try --ledger")
        try:
            with open_ledger(self.ledger) as ledger:
                return _charge(ledger, record, keys)
        except DPSynthError:
            raise Unavailable("the ledger could not be opened or read; try `dpsynth ledger verify`") from None


@dataclass(frozen=True)
class Charge:
    """What a ledger says of one charge: what is wrong with the ledger, and the reservation, if it knows it."""

    faults: tuple[str, ...]
    reservation: Reservation | None


def _charge(ledger: Ledger, record: LedgerRecord, keys: Sequence[Ed25519PublicKey]) -> Charge:
    """The chain checked from its first entry to its last, with the two entries that the certificate knows."""
    known = [(record.ledger_id, record.head_seq, record.head_hash), (record.ledger_id, record.seq, record.hash)]
    faults = tuple(fault.message for fault in ledger.verify(known, keys=keys))
    if faults:  # nothing that it says about a request means anything
        return Charge(faults, None)
    try:
        return Charge((), ledger.reservation(record.request_id))
    except LedgerError:
        return Charge((), None)
