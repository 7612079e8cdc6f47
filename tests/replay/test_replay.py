"""The replay harness finds what it is there to find, and passes what is right."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.mechanisms.count import Count
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.replay import replay, same
from dpsynth.selftest import replay_case, selftest
from dpsynth.synthesizers.catalogue import CATALOGUE


@dataclass
class Rows:
    """A counter that knows its number of rows only."""

    rows: int
    schema: Any = None
    reads: list[str] = field(default_factory=list)

    def total(self) -> int:
        self.reads.append("total")
        return self.rows


def run(program, table=10, neighbour=9, granted=None):
    return replay(program, Rows(table), Rows(neighbour), PrivacyUnit(), InsecureTestEntropy(1), granted)


def test_an_honest_program_passes_and_the_cost_is_tight():
    report = run(lambda door: door.run(Count(5.0), "rows") * 2)
    assert report.passed
    assert report.tightest == 1.0


@dataclass(frozen=True)
class ForgotToClip(Count):
    """Counts one row as many."""

    def query(self, private):
        return 40 * private.total()


@dataclass(frozen=True)
class NoiseOff(Count):
    """Declares the cost of more noise than it adds."""

    def movement(self, exact, neighbour):
        return Count(self.stddev / 2).movement(exact, neighbour)


def chained(door):
    rounds = 0
    while door.run(Count(5.0), f"round {rounds}") < 8 and rounds < 3:
        rounds += 1
    return rounds


def test_loops_on_noisy_answers_are_fine():
    assert run(chained).passed


@pytest.mark.parametrize("mechanism", [ForgotToClip(5.0), NoiseOff(5.0)])
def test_wrong_sensitivity_is_found(mechanism):
    report = run(lambda door: door.run(mechanism, "rows"))
    assert not report.passed
    assert "declares" in report.findings[0]


def test_parameters_that_depend_on_data_are_found():
    tables = iter((10, 9))
    report = run(lambda door: door.run(Count(float(next(tables))), "rows"))
    assert "other parameters" in report.findings[0]


def test_loops_on_exact_answers_are_found():
    tables = iter((3, 2))
    report = run(lambda door: [door.run(Count(5.0), "rows") for _ in range(next(tables))])
    assert "first table only" in report.findings[0]
    tables = iter((2, 3))
    report = run(lambda door: [door.run(Count(5.0), "rows") for _ in range(next(tables))])
    assert "neighbour only" in report.findings[0]


def test_results_that_went_around_the_door_are_found():
    tables = iter((10, 9))
    report = run(lambda door: (door.run(Count(5.0), "rows"), next(tables)))
    assert "around the door" in report.findings[0]


def test_more_than_granted_is_found():
    assert not run(lambda door: door.run(Count(5.0), "rows"), granted=Cost.of_mu(0.1)).passed
    assert run(lambda door: door.run(Count(5.0), "rows"), granted=Cost.of_mu(0.3)).passed


def test_a_program_that_measures_nothing_does_not_pass():
    assert not run(lambda door: 3).passed


def test_same_looks_inside():
    domain = Domain.of({"a": 2})
    assert same({"a": [np.arange(3), (domain, 1)]}, {"a": [np.arange(3), (Domain.of({"a": 2}), 1)]})
    for one, other in itertools.permutations([np.arange(3), np.arange(4), np.arange(3.0), [0, 1, 2], domain], 2):
        assert not same(one, other)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("unit", [None, "person"])
def test_every_synthesizer_replays_on_neighbours(name, relation, unit):
    seed = 2 * list(Relation).index(relation) + (unit is None)  # another table in each case
    report = replay_case(name, relation, unit, seed)
    assert report.findings == ()
    assert report.steps > 5
    assert report.tightest <= 1.0


@pytest.mark.parametrize("binning", ["quantiles", "privtree"])
@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("unit", [None, "person"])
def test_every_way_to_bin_replays_on_neighbours(binning, relation, unit, monkeypatch):
    monkeypatch.setattr("dpsynth.selftest.SETTINGS", {"independent": {"binning": binning}})
    for seed in range(2):
        report = replay_case("independent", relation, unit, seed)
        assert report.findings == ()
        assert report.tightest <= 1.0


def only(monkeypatch, *names):
    monkeypatch.setattr("dpsynth.selftest.CATALOGUE", {name: CATALOGUE[name] for name in names})


def test_selftest_passes_and_proves_its_power(monkeypatch):
    only(monkeypatch, "independent", "mosaic")  # each one is replayed above
    seen = []
    report = selftest(lambda stage, done: seen.append(done), tables=1)
    assert report.passed
    assert seen == sorted(seen)
    assert "found, as it must be" in report.lines[-1]
    assert report.to_json()["passed"] is True


def test_selftest_fails_when_a_synthesizer_leaks(monkeypatch):
    """Power: a synthesizer whose one-way noise is half of what is charged."""
    from dpsynth.mechanisms.marginals import Marginals

    def louder(self, private):
        return {clique: 2 * counts for clique, counts in private.marginals(self.codec, self.cliques).items()}

    monkeypatch.setattr(Marginals, "query", louder)
    only(monkeypatch, "mst")
    assert not selftest(tables=1).passed


def test_what_needs_a_missing_extra_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    only(monkeypatch, "independent", "vae")
    report = selftest(tables=1)
    assert report.passed
    left_out = [line for line in report.lines if "left out" in line]
    assert len(left_out) == 4
    assert all(line.startswith("vae, ") and "deep" in line for line in left_out)
