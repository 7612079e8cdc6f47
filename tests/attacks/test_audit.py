from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attacks
import dpsynth
from attacks.attack import Criterion, Evidence, Outcome
from attacks.catalogue import CATALOGUE, RELEASE, chosen
from attacks.copying import Copies
from attacks.membership.calibrated_distance import CalibratedDistance
from attacks.membership.neighbourhood_share import NeighbourhoodShare
from attacks.tables import Table
from attacks.threat import RELEASE as RELEASE_ONLY
from attacks.threat import Threat
from tests.attacks.worlds import SCHEMA, population

QUICK = {"copies": Copies(), "distance": CalibratedDistance(), "share": NeighbourhoodShare()}


def people(rows: int, seed: int) -> dpsynth.Ticked:
    ticks = {name: each.astype(np.int64) for name, each in population(rows, np.random.default_rng(seed)).items()}
    return dpsynth.Ticked(SCHEMA, rows, ticks, {})


def with_copies(table: dpsynth.Ticked, private: dpsynth.Ticked, copied: int) -> dpsynth.Ticked:
    ticks = {name: np.concatenate([private.ticks[name][:copied], table.ticks[name][copied:]]) for name in table.ticks}
    return replace(table, ticks=ticks)


TRAIN, HOLDOUT = people(1500, 1), people(1500, 2)


def audited(synthetic: object, **options: object) -> attacks.AuditReport:
    defaults = {"train": TRAIN, "holdout": HOLDOUT, "schema": SCHEMA, "attacks": QUICK}
    return attacks.audit(synthetic, **{**defaults, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sound() -> attacks.AuditReport:
    return audited(people(1500, 3), claim=(1.0, 1e-6))


def test_an_independent_table_passes(sound: attacks.AuditReport) -> None:
    assert sound.verdict == "pass"
    assert [each.attack for each in sound.findings] == [*QUICK, "ensemble", "ensemble"]
    assert {each.name: each.passed for each in sound.controls} == {"leaky twin": True, "independent sample": True}
    assert sound.claim.design == "pairs"
    assert attacks.AuditReport.from_json(sound.to_json()).to_json() == sound.to_json()


def test_copies_fail_and_the_reasons_say_why() -> None:
    report = audited(with_copies(people(1500, 3), TRAIN, 300), claim=(1.0, 1e-6))
    assert report.verdict == "fail"
    assert any("copies" in reason for reason in report.reasons)
    assert report.public().verdict == "fail"
    assert all(each.measured is None for each in report.public().findings)


def test_without_a_claim_any_learning_fails() -> None:
    report = audited(with_copies(people(1500, 3), TRAIN, 60))
    assert report.verdict == "fail"
    assert not report.claim.made


def test_the_same_seed_gives_the_same_report(sound: attacks.AuditReport) -> None:
    def numbers(report: attacks.AuditReport) -> list[object]:
        return [(each.attack, each.measured and replace(each.measured, seconds=0.0)) for each in report.findings]

    assert numbers(audited(people(1500, 3), claim=(1.0, 1e-6))) == numbers(sound)
    assert numbers(audited(people(1500, 3), claim=(1.0, 1e-6), seed=5)) != numbers(sound)


def test_a_promise_that_cannot_be_refuted_is_inconclusive() -> None:
    report = audited(people(1500, 3), claim=(50.0, 1e-6))
    assert report.verdict == "inconclusive"
    assert any("leaky twin" in reason for reason in report.reasons)


class Broken:
    """An attack that raises, or says NaN."""

    threat: Threat = RELEASE_ONLY
    criterion = Criterion.MEMBERSHIP
    about = "breaks"

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        raise KeyError("a private cell")


def test_a_broken_attack_is_no_pass_and_tells_no_cell() -> None:
    report = audited(people(1500, 3), attacks={**QUICK, "broken": Broken()})
    assert report.verdict == "inconclusive"
    finding = next(each for each in report.findings if each.attack == "broken")
    assert finding.status == "failed"
    assert "private cell" not in json.dumps(report.to_json())


def test_a_release_is_audited_by_its_pool(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    table = {"a": rng.integers(0, 9, 3000), "b": rng.integers(0, 9, 3000), "c": rng.integers(0, 2, 3000)}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(9)) for name in table])
    release = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="mst", audit_pool=600)
    assert release.audit_pool is not None
    release.save(tmp_path / "out")
    coins = release.audit_pool.save(tmp_path / "coins.json")
    report = attacks.audit(
        dpsynth.load(tmp_path / "out"),
        train=table,
        pool=coins,
        attacks=["calibrated-distance", "marginals", "noisy-measurements"],
    )
    assert report.claim.design == "pool"
    assert report.identity.hashed == "file bytes"
    assert report.identity.synthesizer == "mst"
    assert report.verdict in ("pass", "inconclusive")
    assert not [each.name for each in report.checks if each.status == "fail"]
    assert {each.status for each in report.findings} == {"ran"}


