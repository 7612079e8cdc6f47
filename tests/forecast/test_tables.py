"""Made-up tables fit their schema, hang together, and follow from the schema and the seed alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import entr

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.forecast.tables import Habits, check_common_values, simulated_table
from dpsynth.schema.columns import Identifier, OpenCategorical
from dpsynth.selftest import mixed_schema

PAIR = dpsynth.Schema([dpsynth.Categorical(name, values=range(6)) for name in "ab"])


@settings(max_examples=12)
@given(st.integers(1, 300), st.integers(0, 2**32))
def test_every_tick_is_allowed_by_the_schema(rows: int, seed: int) -> None:
    schema = mixed_schema()
    table = simulated_table(schema, rows, np.random.default_rng(seed))
    assert table.rows == rows
    assert set(table.ticks) == {column.name for column in schema if not isinstance(column, Identifier)}
    for column in schema:
        if isinstance(column, Identifier):
            continue
        ticks = table.ticks[column.name]
        assert len(ticks) == rows
        assert ticks.min() >= (-1 if column.nullable else 0)
        if isinstance(column, OpenCategorical):
            assert len(set(table.labels[column.name])) == len(table.labels[column.name]) <= column.max_values
            assert ticks.max() < len(table.labels[column.name])
        else:
            assert ticks.max() < column.ticks


def test_the_seed_alone_decides() -> None:
    one, same, other = (simulated_table(PAIR, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((one.ticks[name] == same.ticks[name]).all() for name in "ab")
    assert any((one.ticks[name] != other.ticks[name]).any() for name in "ab")


def test_habits_govern_how_columns_hang_together() -> None:
    """With every column nearly a function of another, pairs tell far more than with none."""

    def told(habits: Habits) -> float:
        found = []
        for seed in range(30):
            table = simulated_table(PAIR, 2_000, np.random.default_rng(seed), habits)
            both = np.zeros((6, 6))
            np.add.at(both, (table.ticks["a"], table.ticks["b"]), 1 / table.rows)
            alone = both.sum(1, keepdims=True) * both.sum(0, keepdims=True)
            found.append(float(np.abs(both - alone).sum()) / 2)
        return float(np.mean(found))

    apart = Habits(kin=0.0, hidden_share=1e-3, weak_share=1e-3)
    assert told(Habits(kin=1.0)) > 5 * told(apart)
    assert told(Habits()) > 2 * told(apart)


def entropy(ticks: np.ndarray) -> float:
    return float(entr(np.bincount(ticks) / len(ticks)).sum())


def evenness(schema: dpsynth.Schema, habits: Habits) -> float:
    """Mean entropy of a column over many tables, as a share of its most."""
    found = [
        entropy(simulated_table(schema, 2_000, np.random.default_rng(seed), habits).ticks["a"]) for seed in range(40)
    ]
    return float(np.mean(found)) / math.log(schema["a"].ticks)


def test_labels_are_as_even_as_the_habits_say_and_long_lists_of_numbers_by_their_own() -> None:
    names, numbers = (
        dpsynth.Schema([dpsynth.Categorical("a", values=[kind(each) for each in range(40)])]) for kind in (str, int)
    )
    for mean in (0.3, 0.7):
        assert abs(evenness(names, Habits(evenness=mean)) - mean) < 0.1
        assert abs(evenness(numbers, Habits(numbered=mean)) - mean) < 0.1
    short = dpsynth.Schema([dpsynth.Categorical("a", values=range(8))])
    assert abs(evenness(short, Habits(evenness=0.7, numbered=0.3)) - 0.7) < 0.1


@settings(max_examples=20)
@given(st.floats(1, 40), st.integers(0, 2**32))
@example(1.0, 807)  # two labels are drawn nearly alike, and one is to be left
def test_what_is_known_of_a_column_is_kept_to(common: float, seed: int) -> None:
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=range(40)), dpsynth.OpenCategorical("b", max_values=50)])
    known = {"a": common, "b": common}
    table = simulated_table(schema, 5_000, np.random.default_rng(seed), common_values=known)
    for name in known:
        assert math.exp(entropy(table.ticks[name])) == pytest.approx(common, rel=0.05)


@pytest.mark.parametrize(("name", "number"), [("size", 3), ("absent", 3), ("colour", 0.5), ("colour", 99)])
def test_what_cannot_be_known_is_refused(name: str, number: float) -> None:
    with pytest.raises(SettingError, match=f"common_values.*{name}"):
        check_common_values(mixed_schema(), {name: number})


def test_numbers_pile_up_as_often_as_the_habits_say() -> None:
    schema = dpsynth.Schema([dpsynth.Numeric("a", lower=0, upper=10**6, integer=True)])

    def piled(habits: Habits) -> float:
        made = (simulated_table(schema, 500, np.random.default_rng(seed), habits).ticks["a"] for seed in range(40))
        return float(np.mean([np.unique(ticks, return_counts=True)[1].max() > 100 for ticks in made]))

    assert piled(Habits(piled=0.0, heaped=0.0)) < 0.05
    assert piled(Habits(piled=1.0, heaped=0.0)) > 0.5
