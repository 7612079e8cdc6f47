"""What executors do, without Spark: their blocks hold the rows of memory, bounded by the same law, again and again."""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpsynth.errors import DataError
from dpsynth.privacy.randomness import ExpandedEntropy, InsecureTestEntropy
from dpsynth.private.cover import plan_cover
from dpsynth.private.ingest import ingest
from dpsynth.private.kernels import sum_down
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.spark import counting
from dpsynth.private.spark.bounding import Choice
from dpsynth.private.spark.crossing import held_back
from tests.private.spark.executors import blocks_of, contents
from tests.private.spark.tables import ARROW, CODEC, PERSON, ROW, SCHEMA, TABLES


@given(table=TABLES, tasks=st.integers(1, 4))
def test_blocks_hold_the_rows_of_memory(table: pa.Table, tasks: int) -> None:
    blocks = blocks_of(table, SCHEMA, ROW, tasks=tasks)
    memory = ingest(table, SCHEMA, ROW, InsecureTestEntropy(1))
    assert contents(blocks) == contents([memory.rows()])
    cliques = list(itertools.combinations(CODEC.domain.columns, 2))
    cover = plan_cover(CODEC.domain, cliques)
    flat = counting.of_cliques(CODEC, SCHEMA, cover)(iter(blocks))
    expected = MemoryCounter(memory).marginals(CODEC, cliques)
    for clique, counts in sum_down(flat, CODEC.domain, cover, cliques).items():
        assert np.array_equal(counts, expected[clique])


@given(table=TABLES)
def test_no_unit_has_more_rows_than_its_bound(table: pa.Table) -> None:
    """A copy of the unit beside it, as a label, shows whose the kept rows are."""
    table = table.set_column(table.schema.get_field_index("o"), "o", table.column("person"))
    kept = Tally(row[SCHEMA.names.index("o") - 1] for row in contents(blocks_of(table, SCHEMA, PERSON)))
    assert kept == {
        unit: min(rows, PERSON.max_rows) for unit, rows in Tally(table.column("person").to_pylist()).items()
    }


@given(table=TABLES, order=st.randoms(use_true_random=False), tasks=st.integers(1, 4))
def test_a_task_that_runs_again_keeps_the_same_rows(table: pa.Table, order: Any, tasks: int) -> None:
    """Other batches, another order, the same secret."""
    places = list(range(table.num_rows))
    order.shuffle(places)
    once, again = blocks_of(table, SCHEMA, PERSON), blocks_of(table.take(places), SCHEMA, PERSON, tasks=tasks)
    assert contents(once) == contents(again)


def test_a_unit_keeps_a_uniformly_random_subset() -> None:
    """Two of four rows of each of 3000 units: six subsets, all as likely; with another secret they are others."""
    rows = [
        {**dict.fromkeys(ARROW.names), "person": f"unit {unit}", "i": 1, "o": f"{unit} {row}"}
        for row in range(4)
        for unit in range(3000)
    ]
    table = pa.Table.from_pylist(rows, schema=ARROW)
    place = SCHEMA.names.index("o") - 1
    found = [[str(row[place]) for row in contents(blocks_of(table, SCHEMA, PERSON, seed))] for seed in (1, 2)]
    assert found[0] != found[1]
    kept: dict[str, list[str]] = {}
    for label in found[0]:
        unit, row = label.split()
        kept.setdefault(unit, []).append(row)
    subsets = Tally(tuple(sorted(rows)) for rows in kept.values())
    assert len(subsets) == 6
    assert stats.chisquare(list(subsets.values())).pvalue > 1e-6


def test_expanded_words_are_uniform_and_differ_by_place_and_call() -> None:
    entropy = ExpandedEntropy(b"secret" * 6, 0)
    first, second = entropy.words(20_000), entropy.words(20_000)
    assert not np.isin(first, [*second, *ExpandedEntropy(b"secret" * 6, 1).words(20_000)]).any()
    assert stats.kstest(first.astype(float) / 2**64, "uniform").pvalue > 1e-6
    with pytest.raises(ValueError, match="secret must be at least 32 random bytes; got 5"):
        ExpandedEntropy(b"short", 0)


def test_labels_that_were_bounded_away_are_gone() -> None:
    rows = [{**dict.fromkeys(ARROW.names), "person": "u", "i": 1, "o": f"label {row}"} for row in range(9)]
    blocks = blocks_of(pa.Table.from_pylist(rows, schema=ARROW), SCHEMA, PERSON)
    assert sorted(len(block.labels["o"]) for block in blocks) == [2]


def test_an_error_of_a_task_holds_no_cell() -> None:
    def job(batches: Any) -> Any:
        yield from batches
        raise ValueError("the cell was Alice")

    with pytest.raises(DataError, match="a task must run to its end; got ValueError") as error:
        list(held_back(job)(iter([])))
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_a_choice_shows_no_secret() -> None:
    assert "secret" not in repr(Choice(2, b"secret" * 6, b"secret" * 6))
