"""Verifying a release offline: files, arithmetic, metadata, signature and audit, each by name.

Everything is judged from the bytes that were hashed. Without a public key nothing here finds a forger, who can
write another manifest; with one, no byte of a file that the attestation names can be changed unseen.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dpsynth.errors import DPSynthError, ReleaseError
from dpsynth.fairness import Fairness
from dpsynth.keys import key_id, read_public_key
from dpsynth.models.model import read_model
from dpsynth.release import metadata
from dpsynth.release.arrays import MAX_BYTES, from_npz
from dpsynth.release.attestation import (
    ATTESTATION,
    MAX_ATTESTATION_BYTES,
    PAYLOAD_TYPE,
    contradictions,
    read_statement,
)
from dpsynth.release.bundle import EVIDENCE, FILES, MANIFEST, digest_of
from dpsynth.release.certificate import Certificate, public_items
from dpsynth.release.directory import MAX_DOCUMENT_BYTES, Directory
from dpsynth.release.envelope import Envelope, open_envelope
from dpsynth.release.fair import unfairness
from dpsynth.release.measurements import from_files
from dpsynth.release.plain_words import plain_words
from dpsynth.release.public_audit import AUDIT, MAX_AUDIT_BYTES, read_public_audit
from dpsynth.release.tables import date_formats, parquet_parts, write_csv

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from dpsynth.schema.schema import Schema

Status = Literal["pass", "fail", "absent"]

PASSED, FAILED, UNSIGNED = 0, 1, 2
CHECKS = (
    "manifest",
    "files",
    "no other files",
    "certificate",
    "epsilon",
    "dp-accounting",
    "same release",
    "metadata",
    "audit",
    "attestation",
    "signature",
)
"""Names of the checks, in the order in which they are made."""

_SLACK = 1 + 1e-6  # of a probability that two programs compute in two ways


@dataclass(frozen=True)
class Check:
    """One check: its name (of `CHECKS`), what came out, and why, in words.

    status: "pass"; "fail"; "absent" when there was nothing to check, or nothing to check it with.
    """

    name: str
    status: Status
    words: str


@dataclass(frozen=True)
class Verification:
    """What was checked of a release, in the order of `CHECKS`.

    key: name of the public key that was given, or None. signed: names of the files whose bytes its signature
    covers; empty unless the signature and all that it speaks of passed. unsigned: names of the files that are
    there and not covered.
    """

    checks: tuple[Check, ...]
    key: str | None
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed and, where a key was given, its signature verified."""
        return self.exit_code == PASSED

    @property
    def exit_code(self) -> int:
        """0 passed; 1 a check failed; 2 a key was given, but there is no attestation."""
        if any(check.status == "fail" for check in self.checks):
            return FAILED
        return PASSED if self.key is None or self["signature"].status == "pass" else UNSIGNED

    def __getitem__(self, name: str) -> Check:
        return {check.name: check for check in self.checks}[name]

    def to_json(self) -> dict[str, Any]:
        """The verification as plain JSON values."""
        return {"passed": self.passed, "exit_code": self.exit_code, **asdict(self)}


def verify(
    path: Path | str, public_key: Path | str | Ed25519PublicKey | None = None, *, thorough: bool = True
) -> Verification:
    """Check a release directory, and its attestation by a public key (a PEM file, or the key itself).

    thorough: let dp-accounting, where it is installed, recompute the promise too (half a second), and compare the rows
    of the CSV with those of the Parquet file (seconds for a million), and the model with the fairness that the
    certificate names; whoever signs has done so.

    Never raises for what is in the directory: that is a check that failed. Raises ReleaseError when `path` is no
    directory, and SettingError when the key cannot be read.
    """
    key = read_public_key(public_key) if isinstance(public_key, str | Path) else public_key
    if not Path(path).is_dir():
        raise ReleaseError(f"release ({path}) must be a directory; got none there; try the path given to --out")
    return _Verifier(Path(path), key, thorough).verification()


