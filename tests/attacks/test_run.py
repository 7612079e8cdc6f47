from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from attacks.attack import Criterion, Evidence, Outcome
from attacks.run import run_attack
from attacks.tables import Table
from attacks.threat import GENERATOR, RELEASE, Threat
from tests.attacks.worlds import world


@dataclass
class Fake:
    """An attack that records what it was handed."""

    threat: Threat = RELEASE
    criterion: Criterion = Criterion.MEMBERSHIP
    about: str = "nothing"
    needs: str | None = None
    error: Exception | None = None
    value: float = 0.0
    runs: int = 0
    seen: Evidence | None = None

    def __repr__(self) -> str:
        return "Fake()"

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        return self.needs

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        self.runs += 1
        self.seen = evidence
        if self.error is not None:
            raise self.error
        return Outcome(rng.random(len(targets)) + self.value, success=np.ones(len(targets), bool), details={"n": 3})


WORLD = world("independent", 1, rows=50, targets=20)


def test_an_attack_is_handed_what_its_threat_model_grants() -> None:
    blind, strong = Fake(), Fake(GENERATOR)
    run_attack("a", blind, WORLD.evidence, WORLD.targets, 0)
    run_attack("a", strong, WORLD.evidence, WORLD.targets, 0)
    assert blind.seen is not None
    assert blind.seen.reference is None
    assert strong.seen is not None
    assert strong.seen.reference is not None


def test_chance_depends_on_the_name_and_the_seed_alone() -> None:
    def scores(name: str, seed: int) -> list[float]:
        ran = run_attack(name, Fake(), WORLD.evidence, WORLD.targets, seed)
        assert ran.outcome is not None
        return ran.outcome.scores.tolist()

    assert scores("a", 0) == scores("a", 0)
    assert scores("a", 0) != scores("b", 0)
    assert scores("a", 0) != scores("a", 1)


def test_what_cannot_run_and_what_breaks_is_said_without_any_cell() -> None:
    assert run_attack("a", Fake(needs="no rows"), WORLD.evidence, WORLD.targets, 0).why == "no rows"
    broken = run_attack("a", Fake(error=KeyError("secret")), WORLD.evidence, WORLD.targets, 0)
    assert broken.outcome is None
    assert isinstance(broken.error, KeyError)
    nan = run_attack("a", Fake(value=np.nan), WORLD.evidence, WORLD.targets, 0)
    assert isinstance(nan.error, ValueError)


def test_an_audit_that_was_stopped_goes_on_from_what_is_kept(tmp_path: Path) -> None:
    keep, attack = tmp_path / "kept", Fake()
    first = run_attack("a", attack, WORLD.evidence, WORLD.targets, 0, keep, "key")
    again = run_attack("a", attack, WORLD.evidence, WORLD.targets, 0, keep, "key")
    assert attack.runs == 1
    assert first.outcome is not None
    assert again.outcome is not None
    assert (first.outcome.scores == again.outcome.scores).all()
    assert again.outcome.details == {"n": 3}
    assert again.outcome.success is not None
    for name, seed, key in (("b", 0, "key"), ("a", 1, "key"), ("a", 0, "other")):
        run_attack(name, attack, WORLD.evidence, WORLD.targets, seed, keep, key)
    assert attack.runs == 4
    files = list(keep.iterdir())
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nonsense", b"\x93NUMPY"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    attack = Fake()
    run_attack("a", attack, WORLD.evidence, WORLD.targets, 0, tmp_path, "key")
    next(tmp_path.iterdir()).write_bytes(damage)
    ran = run_attack("a", attack, WORLD.evidence, WORLD.targets, 0, tmp_path, "key")
    assert attack.runs == 2
    assert ran.outcome is not None
