"""Queries by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.queries import Condition, queries, query_errors, share
from dpsynth.evaluation.table import Field, Table


def small(values: list[float], codes: list[int]) -> Table:
    fields = (Field("x", True, ("a", "b"), False), Field("c", False, ("u", "v"), False))
    return Table(
        fields, len(codes), {"x": np.zeros(len(codes), int), "c": np.array(codes)}, {"x": np.array(values, dtype=float)}
    )


def test_shares_by_hand() -> None:
    table = small([1, 2, 3, np.nan], [0, 1, 1, 1])
    assert share(table, (Condition("x", least=2, most=3),)) == 0.5
    assert share(table, (Condition("x", most=2), Condition("c", codes=(1,)))) == 0.25
    other = small([1, 2, 2, 2], [0, 0, 0, 0])
    asked = [(Condition("x", most=2),), (Condition("c", codes=(1,)),)]
    assert query_errors(table, other, asked) == (pytest.approx((0.5 + 0.75) / 2), 0.75)


def test_prefixes_have_no_lower_end_and_ends_are_values_of_the_table(split: Arms) -> None:
    table = split.private
    for kind in ("prefix", "range"):
        for query in queries(table, kind, np.random.default_rng(0), 50):
            assert 1 <= len(query) <= 3
            for condition in query:
                if not condition.codes:
                    assert (condition.least == -np.inf) is (kind == "prefix")
                    assert condition.most in table.values[condition.column]
