"""Votes of teachers: no row with two of them, counts that move by one a row, and a price for every count."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter as Tally
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from attacks.statistics.gdp_lower_bound import gdp_lower_bound
from dpsynth.errors import SettingError
from dpsynth.mechanisms import teacher_votes
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.mechanisms.teacher_votes import Shares, TeacherVotes, squared_votes_shift, votes_stddev_within
from dpsynth.networks.pate import PateGame
from dpsynth.networks.vae import VaeTraining
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.coded_rows import CodedRows

UNIT, REPLACED, OF_TWO = PrivacyUnit(), PrivacyUnit(Relation.REPLACE_ONE), PrivacyUnit(column="who", max_rows=2)


@dataclass(frozen=True)
class Rote:
    """Teachers that know the rows they were shown by heart; the student asks for all codes, one after another."""

    codes: int

    def teachers(self, count: int, device: str) -> Crammers:
        return Crammers(count)

    def student(self, teachers: int, device: str) -> Asker:
        return Asker(self.codes)

    def describe(self) -> dict[str, Any]:
        return {"codes": self.codes}


class Crammers:
    def __init__(self, count: int) -> None:
        self.known: list[set[int]] = [set() for _ in range(count)]

    def learn(self, rows: np.ndarray, held: np.ndarray, made: np.ndarray) -> None:
        for known, own, any_row in zip(self.known, rows, held, strict=True):
            known.update(own[:, 0].tolist() if any_row else [])

    def votes(self, made: np.ndarray) -> np.ndarray:
        return np.array([[row in known for row in made[:, 0].tolist()] for known in self.known])


class Asker:
    def __init__(self, codes: int) -> None:
        self.codes = codes

    def made(self, count: int) -> np.ndarray:
        return np.arange(count)[:, None] % self.codes

    def learn(self, asked: np.ndarray, votes: np.ndarray, stddev: float) -> None:
        pass

    def result(self) -> dict[str, np.ndarray]:
        return {}


class Coupled:
    """Words of places for the first call, and of their own for all later ones: what couples two neighbours."""

    private = False

    def __init__(self, seed: int) -> None:
        self.places, self.others = InsecureTestEntropy(seed), InsecureTestEntropy(seed + 10**6)
        self.calls = 0

    def words(self, count: int) -> np.ndarray:
        self.calls += 1
        return (self.places if self.calls == 1 else self.others).words(count)


def mechanism(game: Any = None, **changes: Any) -> TeacherVotes:
    settings = {"teachers": 3, "rounds": 2, "batch": 3, "lessons": 2, "lesson": 2, "stddev": 2.0}
    return TeacherVotes(None, game or Rote(3), **{**settings, **changes})  # type: ignore[arg-type]  # no codec is read


def network(hidden: int = 2) -> PateGame:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    return PateGame(VaeTraining((3,), 3, 2, 1.0, 1e-3, 1), hidden, 3, teacher_rate=0.3)


def rows(*codes: int) -> CodedRows:
    return CodedRows(np.array(codes, dtype=np.uint32).reshape(-1, 1))


def exact_votes(table: CodedRows, seed: int, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> np.ndarray:
    with monkeypatch.context() as patched:
        patched.setattr(teacher_votes, "sample", lambda stddev, count, source: np.zeros(count, dtype=np.int64))
        return mechanism(**changes).randomise(table, Coupled(seed))["votes"]


@pytest.mark.parametrize(("count", "teachers"), [(0, 3), (1, 1), (5, 7), (1000, 40), (50, 1)])
def test_teachers_share_no_row_and_leave_none(count: int, teachers: int) -> None:
    shared = Shares.of(count, teachers, InsecureTestEntropy(0))
    own = [shared.order[first : first + many] for first, many in zip(shared.firsts, shared.counts, strict=True)]
    assert sorted(itertools.chain(*own)) == list(range(count))
    assert len(own) == teachers


def owners(count: int, teachers: int, seed: int) -> np.ndarray:
    shared = Shares.of(count, teachers, InsecureTestEntropy(seed))
    found = np.empty(count, dtype=np.int64)
    found[shared.order] = np.repeat(np.arange(teachers), shared.counts)
    return found


def stay(teachers: int, count: int, seed: int) -> bool:
    """Whether all rows keep their teachers when one row more is there."""
    return owners(count, teachers, seed).tolist() == owners(count + 1, teachers, seed)[:count].tolist()


def test_no_teacher_of_a_row_hangs_on_another_row() -> None:
    assert all(stay(7, count, seed) for seed, count in itertools.product(range(5), (0, 1, 10, 300)))


def test_rows_are_given_away_uniformly_and_apart() -> None:
    found = owners(60_000, 6, 1)
    assert stats.chisquare(np.bincount(found, minlength=6)).pvalue > 1e-6
    pairs = Tally(zip(found[:-1:2].tolist(), found[1::2].tolist(), strict=True))
    assert stats.chisquare([pairs[pair] for pair in itertools.product(range(6), repeat=2)]).pvalue > 1e-6


def test_teachers_draw_their_own_rows_and_nothing_else() -> None:
    table = rows(*range(1, 21))
    shared = Shares.of(20, 6, InsecureTestEntropy(2))
    drawn = shared.drawn(table, 500, InsecureTestEntropy(3))
    for owner in range(6):
        own = set((np.flatnonzero(owners(20, 6, 2) == owner) + 1).tolist())
        assert set(drawn[owner, :, 0].tolist()) == own or {0}
    alone = Shares.of(1, 4, InsecureTestEntropy(0)).drawn(rows(9), 3, InsecureTestEntropy(0))[:, :, 0]
    assert sorted(map(tuple, alone.tolist())) == [(0, 0, 0)] * 3 + [(9, 9, 9)]


def neighbours() -> list[tuple[list[int], list[int]]]:
    """All tables of at most three rows of three codes, in an order, with one row more, and with one exchanged."""
    tables = [list(table) for size in range(4) for table in itertools.product(range(3), repeat=size)]
    added = [(table, [*table, row]) for table in tables for row in range(3)]
    changed = [(table, [*table[:-1], (table[-1] + 1) % 3]) for table in tables if table]
    return added + changed


@pytest.mark.parametrize("kind", ["by heart", "networks"])
def test_each_exact_count_moves_by_at_most_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All neighbours of tiny tables, both relations, as long as all answers so far are the same; the most is met."""
    pairs = neighbours() if kind == "by heart" else neighbours()[::7]
    # The networks' student hears no answer in one round, so that the questions are the same in both tables.
    changes = {"game": Rote(3)} if kind == "by heart" else {"game": network(), "rounds": 1, "batch": 9, "lessons": 6}
    moved = [
        np.abs(
            exact_votes(rows(*a), seed, monkeypatch, **changes) - exact_votes(rows(*b), seed, monkeypatch, **changes)
        )
        for seed, (a, b) in enumerate(pairs)
    ]
    assert max(each.max() for each in moved) == 1
    assert all((each**2).sum() <= squared_votes_shift(each.size, 1) for each in moved)