def test_a_release_without_noise_is_caught_by_its_pool() -> None:
    rng = np.random.default_rng(4)
    table = {name: rng.integers(0, 12, 2000) for name in "abcd"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(12)) for name in table])
    made = dpsynth.synthesize(
        table, schema, epsilon=1e5, delta=1e-6, synthesizer="direct", settings={"marginals": "a,b,c,d"}, audit_pool=600
    )
    report = attacks.audit(made, train=table, pool=made.audit_pool, claim=(1.0, 1e-6), attacks=QUICK)
    assert report.verdict == "fail"


def test_an_audit_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    first = audited(people(1500, 3), resume=tmp_path)
    kept = sorted(tmp_path.iterdir())
    times = [file.stat().st_mtime_ns for file in kept]
    assert len(kept) == 9  # three attacks on the table and on two controls
    again = audited(people(1500, 3), resume=tmp_path)
    assert [file.stat().st_mtime_ns for file in sorted(tmp_path.iterdir())] == times
    assert [each.measured for each in again.findings] == [each.measured for each in first.findings]
    audited(people(1500, 9), resume=tmp_path)
    assert len(list(tmp_path.iterdir())) == 18


def test_progress_is_told() -> None:
    seen: list[tuple[str, float]] = []
    audited(people(1500, 3), progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert {"copies", "leaky twin copies", "independent sample share"} <= {stage for stage, _ in seen}
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


@pytest.mark.parametrize("asked", ["nonsense", ["copies", "nonsense"], []])
def test_unknown_attacks_are_refused(asked: object) -> None:
    with pytest.raises(dpsynth.SettingError, match="must be 'release', 'all', or among"):
        audited(TRAIN, attacks=asked)


def test_a_confidence_below_a_half_is_refused() -> None:
    with pytest.raises(dpsynth.SettingError, match="confidence"):
        audited(TRAIN, confidence=0.3)


def test_the_catalogue_says_what_each_attack_asks() -> None:
    listed = attacks.catalogue()
    assert set(RELEASE) <= set(listed) == set(CATALOGUE)
    assert all(len(about) > 20 for about in listed.values())
    assert list(chosen("release")) == list(RELEASE)
    assert chosen("copies") == {"copies": CATALOGUE["copies"]}


def test_copied_identifiers_fail(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    schema = dpsynth.Schema([*(dpsynth.Categorical(name, values=range(9)) for name in "abc"), dpsynth.Identifier("id")])

    def table(rows: int, first: int) -> dict[str, object]:
        names = [f"p{number}" for number in range(first, first + rows)]
        return {**{name: rng.integers(0, 9, rows) for name in "abc"}, "id": names}

    train, fresh = table(1200, 0), table(1200, 5000)
    options = {"train": train, "holdout": table(1200, 9000), "schema": schema}
    stolen = attacks.audit({**fresh, "id": train["id"]}, attacks=["copies"], **options)  # type: ignore[arg-type]
    assert stolen.verdict == "fail"
    assert "identifiers" in stolen.reasons[0]
    pd.DataFrame({**fresh, "id": train["id"]}).to_csv(tmp_path / "stolen.csv", index=False)
    assert attacks.audit(tmp_path / "stolen.csv", attacks=["copies"], **options).verdict == "fail"  # type: ignore[arg-type]
    honest = attacks.audit(fresh, attacks=["copies"], **options)  # type: ignore[arg-type]
    assert {each.name: each.status for each in honest.checks}["identifiers"] == "pass"
