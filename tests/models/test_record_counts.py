"""Counting records in many tables at once, against one row at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import PlanTooLargeError
from dpsynth.models.record_counts import count_records


def counted(columns, sizes, clique) -> np.ndarray:
    table = np.zeros([sizes[name] for name in clique], dtype=np.int64)
    np.add.at(table, tuple(columns[name] for name in clique), 1)
    return table


@given(
    sizes=st.lists(st.sampled_from([1, 2, 3, 7, 256, 257, 300]), min_size=4, max_size=4),
    cliques=st.lists(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=4
    ),
    rows=st.integers(0, 60),
    seed=st.integers(0, 9),
)
def test_every_cell_is_counted(sizes, cliques, rows, seed):
    rng = np.random.default_rng(seed)
    of = dict(zip("abcd", sizes, strict=True))
    if sum(np.prod([of[name] for name in clique]) for clique in cliques) > 200_000:
        cliques = [clique[:2] for clique in cliques]
    # The largest code of each column is there, so that a type too narrow for it would show.
    columns = {name: np.append(rng.integers(0, size, rows), size - 1) for name, size in of.items()}
    for clique, table in zip(cliques, count_records(columns, of, cliques), strict=True):
        assert table.dtype == np.int64
        np.testing.assert_array_equal(table, counted(columns, of, clique))


@pytest.mark.parametrize("largest", [5, 256, 300, 65_536, 70_000])
def test_one_to_four_columns_and_codes_of_every_width(largest):
    rng = np.random.default_rng(0)
    sizes = {"wide": largest, "a": 3, "b": 2, "c": 4}
    columns = {name: np.append(rng.integers(0, size, 500), size - 1) for name, size in sizes.items()}
    cliques = [("wide",), ("b", "wide"), ("wide", "c"), ("a", "b", "wide"), ("c", "a", "b"), ("wide", "a", "b", "c")]
    for clique, table in zip(cliques, count_records(columns, sizes, cliques), strict=True):
        np.testing.assert_array_equal(table, counted(columns, sizes, clique))


def test_no_cliques_no_rows_and_too_many_cells():
    columns = {"a": np.zeros(0, dtype=np.int64), "b": np.zeros(0, dtype=np.int64)}
    assert count_records(columns, {"a": 2, "b": 2}, []) == ()
    (empty,) = count_records(columns, {"a": 2, "b": 3}, [("a", "b")])
    assert (empty.shape, empty.sum()) == ((2, 3), 0)
    with pytest.raises(PlanTooLargeError, match="cells of all cliques"):
        count_records(columns, {"a": 20_000, "b": 20_000}, [("a", "b")])
