"""Levels: coarser readings of a column, counted and never decoded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec, OpenCodec
from dpsynth.codec.level import LevelCodec
from dpsynth.codec.merged import MergedCodec
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Categorical, Numeric, OpenCategorical

LETTERS = CategoricalCodec(Categorical("c", values=list("abcdef"), nullable=True))


@given(st.lists(st.integers(0, 4), min_size=7, max_size=7), st.lists(st.integers(-1, 5)))
def test_a_level_reads_the_group_of_each_inner_code(raw: list[int], drawn: list[int]) -> None:
    groups = tuple(np.unique(raw, return_inverse=True)[1].tolist())
    level = LevelCodec(LETTERS, "coarse", groups)
    ticks = np.array(drawn, dtype=np.int8)
    codes = level.encode(ticks)
    assert codes.tolist() == [groups[code] for code in LETTERS.encode(ticks)]
    assert codes.dtype == np.uint8
    assert level.size == max(groups) + 1 == len(level.code_labels())


def test_labels_and_source_are_those_of_the_column_that_is_read() -> None:
    level = LevelCodec(LETTERS, "coarse", (0, 0, 1, 1, 1, 2, 2))
    assert (level.name, level.source) == ("coarse", "c")
    assert level.code_labels() == ("one of: a, b", "one of: c, d, e", "one of: f, missing")
    merged = MergedCodec(LETTERS, (0, 0, 1, 1, 1, 2, 2), (1.0,) * 7)
    assert (merged.source, LevelCodec(merged, "half", (0, 0, 1)).source) == ("c", "c")
    assert LevelCodec(level, "coarser", (0, 0, 1)).encode(np.array([0, 2, 5, -1])).tolist() == [0, 0, 1, 1]


def test_levels_of_open_and_binned_columns() -> None:
    city = LevelCodec(OpenCodec(OpenCategorical("city"), ("Oslo", "Moss")), "known", (0, 0, 1))
    assert city.encode(np.array([0, 1, 2]), ["Bergen", "Moss", "Oslo"]).tolist() == [1, 0, 0]
    age = LevelCodec(BinnedCodec(Numeric("age", lower=0, upper=9, integer=True), (0, 2, 5, 10)), "half", (0, 0, 1))
    assert age.encode(np.arange(10)).tolist() == [0] * 5 + [1] * 5


def test_a_level_is_never_decoded(rng: np.random.Generator) -> None:
    with pytest.raises(SettingError, match=r"level \(coarse\) must not be decoded; try its column 'c'"):
        LevelCodec(LETTERS, "coarse", (0,) * 7).decode(np.zeros(3), rng)


@pytest.mark.parametrize(
    "groups", [(), (0,) * 6, (0,) * 6 + (2,), (-1,) + (0,) * 6, (0.5,) * 7, (0,) * 6 + (10**18,), (1,) * 7]
)
def test_groups_that_do_not_fit_are_refused(groups: tuple[int, ...]) -> None:
    with pytest.raises(SettingError, match="groups of 'coarse'"):
        LevelCodec(LETTERS, "coarse", groups)
