"""Constraints that contradict each other are refused before any data, with a smallest set of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.errors import PlanTooLargeError, SchemaError
from dpsynth.satisfiable import satisfiable_domain, smallest_conflict
from dpsynth.schema import Allowed, Boolean, Categorical, Fixed, Forbidden, Numeric, Order, Schema


def numbers(**bounds):
    return [Numeric(name, lower=low, upper=high, integer=True) for name, (low, high) in bounds.items()]


@pytest.mark.parametrize(
    ("columns", "rules", "conflict"),
    [
        (numbers(s=(10, 20), e=(0, 9)), [Order(["s", "e"])], {0}),
        (numbers(s=(10, 20), e=(0, 10)), [Order(["s", "e"])], set()),
        (numbers(s=(10, 20), e=(0, 10)), [Order(["s", "e"], strict=True)], {0}),
        (numbers(s=(5, 20), e=(0, 50)), [Order(["s", "e"]), Forbidden({"e": (5, 50)}), Forbidden({"s": 20})], {0, 1}),
        (numbers(a=(0, 1), b=(0, 1), c=(0, 1)), [Order(["a", "b", "c"], strict=True)], {0}),
        (numbers(a=(0, 2), b=(0, 2), c=(0, 2)), [Order(["a", "b", "c"], strict=True)], set()),
        (numbers(a=(3, 9), b=(0, 9), c=(0, 2)), [Order(["a", "b"]), Order(["b", "c"]), Forbidden({"b": 5})], {0, 1}),
        ([Boolean("x")], [Forbidden({"x": True}), Allowed({"x": True})], {0, 1}),
        ([Boolean("x"), Boolean("y")], [Forbidden({"x": True}), Fixed("y", value=True)], set()),
    ],
)
def test_the_smallest_conflict_is_found(columns, rules, conflict):
    found = smallest_conflict(Schema(columns, constraints=rules))
    assert {rules.index(one) for one in found} == conflict


cells = st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 1), min_size=1), min_size=1).map(
    lambda box: {name: sorted(values) for name, values in box.items()}
)


def holds(rule, row):
    inside = [all(row[name] in values for name, values in box) for box in rule.cells]
    return not any(inside) if isinstance(rule, Forbidden) else any(inside)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([Forbidden, Allowed]), cells), max_size=7))
def test_a_conflict_is_minimal_and_right(drawn):
    rules = [kind(box) for kind, box in drawn]
    schema = Schema([Categorical(name, values=[0, 1]) for name in "abc"], constraints=rules)
    rows = [dict(zip("abc", values, strict=True)) for values in itertools.product([0, 1], repeat=3)]

    def possible(some):
        return any(all(holds(rule, row) for rule in some) for row in rows)

    conflict = smallest_conflict(schema)
    assert bool(conflict) != possible(rules)
    if conflict:
        assert not possible(conflict)
        assert all(possible([other for other in conflict if other is not one]) for one in conflict)


def test_no_data_is_read_before_the_refusal():
    schema = Schema(numbers(s=(10, 20), e=(0, 9)), constraints=[Order(["s", "e"])])
    with pytest.raises(SchemaError, match="contradict each other") as caught:
        dpsynth.synthesize("no/such/file.csv", schema, epsilon=1, delta=1e-6)
    assert "s <= e" in str(caught.value)


def test_a_constraint_on_too_many_values_is_refused_early():
    wide = [Categorical(name, values=range(500)) for name in "abc"]
    schema = Schema(wide, constraints=[Forbidden({"a": 1, "b": 2, "c": 3})])
    with pytest.raises(PlanTooLargeError, match="naming fewer columns"):
        satisfiable_domain(schema)
