"""Every counter gives the same integers as plain counting of rows; a new backend is one line in COUNTERS."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import SessionClosedError
from dpsynth.mechanisms.random_fourier import TURN, RandomFourier
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import RowsIn, ingest, ingest_with_pool
from dpsynth.private.memory import MemoryCounter

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("colour", values=["red", "green", "blue"]),
        dpsynth.OpenCategorical("city", nullable=True),
        dpsynth.Numeric("size", lower=0, upper=20, integer=True, nullable=True),
        dpsynth.Boolean("member"),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-01-31", edges=["2020-01-11"]),
    ]
)
CODEC = Codec(
    (
        closed_codec(SCHEMA["colour"]),
        OpenCodec(SCHEMA["city"], ("Oslo", "Bergen")),
        BinnedCodec(SCHEMA["size"], (0, 5, 12, 21), atoms=(0, 7)),
        closed_codec(SCHEMA["member"]),
        closed_codec(SCHEMA["joined"]),
    )
)


def streamed(frame: pd.DataFrame) -> Counter:
    """The rows read from batches of three, so that the seams between batches are among the rows."""
    batches = pa.Table.from_pandas(frame, preserve_index=False, schema=ARROW).to_batches(max_chunksize=3)
    reader = pa.RecordBatchReader.from_batches(ARROW, batches)
    table, _ = ingest_with_pool(reader, SCHEMA, PrivacyUnit(), InsecureTestEntropy(0), None, RowsIn.DISK)
    return MemoryCounter(table)


ARROW = pa.schema(
    {"colour": pa.string(), "city": pa.string(), "size": pa.int64(), "member": pa.bool_(), "joined": pa.string()}
)
COUNTERS: dict[str, Callable[[pd.DataFrame], Counter]] = {
    "memory": lambda frame: MemoryCounter(ingest(frame, SCHEMA, PrivacyUnit(), InsecureTestEntropy(0))),
    "disk": streamed,
}

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "colour": st.sampled_from(["red", "green", "blue"]),
            "city": st.sampled_from(["Oslo", "Bergen", "Moss", None]),
            "size": st.one_of(st.none(), st.integers(0, 20)),
            "member": st.booleans(),
            "joined": st.integers(0, 30).map(lambda day: str(np.datetime64("2020-01-01") + day)),
        }
    ),
    max_size=40,
)


def frame_of(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SCHEMA.names)).astype({"size": "Int64"})


def plain_code(column: str, value: object) -> int:
    """The code of a cell, spelled out by hand."""
    match column:
        case "colour":
            return ["red", "green", "blue"].index(value)
        case "city":
            return ["Oslo", "Bergen"].index(value) if value in ("Oslo", "Bergen") else 2 if value is not None else 3
        case "size":
            if value is None:
                return 5
            return {0: 3, 7: 4}.get(value, 0 if value < 5 else 1 if value < 12 else 2)
        case "member":
            return int(value)
    return int(value >= "2020-01-11")


def cosines() -> RandomFourier:
    """Random phases of all columns, as a map of features."""
    rng = np.random.default_rng(0)
    angles = tuple(rng.integers(0, TURN, (size, 4)).astype(np.uint16) for size in CODEC.domain.sizes)
    return RandomFourier(CODEC.domain, (np.arange(4),) * len(angles), angles, 4)


@pytest.mark.parametrize("name", COUNTERS)
@given(rows=ROWS)
def test_equal_integers_on_the_same_rows(name, rows):
    counter = COUNTERS[name](frame_of(rows))
    assert counter.total() == len(rows)
    assert dict(counter.frequencies("city")) == dict(Tally(row["city"] for row in rows if row["city"] is not None))
    edges = np.array([0, 1, 3, 7, 8, 21])
    sizes = [row["size"] for row in rows if row["size"] is not None]
    assert counter.histogram("size", edges).tolist() == np.histogram(sizes, [*edges[:-1], 20.5])[0].tolist()
    features = cosines()
    expected = np.zeros(features.length, dtype=np.int64)
    for row in rows:
        expected += features.sums({column: np.array([plain_code(column, row[column])]) for column in SCHEMA.names})
    summed = counter.sums(CODEC, features)
    assert summed.dtype == np.int64
    assert np.array_equal(summed, expected)
    cliques = [(), *((column,) for column in SCHEMA.names), *combinations(SCHEMA.names, 2), SCHEMA.names[:3]]
    marginals = counter.marginals(CODEC, cliques)
    for clique in cliques:
        expected = np.zeros(CODEC.domain.shape(clique), dtype=np.int64)
        for row in rows:
            expected[tuple(plain_code(column, row[column]) for column in clique)] += 1
        assert marginals[clique].dtype == np.int64
        assert np.array_equal(marginals[clique], expected), clique


@pytest.mark.parametrize("name", COUNTERS)
def test_sums_do_not_depend_on_blocks_of_rows(name):
    """More rows than are summed at a time; of one row all blocks hold as many."""
    row = {"colour": "green", "city": "Oslo", "size": 7, "member": True, "joined": "2020-01-30"}
    features = cosines()
    one = COUNTERS[name](frame_of([row])).sums(CODEC, features)
    assert np.array_equal(COUNTERS[name](frame_of([row] * 10_000)).sums(CODEC, features), 10_000 * one)
    assert not COUNTERS[name](frame_of([])).sums(CODEC, features).any()


@pytest.mark.parametrize("name", COUNTERS)
def test_merged_codes_are_sums_of_codes(name):
    rows = [{"colour": colour, "city": None, "size": 3, "member": True, "joined": "2020-01-02"} for colour in
            ("red", "red", "green", "blue", "blue", "blue")]  # fmt: skip
    counter = COUNTERS[name](frame_of(rows))
    merged = CODEC.merged({"colour": np.array([0, 1, 1])}, {"colour": np.ones(3)})
    assert counter.marginals(merged, [("colour",)])[("colour",)].tolist() == [2, 4]
    assert counter.marginals(CODEC, [("colour",)])[("colour",)].tolist() == [2, 1, 3]


def test_a_closed_table_is_not_counted_any_more():
    table = ingest(frame_of([]), SCHEMA, PrivacyUnit(), InsecureTestEntropy(0))
    counter = MemoryCounter(table)
    counter.marginals(CODEC, [("colour",)])
    table.close()
    for ask in (
        counter.total,
        lambda: counter.frequencies("city"),
        lambda: counter.marginals(CODEC, [("colour",)]),
        lambda: counter.sums(CODEC, cosines()),
    ):
        with pytest.raises(SessionClosedError):
            ask()
