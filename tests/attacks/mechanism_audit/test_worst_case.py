from __future__ import annotations

import itertools
from collections import Counter

import pytest

import dpsynth
from attacks.mechanism_audit.worst_case import NARROW, ROWS, worst_case

ALL_KINDS = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        dpsynth.Boolean("flag", labels=["no", "yes"]),
        dpsynth.Categorical("grade", values=[1, 2, 3, 4]),
        dpsynth.Categorical("one", values=["only"]),
        dpsynth.OpenCategorical("city"),
        dpsynth.Numeric("pay", lower=0, upper=1000, decimals=2),
        dpsynth.Datetime("seen", lower="2020-01-01", upper="2020-12-31"),
    ]
)


def rows(table):
    return list(zip(*(column for name, column in table.items() if name != "id"), strict=True))


@pytest.mark.parametrize("schema", [NARROW, ALL_KINDS])
def test_tables_are_neighbours_that_the_schema_takes(schema):
    table, neighbour = worst_case(schema)
    (added,) = Counter(rows(neighbour)) - Counter(rows(table))
    assert not Counter(rows(table)) - Counter(rows(neighbour))
    assert len(rows(table)) == 2 * ROWS
    table, neighbour = worst_case(schema, "replace-one")
    assert rows(table)[:-1] == rows(neighbour)[:-1]
    assert rows(neighbour)[-1] == added
    moved = [one != other for one, other in zip(rows(table)[-1], added, strict=True)]
    assert all(moved[:3]) or schema is ALL_KINDS
    for each in (table, neighbour):
        ticks = dpsynth.ticked(each, schema)
        assert all((column >= 0).all() for column in ticks.ticks.values())


def test_the_last_row_makes_one_pair_more_dependent_and_the_others_less():
    table, neighbour = worst_case(NARROW)
    shifts = []
    for pair in itertools.combinations("abc", 2):
        agreeing = [
            sum(a == b for a, b in zip(each[pair[0]], each[pair[1]], strict=True)) for each in (table, neighbour)
        ]
        shifts.append(agreeing[1] - agreeing[0])
    assert sorted(shifts) == [0, 0, 1]


def test_a_value_of_its_own_is_in_no_other_row():
    _, neighbour = worst_case(ALL_KINDS)
    for column in ("grade", "city", "pay", "seen"):
        assert neighbour[column].count(neighbour[column][-1]) == 1
