"""Few rows stand for many: the part of a distance that falls with the rows is told from the one that does not."""

from __future__ import annotations

import math

import pytest

from dpsynth.forecast.standing import shrinkage


@pytest.mark.parametrize(("steady", "chance"), [(0.02, 3.0), (0.0, 3.0), (0.02, 0.0)])
def test_a_square_that_falls_with_the_rows_is_followed_exactly(steady: float, chance: float) -> None:
    many, few, whole = (math.sqrt(steady**2 + chance / rows) for rows in (16_000, 4_000, 10**6))
    assert shrinkage([many], [few], sizes=(16_000, 4_000, 10**6)) * many == pytest.approx(whole, rel=1e-9)


def test_an_extrapolation_never_leaves_what_was_seen() -> None:
    assert 0 <= shrinkage([0.1], [0.9], sizes=(100, 25, 10**9)) < 1e-3
    assert shrinkage([0.9], [0.1], sizes=(100, 25, 10**9)) == 1
    assert shrinkage([0.0], [0.1], sizes=(100, 25, 10**9)) == 1
