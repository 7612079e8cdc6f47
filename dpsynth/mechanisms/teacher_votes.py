"""PATE: teachers that share no row vote on made rows, and only noisy counts of their votes are told.

Sources: Papernot, Song, Mironov, Raghunathan, Talwar, Erlingsson, "Scalable Private Learning with PATE", ICLR 2018
(Gaussian noise on counts of votes); Jordon, Yoon, van der Schaar, "PATE-GAN", ICLR 2019 (teachers that tell rows from
made ones, and a student that teaches a generator). What goes wrong in implementations: Ganev, Annamalai, De
Cristofaro, "The Elusive Pursuit of Reproducing PATE-GAN", 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.errors import SettingError
from dpsynth.features import IntArray
from dpsynth.mechanisms.gaussian_cost import gaussian_cost, stddev_within
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.counter import Counter

MOST_TEACHERS = 1 << 16
# Made rows in a lesson for each row that a teacher draws: all teachers see the same ones, so they had better be many.
MADE_A_ROW = 8


class Teachers(Protocol):
    """All teachers at once; teacher t is the t-th slice of everything, and of nothing else."""

    def learn(self, rows: IntArray, held: npt.NDArray[np.bool_], made: IntArray) -> None:
        """One step of every teacher: rows[t] are rows of teacher t, and `made` are no rows.

        rows: shape (teachers, batch, columns). held: which teachers have any row; the others' are zeros, to be left
        out. What teacher t learns must be a function of rows[t], held[t] and `made`, to the last bit.
        """
        ...

    def votes(self, made: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each teacher takes each made row for a real one, shape (teachers, made rows)."""
        ...


class Student(Protocol):
    """What learns from noisy votes, and never meets a row."""

    def made(self, count: int) -> IntArray:
        """Made rows, shape (count, columns)."""
        ...

    def learn(self, asked: IntArray, votes: IntArray, stddev: float) -> None:
        """Take in noisy counts of the teachers that took the rows `asked` for real, shape (asked,)."""
        ...

    def result(self) -> dict[str, npt.NDArray[Any]]:
        """What is released once all is done, beside the noisy votes."""
        ...


class Game(Protocol):
    """Who plays: a frozen value made from public facts and released values. Equal games begin equally."""

    def teachers(self, count: int, device: str) -> Teachers:
        """That many teachers before their first step."""
        ...

    def student(self, teachers: int, device: str) -> Student:
        """The student of so many teachers."""
        ...

    def describe(self) -> dict[str, Any]:
        """Public settings, as JSON values."""
        ...


