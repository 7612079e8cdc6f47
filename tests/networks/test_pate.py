"""The players of PATE-GAN: teachers that are strangers to each other, and a student that tells noise from votes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra deep is not installed")

from dpsynth.networks.pate import PateGame  # noqa: E402
from dpsynth.networks.vae import VaeTraining, decode  # noqa: E402

SIZES = (3, 4)
GAME = PateGame(VaeTraining(SIZES, 16, 2, 1.0, 3e-3, 1), trust=0.05, generator_steps=40)


def lessons(count: int, teachers: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, SIZES, (teachers, 8, 2)), rng.integers(0, SIZES, (64, 2))) for _ in range(count)]


def test_what_a_teacher_learns_is_to_the_last_bit_its_own() -> None:
    """Other rows, and none, for one teacher leave all others as they were."""
    held, asked = np.array([True, True, False, True, True]), lessons(1, 5, 9)[0][1]
    crowds = [GAME.teachers(5, "cpu") for _ in range(3)]
    for rows, made in lessons(30, 5, 0):
        other = rows.copy()
        other[3] = (other[3] + 1) % SIZES
        without = held & (np.arange(5) != 3)
        for crowd, own, some in zip(crowds, (rows, other, rows), (held, held, without), strict=True):
            crowd.learn(own, some, made)
    for part, *changed in zip(*(crowd.parts for crowd in crowds), strict=True):
        for each in changed:
            same = [bool(torch.equal(part[teacher], each[teacher])) for teacher in range(5)]
            assert same[:3] == [True] * 3
            assert same[4]
    assert not torch.equal(crowds[0].parts[0][3], crowds[1].parts[0][3])
    votes = [crowd.votes(asked) for crowd in crowds]
    assert all(np.array_equal(np.delete(votes[0], 3, axis=0), np.delete(each, 3, axis=0)) for each in votes)


def test_a_row_that_breaks_a_teacher_breaks_no_other() -> None:
    crowd, twin = GAME.teachers(3, "cpu"), GAME.teachers(3, "cpu")
    with torch.no_grad():
        crowd.parts[0][1] = float("nan")
    for rows, made in lessons(3, 3, 1):
        for each in (crowd, twin):
            each.learn(rows, np.ones(3, dtype=bool), made)
    for part, other in zip(crowd.parts, twin.parts, strict=True):
        assert torch.equal(part[[0, 2]], other[[0, 2]])
    assert not crowd.votes(made)[1].any()


def test_teachers_know_their_rows_from_made_ones() -> None:
    rng = np.random.default_rng(2)
    crowd = GAME.teachers(30, "cpu")
    for _ in range(60):
        same = rng.integers(0, 3, (30, 16))
        crowd.learn(np.stack([same, same], axis=2), np.ones(30, dtype=bool), rng.integers(0, SIZES, (128, 2)))
    asked = np.array([(a, b) for a in range(3) for b in range(4)])
    shares = crowd.votes(asked).mean(axis=0)
    like = asked[:, 0] == asked[:, 1]
    assert shares[like].min() > shares[~like].max()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_generator_follows_votes_and_not_noise(noise: float) -> None:
    """Votes for rows whose codes are equal; or nothing but noise, whose size is known."""
    rng, teachers = np.random.default_rng(3), 100
    pupil = GAME.student(teachers, "cpu")

    def equal_share() -> float:
        made = pupil.made(4000)
        return float((made[:, 0] == made[:, 1]).mean())

    before = equal_share()
    for _ in range(15):
        asked = pupil.made(128)
        votes = (100 - noise * 100) * (asked[:, 0] == asked[:, 1]) + noise * rng.normal(0, 300, 128)
        pupil.learn(asked, np.rint(votes).astype(np.int64), max(noise * 300, 0.01))
    gained = equal_share() - before
    assert gained > 0.2 if not noise else gained < 0.05
    tables = decode(GAME.generator, pupil.result(), np.zeros((2, 2), dtype=np.float32))
    assert [table.shape for table in tables] == [(2, 3), (2, 4)]


def test_games_that_are_equal_begin_equally() -> None:
    one, other = (GAME.student(10, "cpu").made(50) for _ in range(2))
    assert np.array_equal(one, other)
    assert torch.equal(GAME.teachers(2, "cpu").parts[0], GAME.teachers(2, "cpu").parts[0])
