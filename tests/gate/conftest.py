"""One release with ledger, audit and signature that fulfils the strict policy, and ways to spoil a copy of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dpsynth
from attacks.report.document import AuditReport
from attacks.report.records import AuditedClaim, Control, FindingRecord, Identity, Levels
from attacks.report.words import PUBLIC_REASONS
from dpsynth.gate.decision import Decision, decide
from dpsynth.gate.policy import Policy, default_policy
from dpsynth.keys import key_id, new_key_pair, read_private_key
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.privacy.calibration import Guarantee
from dpsynth.release.bundle import MANIFEST
from dpsynth.release.certificate import LedgerRecord, Promise, Spending
from dpsynth.release.directory import Directory
from dpsynth.release.release import Release
from dpsynth.release.signing import sign
from dpsynth.schema.text import to_yaml_text

AT = date(2030, 6, 1)
ATTACKS = ("copies", "calibrated-distance", "marginals")


def release_of(seed: int, **charged: Any) -> Release:
    """A release of a table drawn with this seed."""
    rng = np.random.default_rng(seed)
    table = {name: rng.integers(0, 4, 1500) for name in "abc"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(4), source="codebook 2019") for name in table])
    return dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="independent", **charged)


@dataclass
class World:
    """A folder with `release`, `ledger.db`, `key.pem` and `key.pub.pem`."""

    place: Path
    made: Release

    @property
    def directory(self) -> Path:
        return self.place / "release"

    @property
    def public_key(self) -> Path:
        return self.place / "key.pub.pem"

    def decide(self, policy: Policy | None = None, **changes: Any) -> Decision:
        given = {"ledger": self.place / "ledger.db", "public_keys": [self.public_key], "at": AT, **changes}
        return decide(self.directory, policy or default_policy(AT), **given)

    def save(self, **certificate: Any) -> None:
        """Write the release anew, its certificate changed, with an audit and a signature that fit it."""
        made = replace(self.made, certificate=replace(self.made.certificate, **certificate))
        shutil.rmtree(self.directory, ignore_errors=True)
        made.save(self.directory)
        self.audit()

    def save_under_its_charge(self, seed: int) -> None:
        """Put the release of another run, which no ledger knows, in the place of this one, with its charge."""
        other = release_of(seed)
        self.made = replace(other, certificate=replace(other.certificate, ledger=self.made.certificate.ledger))
        self.save()

    def sign_ledger(self) -> dict[str, str]:
        """The same release charged to a ledger in which each entry is signed by the key of the release."""
        address = str(self.place / "signed.db")
        Ledger.init(address, (4.0, 1e-6), "people", sign_key=self.place / "key.pem").close()
        with open_ledger(address, sign_key=self.place / "key.pem") as ledger:
            self.made = release_of(0, ledger=ledger, scope="people/visits")
        self.save()
        return {"ledger": address, "key_id": key_id(read_private_key(self.place / "key.pem").public_key())}

    def charge(self, request_id: str) -> None:
        """Let the certificate name a charge of its own, of a run that was cut off after it had touched the table."""
        with open_ledger(self.place / "ledger.db") as ledger:
            cost = ledger.reservation(self.made.certificate.ledger.request_id).cost
            scope = self.made.certificate.ledger.scope
            entry = ledger.reserve(scope, cost, request_id=request_id, plan_hash="plan").entry
            ledger.touched(request_id)
            id_, seq, newest = ledger.head
        self.save(ledger=LedgerRecord(id_, scope, request_id, entry.seq, entry.hash, seq, newest))

    def understate(self, part: float) -> None:
        """Let the certificate say that only a part of what was charged was granted, spent and promised."""
        certificate, cost = self.made.certificate, self.made.certificate.spending.granted_mu_squared * part
        mechanisms = tuple(
            replace(each, mu_squared=cost / len(certificate.mechanisms)) for each in certificate.mechanisms
        )
        promise = Promise.of(Guarantee(cost**0.5 * (1 + 1e-12), 0.0), epsilon=1.0, delta=1e-6)
        self.save(mechanisms=mechanisms, spending=Spending(cost, 0.0, cost, 0.0), promise=promise)

    def audit(self, *, resign: bool = True, **changes: Any) -> None:
        """Put another audit beside the release; `changes` are made to its JSON, by dotted path.

        With another verdict come the reasons that a public edition gives for it.
        """
        if "verdict" in changes:
            changes.setdefault("reasons", [PUBLIC_REASONS[changes["verdict"]]])
        document = self.report().public().to_json()
        for path, value in changes.items():
            *outer, last = path.split("__")
            part: Any = document
            for name in outer:
                part = part[int(name) if isinstance(part, list) else name]
            part[last] = value
        (self.directory / "audit.json").write_text(json.dumps(document))
        if resign:
            self.sign()

    def sign(self) -> None:
        """Sign whatever lies there, if it can be signed."""
        (self.directory / "attestation.json").unlink(missing_ok=True)
        try:
            sign(self.directory, read_private_key(self.place / "key.pem"))
        except dpsynth.DPSynthError:
            (self.directory / "attestation.json").unlink(missing_ok=True)

    def forge(self, name: str, content: bytes) -> None:
        """Change a file and the manifest with it, as a forger would."""
        (self.directory / name).write_bytes(content)
        manifest = json.loads((self.directory / MANIFEST).read_text())
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        (self.directory / MANIFEST).write_text(json.dumps(manifest))

    def report(self) -> AuditReport:
        directory = Directory(self.directory)
        certificate = directory.document("certificate.json")
        promise = certificate["promise"]
        claimed = {name: promise[name] for name in ("epsilon", "delta", "mu", "delta0")}
        return AuditReport(
            identity=Identity(
                report_id="0" * 32,
                created="2030-05-20T10:00:00Z",
                sha256=directory.digests()["synthetic.parquet"],
                hashed="file bytes",
                rows=certificate["rows"],
                columns=("a", "b"),
                synthesizer=certificate["synthesizer"],
            ),
            claim=AuditedClaim(
                made=True,
                relation=certificate["unit"]["relation"],
                unit="one row",
                design="pool",
                targets_public=True,
                **claimed,
            ),
            verdict="pass",
            reasons=("It stood.",),
            findings=tuple(
                FindingRecord(
                    attack=name,
                    about="",
                    criterion="membership",
                    threat="the release",
                    group="all targets",
                    status="ran",
                    why="",
                    power={"mu": 0.9, "copies": 40.0},
                    measured=None,
                )
                for name in ATTACKS
            ),
            controls=(Control("leaky twin", "caught", True), Control("independent sample", "not caught", True)),
            levels=Levels(),
            power="",
        )


@pytest.fixture(name="release_of")
def _release_of() -> Callable[..., Release]:
    return release_of


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = tmp_path_factory.mktemp("gate")
    Ledger.init(place / "ledger.db", (4.0, 1e-6), "people").close()
    made = release_of(0, ledger=place / "ledger.db", scope="people/visits")
    new_key_pair(place / "key.pem")
    world = World(place, made)
    world.save()
    return world


@pytest.fixture
def world(original: World, tmp_path: Path) -> World:
    """A copy to spoil."""
    shutil.copytree(original.place, tmp_path / "world")
    return World(tmp_path / "world", original.made)


@pytest.fixture
def policy() -> Callable[..., Policy]:
    """A policy with the given rules, which asks for no ledger, signature or audit unless told; the rest by keyword."""

    def make(rules: dict[str, Any] | None = None, **changes: Any) -> Policy:
        lenient = {name: {"needed": "optional"} for name in ("ledger", "signature", "audit")}
        asked = {"mu": {"at_most": 100.0}, **lenient, **(rules or {})}
        document = {"format": "dpsynth-policy", "version": 1, "name": "test", "expires": "2031-01-01", "rules": asked}
        return Policy.parse(to_yaml_text({**document, **changes}))

    return make