class _Verifier:
    """One verification under way: the checks made so far, and what they read."""

    def __init__(self, path: Path, key: Ed25519PublicKey | None, thorough: bool) -> None:
        self.path, self.key, self.thorough = path, key, thorough
        self.checks: list[Check] = []
        self.directory: Directory | None = None
        self.certificate: Certificate | None = None
        self.audit: dict[str, Any] | None = None
        self.audit_digest = ""
        self.envelope: Envelope | None = None

    def verification(self) -> Verification:
        steps: dict[str, Callable[[], tuple[Status, str]]] = {
            "manifest": self._manifest,
            "files": self._files,
            "no other files": self._no_other_files,
            "certificate": self._certificate,
            "epsilon": self._epsilon,
            "dp-accounting": self._dp_accounting,
            "same release": self._same_release,
            "metadata": self._metadata,
            "audit": self._audit,
            "attestation": self._attestation,
            "signature": self._signature,
        }
        for name in CHECKS:
            try:
                self.checks.append(Check(name, *steps[name]()))
            except DPSynthError as error:
                self.checks.append(Check(name, "fail", str(error)))
            except OSError as error:
                self.checks.append(Check(name, "fail", f"the files must be readable; got: {error.strerror}"))
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
                # Numbers or shapes that nobody foresaw: what cannot be judged has not passed.
                self.checks.append(
                    Check(name, "fail", f"it must be such that it can be checked; got {type(error).__name__}")
                )
        signed = self._signed()
        there = [name for name in (MANIFEST, *FILES, *EVIDENCE) if (self.path / name).exists()]
        return Verification(
            tuple(self.checks),
            key=None if self.key is None else key_id(self.key),
            signed=signed,
            unsigned=tuple(name for name in there if name not in {*signed, ATTESTATION}),
        )

    def _signed(self) -> tuple[str, ...]:
        found = {check.name: check.status for check in self.checks}
        if self.directory is None or not found["files"] == found["attestation"] == found["signature"] == "pass":
            return ()
        return (*self.directory.digests(), *([] if self.audit is None else [AUDIT]))

    def _manifest(self) -> tuple[Status, str]:
        self.directory = Directory(self.path)
        return "pass", f"{MANIFEST} lists the files of a release"

    def _files(self) -> tuple[Status, str]:
        faults = []
        for name in FILES:
            try:
                with self._read.checked(name):
                    pass
            except ReleaseError as error:
                faults.append(str(error))
        return ("fail", "; ".join(faults)) if faults else ("pass", f"each is as {MANIFEST} says")

    def _no_other_files(self) -> tuple[Status, str]:
        strays = self._read.strays()
        shown = ", ".join(map(repr, strays[:5])) + (f" and {len(strays) - 5} more" if len(strays) > 5 else "")
        return ("fail", f"got {shown}, which are no part of a release") if strays else ("pass", "none is there")

    def _certificate(self) -> tuple[Status, str]:
        self.certificate = Certificate.from_json(self._read.document("certificate.json"))
        return "pass", "it is whole, and what the mechanisms cost is within the grant and the promise"

    def _epsilon(self) -> tuple[Status, str]:
        from dpsynth.privacy.calibration import Guarantee

        promise = self._certified.promise
        found = Guarantee(promise.mu, promise.delta0).epsilon(promise.delta)
        right = found <= promise.epsilon * (1 + 1e-9)
        words = f"{found:.6g} at delta {promise.delta:g} follows from mu {promise.mu:.6g}; promised {promise.epsilon:g}"
        return ("pass" if right else "fail"), words

    def _dp_accounting(self) -> tuple[Status, str]:
        promise = self._certified.promise
        if not self.thorough:
            return "absent", "not asked for: the epsilon was recomputed by dpsynth alone"
        delta = _delta_by_dp_accounting(promise.mu, promise.epsilon)
        if delta is None:
            return "absent", "dp-accounting is not installed: the epsilon was recomputed by dpsynth alone"
        found = promise.delta0 + (1 - promise.delta0) * delta
        words = f"dp-accounting finds delta {found:.4g} at epsilon {promise.epsilon:g}; promised {promise.delta:g}"
        return ("pass" if found <= promise.delta * _SLACK else "fail"), words

    def _same_release(self) -> tuple[Status, str]:
        """Whether certificate, schema, model and table speak of one release."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        certificate, schema = self._certified, self._schema()
        with self._read.checked("synthetic.parquet") as stream:
            try:
                table = pq.read_metadata(stream)
            except (pa.ArrowException, OSError, ValueError) as error:
                kind = type(error).__name__
                raise ReleaseError(f"synthetic.parquet must be a readable Parquet file; got {kind}") from None
        faults = {
            "the certificate and synthetic.parquet have other rows": table.num_rows != certificate.rows,
            "schema.yaml and synthetic.parquet have other columns": tuple(table.schema.names) != schema.names,
            "the certificate and schema.yaml name other public facts": (
                certificate.public_metadata != public_items(schema)
            ),
            "model.json and schema.yaml hold other schemas": (
                self._read.document("model.json").get("schema") != schema.to_json()
            ),
        }
        found = [words for words, wrong in faults.items() if wrong]
        if self._read.read("certificate.txt", MAX_DOCUMENT_BYTES) != plain_words(certificate).encode():
            found.append("certificate.txt does not say what certificate.json says")
        unfair = self._unfairness(schema) if self.thorough and certificate.settings.get("fairness") else None
        if unfair is not None:
            found.append(f"the model is not as fair as the certificate says: {unfair}")
        if self.thorough and not found and not self._same_rows(certificate.rows, schema):
            found.append("synthetic.csv and synthetic.parquet hold other rows")
        if found:
            return "fail", "; ".join(found)
        return "pass", "certificate, schema, model and table agree on columns, rows and public facts"

    def _unfairness(self, schema: Schema) -> str | None:
        """What speaks against the fairness that the certificate names, in the measurements and in the model itself."""
        fairness = Fairness.read(self._certified.settings["fairness"])
        measured = from_files(self._read.document("measurements.json"), self._read.read("measurements.npz", MAX_BYTES))
        arrays = from_npz(self._read.read("model.npz", MAX_BYTES), file="model.npz")
        model = read_model(self._read.document("model.json")["model"], arrays)
        return unfairness(fairness, schema.constraints, measured, model)

    def _same_rows(self, rows: int, schema: Schema) -> bool:
        """Whether the CSV is what the Parquet table is written as, with formulas quoted or not."""
        import tempfile

        content = self._read.read("synthetic.parquet", self._read.size("synthetic.parquet"))
        with self._read.checked("synthetic.csv") as stream:
            given = digest_of(stream)
        for quoted in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                fresh = Path(folder) / "synthetic.csv"
                parts = parquet_parts(io.BytesIO(content), rows=rows, columns=schema.names)
                write_csv(parts, fresh, formats=date_formats(schema), quote_formulas=quoted)
                with fresh.open("rb") as stream:
                    if digest_of(stream) == given:
                        return True
        return False

    def _schema(self) -> Schema:
        """The schema in the very bytes of schema.yaml that were hashed."""
        from dpsynth.schema.files import FILE_LIMIT_BYTES
        from dpsynth.schema.schema import Schema
        from dpsynth.schema.text import from_yaml_text

        document, _, problems = from_yaml_text(self._read.read("schema.yaml", FILE_LIMIT_BYTES).decode())
        if problems or not isinstance(document, dict):
            raise ReleaseError("schema.yaml must be a schema file; got something else")
        return Schema.from_json(document)

    def _metadata(self) -> tuple[Status, str]:
        documents = {name: self._read.document(name) for name in metadata.NAMES}
        wrong = metadata.wrong_digests(documents, self._read.digests())
        if wrong:
            return "fail", f"{', '.join(wrong)} must hold the digests of this release's files; got others"
        return "pass", f"{', '.join(metadata.NAMES)} hold the digests of this release's files"

    def _audit(self) -> tuple[Status, str]:
        content = self._read.evidence(AUDIT, MAX_AUDIT_BYTES)
        if content is None:
            return "absent", f"no {AUDIT} lies beside the release"
        self.audit = read_public_audit(content, self._read.digests()["synthetic.parquet"])
        self.audit_digest = hashlib.sha256(content).hexdigest()
        return "pass", f"a public audit of this table; its verdict: {self.audit['verdict']}"

    def _attestation(self) -> tuple[Status, str]:
        """Whether the attestation names exactly these files, and states what the certificate and the audit state."""
        content = self._read.evidence(ATTESTATION, MAX_ATTESTATION_BYTES)
        if content is None:
            return "absent", f"no {ATTESTATION} lies beside the release"
        self.envelope = open_envelope(content, ATTESTATION)
        if self.envelope.payload_type != PAYLOAD_TYPE:
            raise ReleaseError(f"{ATTESTATION} must hold a payload of type {PAYLOAD_TYPE}; got another")
        subjects, stated = read_statement(self.envelope.payload)
        expected = self._read.digests() | ({} if self.audit is None else {AUDIT: self.audit_digest})
        others = sorted(name for name in {*subjects, *expected} if subjects.get(name) != expected.get(name))
        if others:
            return "fail", f"it speaks of other files than those here: {', '.join(map(repr, others[:5]))}"
        if wrong := contradictions(stated, self._certified, self.audit):
            return "fail", f"it contradicts the certificate or the audit: {', '.join(map(repr, wrong[:5]))}"
        return "pass", "it names exactly these files, and states what the certificate and the audit state"

    def _signature(self) -> tuple[Status, str]:
        if self.envelope is None:
            there = self.checks[-1].status == "fail"
            return ("fail", "no signature could be read") if there else ("absent", "the release is not signed")
        if self.key is None:
            return "absent", f"not checked, for no key was given; it is said to be by key {self.envelope.keyid[:16]}..."
        if not self.envelope.signed_by(self.key):
            return "fail", f"it is not by the key that was given ({key_id(self.key)[:16]}...), or not of this statement"
        return "pass", f"by the key that was given ({key_id(self.key)[:16]}...)"

    @property
    def _read(self) -> Directory:
        if self.directory is None:
            raise ReleaseError(f"not checked, for {MANIFEST} could not be read")
        return self.directory

    @property
    def _certified(self) -> Certificate:
        if self.certificate is None:
            raise ReleaseError("not checked, for the certificate could not be read")
        return self.certificate


def _delta_by_dp_accounting(mu: float, epsilon: float) -> float | None:
    """delta of mu-GDP at epsilon by another program, dp-accounting; None where it is not installed."""
    if mu == 0:
        return 0.0
    try:
        from dp_accounting.pld.privacy_loss_mechanism import GaussianPrivacyLoss
    except ImportError:
        return None
    with np.errstate(all="ignore"):  # at sizes beyond all use it divides by zero; NaN is no pass
        return float(GaussianPrivacyLoss(1 / mu).get_delta_for_epsilon(epsilon))