def test_two_rows_of_a_unit_meet_two_teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = [
        exact_votes(rows(0, 1, 1), seed, monkeypatch) - exact_votes(rows(0), seed, monkeypatch) for seed in range(50)
    ]
    assert np.abs(moved).max() == 2


def twice(plain: Any) -> Any:
    """The planted bug: teachers that overlap, each row being with its own and with the next."""

    def of(count: int, teachers: int, source: Any) -> Shares:
        own = plain(count, teachers, source)
        lists = [own.order[first : first + many] for first, many in zip(own.firsts, own.counts, strict=True)]
        both = [np.concatenate([lists[t], lists[t - 1]]) for t in range(teachers)]
        counts = np.array([each.size for each in both])
        return Shares(np.concatenate(both), np.cumsum(counts) - counts, counts)

    return of


def in_turn(count: int, teachers: int, source: Any) -> Shares:
    """The planted bug: rows cut into equal parts, so that one row more shifts the others' teachers."""
    source.words(count)
    mine = np.arange(count) * teachers // max(count, 1)
    counts = np.bincount(mine, minlength=teachers)
    return Shares(np.arange(count), np.cumsum(counts) - counts, counts)


def test_teachers_that_overlap_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shares, "of", twice(Shares.of))
    moved = [
        np.abs(exact_votes(rows(*a), seed, monkeypatch, lesson=8) - exact_votes(rows(*b), seed, monkeypatch, lesson=8))
        for seed, (a, b) in enumerate(neighbours())
    ]
    assert max(each.max() for each in moved) == 2