@dataclass(frozen=True)
class TeacherVotes:
    """`rounds` times the student asks all teachers about `batch` made rows, and hears noisy counts.

    game: teachers and student. teachers: how many. lessons: steps of every teacher before each round. lesson: rows in
    each, which every teacher draws from its own. stddev: of the noise on each count, in teachers.

    Each row is given to one teacher, by random words of its own. Each answer is the number of teachers that take the
    made row for a real one, plus exact discrete Gaussian noise. Nothing else goes from teachers to student.

    Privacy: fix which teacher has which row, and the words by which teachers draw. To each neighbour belongs the same
    assignment of the rows that both tables have, since no row's teacher depends on another row; and where a row is
    exchanged, its successor goes to the same teacher, for a place's teacher does not depend on what stands there. So
    k rows of a unit meet at most k teachers. Every other teacher is the same function of the same rows, draws and
    made rows in both tables, as long as all noisy answers so far are the same; so each exact count differs by at most
    k, whatever the teachers are and whatever is asked: rounds x batch adaptive Gaussian answers of sensitivity k, all
    of them charged, with no account of how much teachers agree (that account would itself be private). The bound holds
    for each assignment, so also for a drawn one. It needs neither uniform words nor secret ones: the noise alone hides.
    """

    codec: Codec
    game: Game
    teachers: int
    rounds: int
    batch: int
    lessons: int
    lesson: int
    stddev: float
    device: str = "cpu"
    progress: Callable[[float], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.teachers <= MOST_TEACHERS:
            raise SettingError(f"teachers ({self.teachers}) must be from 1 to {MOST_TEACHERS}; try 500")
        for name in ("rounds", "batch", "lesson"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} ({getattr(self, name)}) must be at least 1; got less; try 10")

    @property
    def queries(self) -> int:
        """Counts that are answered, all in all."""
        return self.rounds * self.batch

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Every answer at the price of a count that a unit moves by all its rows."""
        return self._price(unit.max_rows)

    def query(self, private: Counter) -> CodedRows:
        """The codes of all rows: secret. Raises SettingError where the rows are not in memory."""
        return private.coded_rows(self.codec)

    def randomise(self, exact: CodedRows, source: EntropySource) -> dict[str, npt.NDArray[Any]]:
        """What the student made of the votes, and under `votes` all noisy counts, shape (rounds, batch)."""
        shared = Shares.of(exact.count, self.teachers, source)
        crowd, student = self.game.teachers(self.teachers, self.device), self.game.student(self.teachers, self.device)
        told = np.zeros((self.rounds, self.batch), dtype=np.int64)
        for number in range(self.rounds):
            for _ in range(self.lessons):
                rows = shared.drawn(exact, self.lesson, source)
                crowd.learn(rows, shared.counts > 0, student.made(MADE_A_ROW * self.lesson))
            asked = student.made(self.batch)
            votes = crowd.votes(asked).sum(axis=0, dtype=np.int64)
            told[number] = votes + sample(self.stddev, self.batch, source)
            student.learn(asked, told[number], self.stddev)
            if self.progress is not None:
                self.progress((number + 1) / self.rounds)
        return {**student.result(), "votes": told}

    def movement(self, exact: CodedRows, neighbour: CodedRows) -> Cost:
        """The price for a unit of just the rows by which the two tables differ."""
        return self._price(max(exact.moved(neighbour)))

    def describe(self) -> dict[str, Any]:
        """Kind, and everything that an accountant needs to compute the price again."""
        return {
            "kind": "teacher votes",
            "teachers": self.teachers,
            "rounds": self.rounds,
            "batch": self.batch,
            "cells": self.queries,
            "stddev": self.stddev,
            "lessons": self.lessons,
            "lesson": self.lesson,
            "network": self.game.describe(),
        }

    def _price(self, rows: int) -> Cost:
        return gaussian_cost(squared_votes_shift(self.queries, rows), self.stddev)


@dataclass(frozen=True, eq=False, repr=False)
class Shares:
    """Which rows each teacher has: a partition, so no row is with two. As secret as the rows.

    order: all rows, those of one teacher side by side. firsts, counts: where each teacher's begin, and how many it has.
    """

    order: IntArray
    firsts: IntArray
    counts: IntArray

    @classmethod
    def of(cls, rows: int, teachers: int, source: EntropySource) -> Shares:
        """Give each row to a teacher by the word of its place; uniform to 2^-48."""
        owners = (source.words(rows) % np.uint64(teachers)).astype(np.int64)
        counts = np.bincount(owners, minlength=teachers)
        return cls(np.argsort(owners, kind="stable"), np.cumsum(counts) - counts, counts)

    def drawn(self, exact: CodedRows, lesson: int, source: EntropySource) -> IntArray:
        """For each teacher `lesson` of its rows, with replacement; zeros for a teacher that has none.

        The same number of words and the same shapes, whoever has how many rows: so no arithmetic of one teacher hangs
        on how many rows another one has.
        """
        words = source.words(self.counts.size * lesson).reshape(self.counts.size, lesson)
        held = self.counts > 0
        picked = (words % np.maximum(self.counts, 1).astype(np.uint64)[:, None]).astype(np.int64)
        out = np.zeros((self.counts.size, lesson, exact.matrix.shape[1]), dtype=np.int64)
        out[held] = exact.matrix[self.order[(self.firsts[:, None] + picked)[held]]]
        return out


def squared_votes_shift(queries: int, rows: int) -> int:
    """Largest squared L2 distance of all exact counts when that many rows differ: each count by one a row."""
    return queries * rows**2


def votes_stddev_within(budget: Cost, unit: PrivacyUnit, queries: int) -> float:
    """The smallest noise on that many counts whose price is within `budget`."""
    return stddev_within(budget, squared_votes_shift(queries, unit.max_rows))
