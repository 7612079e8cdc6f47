"""All tables in the same codes, by the cells of the first."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.evaluation.table import BINS, MISSING, OTHER, Table, coded


def rows(labels: tuple[str, ...] | None = None, **columns: list[int]) -> SimpleNamespace:
    ticks = {name: np.array(each) for name, each in columns.items()}
    count = len(next(iter(ticks.values())))
    return SimpleNamespace(rows=count, ticks=ticks, labels={} if labels is None else dict.fromkeys(columns, labels))


NUMBER = dpsynth.Schema([dpsynth.Numeric("x", lower=0, upper=10_000, integer=True, nullable=True)])


def test_labels_of_open_columns_are_one_list_that_names_what_was_released() -> None:
    schema = dpsynth.Schema([dpsynth.OpenCategorical("x", nullable=True)])
    one, two = coded(schema, [rows(("b", "a"), x=[0, 1, -1]), rows(("a", "c"), x=[0, 1, 1])])
    assert one.field("x").labels == ("(value 0, not released)", "a", "c", MISSING)
    assert one.codes["x"].tolist() == [0, 1, 3]
    assert two.codes["x"].tolist() == [1, 2, 2]


def test_few_values_are_cells_and_unknown_ones_have_a_cell_apart() -> None:
    one, two = coded(NUMBER, [rows(x=[5, 7, 5]), rows(x=[5, 6, 9000])])
    assert one.field("x").labels == ("5", "7", OTHER)
    assert two.codes["x"].tolist() == [0, 2, 2]
    assert two.values["x"].tolist() == [5, 6, 9000]


def test_many_values_are_cut_by_the_first_table_and_a_spike_stands_alone() -> None:
    values = [0] * 900 + list(range(1, 101))
    one, two = coded(NUMBER, [rows(x=values), rows(x=[0, 1, 100, 5000, -1])])
    counts = np.bincount(one.codes["x"])
    assert counts[0] == 900
    assert len(counts) == BINS
    assert set(counts[1:]) <= {5, 6}
    assert two.codes["x"].tolist() == [0, 1, BINS - 1, BINS - 1, BINS]
    assert np.isnan(two.values["x"][-1])
    assert one.field("x").labels[-1] == MISSING


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10_000), min_size=30, max_size=200))
def test_cells_follow_the_order_of_values(values: list[int]) -> None:
    table = coded(NUMBER, [rows(x=values)])[0]
    order = np.argsort(values, kind="stable")
    assert (np.diff(table.codes["x"][order]) >= 0).all()
    assert table.codes["x"].max() < table.field("x").size


def test_dates_are_days() -> None:
    schema = dpsynth.Schema([dpsynth.Datetime("d", lower="2020-01-01", upper="2020-12-31")])
    table = coded(schema, [rows(d=[0, 1])])[0]
    assert np.diff(table.values["d"]).tolist() == [1.0]
    assert table.field("d").labels[:2] == ("2020-01-01", "2020-01-02")


def test_shuffling_keeps_columns_and_loses_what_links_them(rng: np.random.Generator) -> None:
    a = rng.integers(0, 3, 500)
    table = Table.of_codes({"a": a, "b": a}, {"a": 3, "b": 3})
    shuffled = table.shuffled(rng)
    assert np.bincount(shuffled.codes["a"]).tolist() == np.bincount(a).tolist()
    assert (shuffled.codes["a"] == shuffled.codes["b"]).mean() == pytest.approx(1 / 3, abs=0.1)
