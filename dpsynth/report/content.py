"""What a report is made of, gathered from a release directory and from the evidence about it.

Two editions. The public one is built from the directory and from public evidence alone, by code that cannot reach a
private row. The steward's may join the steward's audit, whose numbers were computed from private rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dpsynth.errors import ReleaseError
from dpsynth.models.bayes_net import BayesNet
from dpsynth.release.bundle import FILES, MANIFEST
from dpsynth.release.certificate import Certificate, utc_now
from dpsynth.release.directory import Directory
from dpsynth.release.public_audit import AUDIT
from dpsynth.release.release import Release, load
from dpsynth.report.evidence import MAX_BYTES, Audit, Document, read_audit
from dpsynth.report.fidelity import Fidelity, fidelity
from dpsynth.report.gate import Gate, read_gate
from dpsynth.schema.columns import Identifier

Edition = Literal["steward", "public"]

GATE, ATTESTATION = "gate.json", "attestation.json"
MOST_DRAWN = 60
"""A network of more columns than this is not drawn: nobody could read it."""


@dataclass(frozen=True)
class File:
    """One file that the report rests on: its size and its SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Content:
    """Everything that a page shows, public unless the edition is the steward's.

    columns: of the synthetic table. files: of the release, as its manifest says. manifest: SHA-256 of the manifest,
    which stands for the whole release. evidence: documents that lie beside it. drawing: SVG of the model, or None.
    made: UTC date and time of this report.
    """

    edition: Edition
    certificate: Certificate
    columns: tuple[str, ...]
    files: tuple[File, ...]
    manifest: str
    evidence: tuple[File, ...]
    fidelity: Fidelity | None
    drawing: str | None
    audit: Audit | None
    gate: Gate | None
    made: str


def gather(
    directory: Path,
    *,
    edition: Edition = "public",
    audit: Path | None = None,
    gate: Path | None = None,
    compare: bool = True,
) -> Content:
    """Read a release and the evidence about it; nothing else is opened.

    audit, gate: documents; without them those that lie in the directory are taken. compare: set the synthetic table
    beside the noisy counts. Raises ReleaseError when a file is not what it should be, when evidence is about another
    release, and when a public report is given a steward's audit.
    """
    release = load(directory)
    stored = Directory(directory)
    digests = stored.digests()
    audited = _evidence(stored, audit, AUDIT, "audit")
    judged = _evidence(stored, gate, GATE, "gate")
    signed = _evidence(stored, None, ATTESTATION, "attestation")
    found = None if audited is None else read_audit(audited, digests["synthetic.parquet"])
    if found is not None and audited is not None:
        _refuse_private(found, edition, audited.name)
        _require_same(found, release, audited.name)
    return Content(
        edition=edition,
        certificate=release.certificate,
        columns=release.schema.names,
        files=tuple(File(name, stored.size(name), digests[name]) for name in FILES),
        manifest=digests[MANIFEST],
        evidence=tuple(File(each.name, len(each.content), each.sha256) for each in (audited, judged, signed) if each),
        fidelity=fidelity(release) if compare else None,
        drawing=_drawing(release),
        audit=found,
        gate=None if judged is None else read_gate(judged, manifest=digests[MANIFEST]),
        made=utc_now(),
    )


def _evidence(stored: Directory, given: Path | None, name: str, what: str) -> Document | None:
    """The document that was handed in, else the one that lies in the directory, else None."""
    if given is not None:
        return Document.at(given, what)
    content = stored.evidence(name, MAX_BYTES)
    return None if content is None else Document.of(name, content)


def _refuse_private(audit: Audit, edition: Edition, name: str) -> None:
    if edition == "public" and audit.edition != "public":
        raise ReleaseError(
            f"audit ({name}) must be the public edition in a public report; got the steward's;"
            " try --steward, or the file that `dpsynth audit --public` wrote"
        )


def _require_same(audit: Audit, release: Release, name: str) -> None:
    """The audit speaks of this table and of this promise."""
    identity, claim, promise = audit.identity, audit.claim, release.certificate.promise
    audited = tuple(column.name for column in release.schema.columns if not isinstance(column, Identifier))
    if identity.rows != release.rows or identity.columns != audited:
        raise ReleaseError(f"audit ({name}) must be of this release; got one of another table")
    if not claim.made or (claim.epsilon, claim.delta) != (promise.epsilon, promise.delta):
        raise ReleaseError(f"audit ({name}) must have tested this release's promise; got one of another claim")


def _drawing(release: Release) -> str | None:
    model = release.model
    return model.to_svg() if isinstance(model, BayesNet) and len(model.order) <= MOST_DRAWN else None
