"""A small release of a real run, its keys and its public audit, for the tests of what lies around a release."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dpsynth
from attacks.report.document import AuditReport
from attacks.report.records import AuditedClaim, FindingRecord, Identity
from dpsynth.keys import new_key_pair, read_private_key
from dpsynth.release.release import Release
from dpsynth.release.signing import sign

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("person", prefix="P"),
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True, source="codebook"),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, nullable=True),
        dpsynth.Boolean("member"),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-12-31", edges=["2020-07-01"]),
    ]
)


def make_release(*, rows: int = 60, seed: int = 1, epsilon: float = 2.0) -> Release:
    rng = np.random.default_rng(seed)
    table = {
        "person": [f"secret-{number}" for number in range(400)],
        "sex": rng.choice(["F", "M"], 400),
        "age": rng.integers(0, 99, 400),
        "member": rng.random(400) < 0.4,
        "joined": np.datetime64("2020-01-01") + rng.integers(0, 366, 400),
    }
    settings = {"epsilon": epsilon, "delta": 1e-6, "rows": rows, "seed": seed, "synthesizer": "independent"}
    return dpsynth.synthesize(table, SCHEMA, **settings)  # type: ignore[arg-type]


def audit_document(directory: Path, **changes: Any) -> dict[str, Any]:
    """A public audit of the table in a directory, as attacks writes it."""
    found = AuditReport(
        identity=Identity(
            report_id="5f1c" * 8,
            created="2026-01-01T00:00:00Z",
            sha256=hashlib.sha256((directory / "synthetic.parquet").read_bytes()).hexdigest(),
            hashed="file bytes",
            rows=60,
            columns=("sex", "age"),
            synthesizer="independent",
        ),
        claim=AuditedClaim(True, 2.0, 1e-6, None, 0.0, "add-remove", "one row", "pool"),
        verdict=changes.pop("verdict", "pass"),
        reasons=("It stood.",),
        findings=(FindingRecord("copies", "", "membership", "the release", "all targets", "ran", "", {}, None),),
    )
    document = found.public().to_json()
    return {**document, "identity": {**document["identity"], **changes.pop("identity", {})}, **changes}


@dataclass(frozen=True)
class Signed:
    """A signed release directory with its audit, the keys, and another release that is signed by the same key."""

    path: Path
    key: Path
    public: Path
    other: Path


@pytest.fixture(scope="session")
def signed_once(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    home = tmp_path_factory.mktemp("signed")
    public = new_key_pair(home / "key.pem")
    private = read_private_key(home / "key.pem")
    for name, release in (("release", make_release()), ("other", make_release(rows=61, seed=2, epsilon=1.0))):
        release.save(home / name)
        (home / f"{name}.json").write_text(json.dumps(audit_document(home / name), indent=1))
        sign(home / name, private, audit=home / f"{name}.json")
    return Signed(home / "release", home / "key.pem", public, home / "other")


@pytest.fixture
def signed(signed_once: Signed, tmp_path: Path) -> Signed:
    """A copy of its own, to be damaged."""
    for path in (signed_once.path, signed_once.other):
        shutil.copytree(path, tmp_path / path.name)
    return Signed(tmp_path / "release", signed_once.key, signed_once.public, tmp_path / "other")


@pytest.fixture
def audit_of() -> Callable[..., dict[str, Any]]:
    return audit_document


@pytest.fixture
def release_of() -> Callable[..., Release]:
    return make_release