def test_teachers_whose_rows_shift_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shares, "of", in_turn)
    assert not stay(7, 10, 0)


@pytest.mark.parametrize("unit", [UNIT, REPLACED, OF_TWO])
def test_every_vote_is_paid_for(unit: PrivacyUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, int]] = []
    plain = teacher_votes.sample

    def spy(stddev: float, count: int, source: Any) -> np.ndarray:
        told.append((stddev, count))
        return plain(stddev, count, source)

    monkeypatch.setattr(teacher_votes, "sample", spy)
    asked = mechanism(rounds=5, batch=4)
    released = asked.randomise(rows(0, 1, 2), InsecureTestEntropy(0))
    spent = sum((gaussian_cost(unit.max_rows**2, stddev) for stddev, count in told for _ in range(count)), ZERO)
    assert asked.cost(unit) == spent
    assert sum(count for _, count in told) == asked.queries == 20
    assert sum(array.size for array in released.values()) == 20


def proved(asked: TeacherVotes) -> float:
    """What votes prove of mu at a canary that is asked for each time: the sum of all counts tells most."""
    worlds = [
        np.array(
            [[float(asked.randomise(rows(*table), InsecureTestEntropy(seed))["votes"].sum())] for seed in range(600)]
        )
        for table in ((), (0,))
    ]
    return gdp_lower_bound(*worlds, false_alarm=1e-6, delta0=0.0).mu


def test_a_canary_tells_overlap_and_forgotten_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = mechanism(Rote(1), rounds=4, batch=4, lessons=1, stddev=2.0)
    found, claimed = proved(asked), asked.cost(UNIT).mu
    assert 0.6 * claimed < found <= claimed
    forgotten = gaussian_cost(asked.rounds, asked.stddev).mu  # as if a round were one vote
    assert found > forgotten
    monkeypatch.setattr(Shares, "of", twice(Shares.of))
    assert proved(asked) > claimed


@pytest.mark.parametrize("scale", [2 / 3, 1.0, 3 / 2])
def test_the_noise_has_its_law(scale: float) -> None:
    """Of 4,000 counts without rows; two thirds and three halves of it are told apart."""
    asked = mechanism(rounds=4, batch=1000, stddev=30.0 * scale)
    told = asked.randomise(rows(), InsecureTestEntropy(3))["votes"].reshape(-1)
    assert (stats.kstest(told / 30.0, "norm").pvalue > 1e-6) == (scale == 1.0)


def test_counts_come_out() -> None:
    told = mechanism(teachers=200, rounds=50, lesson=8, stddev=1.0).randomise(rows(*[0] * 150), InsecureTestEntropy(4))
    busy = np.unique(owners(150, 200, 4)).size
    assert told["votes"].mean(axis=0) == pytest.approx([busy, 0, 0], abs=1.0)


def test_movement_is_the_price_of_the_rows_that_differ() -> None:
    asked, table = mechanism(), rows(0, 1, 1, 2)
    assert asked.movement(table, rows(1, 0, 2, 1)).mu_squared == 0
    assert asked.movement(table, rows(0, 1, 2)) == asked.cost(UNIT)
    assert asked.movement(table, rows(0, 1, 1, 0)) == asked.cost(REPLACED)
    assert asked.movement(table, rows(0, 2)) == asked.cost(OF_TWO)
    assert not asked.movement(table, rows(2)) <= asked.cost(OF_TWO)


@pytest.mark.parametrize("unit", [UNIT, REPLACED, OF_TWO])
def test_noise_fills_its_budget_and_not_more(unit: PrivacyUnit) -> None:
    budget = Cost.of_mu(0.5, 0.0)
    price = mechanism(rounds=20, batch=10, stddev=votes_stddev_within(budget, unit, 200)).cost(unit)
    assert price <= budget
    assert float(price.mu_squared) > 0.999 * float(budget.mu_squared)


def test_settings() -> None:
    for change in ({"teachers": 0}, {"teachers": 10**6}, {"rounds": 0}, {"batch": 0}, {"lesson": 0}):
        with pytest.raises(SettingError, match=next(iter(change))):
            mechanism(**change)
    described = json.loads(json.dumps(replace(mechanism(), game=network()).describe()))
    assert (described["kind"], described["cells"], described["stddev"]) == ("teacher votes", 6, 2.0)
    assert math.isclose(described["network"]["trust"], PateGame.trust)
