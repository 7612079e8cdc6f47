"""Made-up tables fit their schema, hang together, and follow from the schema and the seed alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.forecast.tables import Habits, simulated_table
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
    """With every column nearly a function of another, pairs tell far more than with none; the same for shares."""

    def told(habits: Habits) -> float:
        found = []
        for seed in range(30):
            table = simulated_table(PAIR, 2_000, np.random.default_rng(seed), habits)
            both = np.zeros((6, 6))
            np.add.at(both, (table.ticks["a"], table.ticks["b"]), 1 / table.rows)
            alone = both.sum(1, keepdims=True) * both.sum(0, keepdims=True)
            found.append(float(np.abs(both - alone).sum()) / 2)
        return float(np.mean(found))

    apart = Habits(kin=0.0, hidden_share=1e-3, weak_share=1e-3, lopsided=0.0)
    assert told(Habits(kin=1.0, lopsided=0.0)) > 5 * told(apart)
    assert told(Habits(lopsided=0.0)) > 2 * told(apart)


def test_lopsided_columns_have_one_value_in_nearly_all_rows() -> None:
    table = simulated_table(PAIR, 1_000, np.random.default_rng(0), Habits(lopsided=1.0))
    assert min(np.bincount(table.ticks[name]).max() for name in "ab") >= 900
