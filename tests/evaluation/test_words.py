"""Sentences say what the figures say."""

from __future__ import annotations

import math

import pytest

from dpsynth.evaluation import words
from dpsynth.evaluation.arms import Figure, Spread
from dpsynth.evaluation.fairness import Group

DASH = "\N{EN DASH}"


def group(verdict: str) -> Group:
    return Group((("sex", "F"),), 100, 90, -0.1, 0.01, verdict, 0.1, 0.1, None)


def figure(synthetic: float) -> Figure:
    return Figure("x", "lower", *(Spread(each, each, each) for each in (synthetic, 0.2, 0.1)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.12345, "0.123"), (1234.5, "1,234"), (0.00012, "1.2e-04"), (0.0, "0"), (math.nan, DASH), (None, DASH)],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("synthetic", "said"), [(0.15, "50%"), (0.3, "below the floor"), (0.05, "100%"), (math.nan, "cannot tell")]
)
def test_the_way_that_was_reached(synthetic: float, said: str) -> None:
    assert words.reached(figure(synthetic)) == said


def test_groups_that_are_off_are_counted() -> None:
    assert words.represented([group("as private")] * 2).startswith("All 2 groups occur")
    said = words.represented([group("as private"), group("absent"), group("too few"), group("too few")])
    assert (
        said
        == "Of 4 groups 1 do not occur among synthetic rows, 2 occur less often than among private rows, beyond chance."
    )
