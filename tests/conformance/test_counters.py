"""Every counter gives the same integers as plain counting of rows; a new backend is one line in COUNTERS."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DataError, SessionClosedError
from dpsynth.mechanisms.random_fourier import TURN, RandomFourier
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import RowsIn, ingest, ingest_with_pool
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.counter import WarehouseCounter
from tests.ledger.postgres_server import absent, running_server
from tests.private.warehouse.engines import in_duckdb, in_postgres, need_duckdb

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("colour", values=["red", "green", "blue"]),
        dpsynth.OpenCategorical("city", nullable=True),
        dpsynth.Numeric("size", lower=0, upper=20, integer=True, nullable=True),
        dpsynth.Boolean("member"),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-01-31", edges=["2020-01-11"]),
    ]
)
ROW = PrivacyUnit()
CODEC = Codec(
    (
        closed_codec(SCHEMA["colour"]),
        OpenCodec(SCHEMA["city"], ("Oslo", "Bergen")),
        BinnedCodec(SCHEMA["size"], (0, 5, 12, 21), atoms=(0, 7)),
        closed_codec(SCHEMA["member"]),
        closed_codec(SCHEMA["joined"]),
    )
)


# Of the columns as they are in a database, where a date is no text.
ARROW = pa.schema(
    {"colour": pa.string(), "city": pa.string(), "size": pa.int64(), "member": pa.bool_(), "joined": pa.date32()}
)
Open = Callable[[pd.DataFrame, PrivacyUnit], Counter]
PERSON = PrivacyUnit(column="person", max_rows=2)


def arrow(frame: pd.DataFrame) -> pa.Table:
    types = ARROW.append(pa.field("person", pa.string())) if "person" in frame else ARROW
    return pa.Table.from_pandas(frame.assign(joined=pd.to_datetime(frame["joined"]).dt.date), types, False)


@contextmanager
def memory() -> Iterator[Open]:
    yield lambda frame, unit: MemoryCounter(ingest(frame, SCHEMA, unit, InsecureTestEntropy(0)))


@contextmanager
def disk() -> Iterator[Open]:
    """The rows read from batches of three, so that the seams between batches are among the rows."""

    def streamed(frame: pd.DataFrame, unit: PrivacyUnit) -> Counter:
        table = arrow(frame)
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=3))
        return MemoryCounter(ingest_with_pool(reader, SCHEMA, unit, InsecureTestEntropy(0), None, RowsIn.DISK)[0])

    yield streamed


@contextmanager
def duckdb() -> Iterator[Open]:
    need_duckdb()
    with TemporaryDirectory() as folder:
        yield lambda frame, unit: counted_in(in_duckdb(arrow(frame), Path(folder)), unit)


@contextmanager
def postgresql() -> Iterator[Open]:
    pytest.importorskip("psycopg")
    if (reason := absent()) is not None:
        pytest.skip(reason)
    with running_server() as server:
        yield lambda frame, unit: counted_in(in_postgres(arrow(frame), server.url()), unit)


def counted_in(where: Warehouse, unit: PrivacyUnit) -> Counter:
    return WarehouseCounter.of(where, SCHEMA, unit, InsecureTestEntropy(0))


COUNTERS: dict[str, Callable[[], AbstractContextManager[Open]]] = {
    "memory": memory,
    "disk": disk,
    "duckdb": duckdb,
    "postgresql": postgresql,
}
# Where an example is a table in a database, there are fewer of them.
EXAMPLES = {"duckdb": 25, "postgresql": 25}


@pytest.fixture(scope="module", params=COUNTERS)
def counted(request: pytest.FixtureRequest) -> Iterator[Callable[..., AbstractContextManager[Counter]]]:
    """Opens a counter of a frame, and closes it at the end of a `with`."""
    with COUNTERS[request.param]() as opened:
        yield lambda frame, unit=ROW: closing(opened(frame, unit))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "colour": st.sampled_from(["red", "green", "blue"]),
            "city": st.sampled_from(
                ["Oslo", "Bergen", "Moss", "\u00c5s \U0001f68b", "A\u030as", " Oslo", "OSLO", None]
            ),
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


def test_equal_integers_on_the_same_rows(counted, request):
    examples = EXAMPLES.get(request.node.callspec.params["counted"], settings.default.max_examples)

    @settings(max_examples=examples)
    @given(rows=ROWS)
    def compared(rows):
        with counted(frame_of(rows)) as counter:
            compare(counter, rows)

    compared()


def compare(counter: Counter, rows: list[dict]) -> None:
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


def test_every_unit_keeps_its_rows_up_to_the_bound(counted):
    """Of rows that tell themselves apart by their city: as many as the bound of each unit, and they are its own."""
    row = {"colour": "red", "size": None, "member": True, "joined": "2020-01-02"}
    people = ["ann", "ann", "ann", "ANN", "ann ", "\u00c5se", "A\u030ase", "ann"]
    rows = [{**row, "city": f"{place}"} for place in range(len(people))]
    with counted(frame_of(rows).assign(person=people), PERSON) as counter:
        kept = [people[int(city)] for city in counter.frequencies("city")]
        assert Tally(kept) == {person: min(times, 2) for person, times in Tally(people).items()}
        assert counter.total() == len(kept)


@pytest.mark.parametrize("nobody", [None, ""])
def test_rows_without_a_unit_are_refused(counted, nobody):
    row = {"colour": "red", "city": "Oslo", "size": None, "member": True, "joined": "2020-01-02"}
    with pytest.raises(DataError, match="must name a unit in every row"):
        counted(frame_of([row, row]).assign(person=["ann", nobody]), PERSON)


def test_sums_do_not_depend_on_blocks_of_rows(counted):
    """More rows than are summed at a time; of one row all blocks hold as many."""
    row = {"colour": "green", "city": "Oslo", "size": 7, "member": True, "joined": "2020-01-30"}
    features = cosines()
    with counted(frame_of([row])) as counter:
        one = counter.sums(CODEC, features)
    with counted(frame_of([row] * 10_000)) as counter:
        assert np.array_equal(counter.sums(CODEC, features), 10_000 * one)
    with counted(frame_of([])) as counter:
        assert not counter.sums(CODEC, features).any()


def test_merged_codes_are_sums_of_codes(counted):
    rows = [{"colour": colour, "city": None, "size": 3, "member": True, "joined": "2020-01-02"} for colour in
            ("red", "red", "green", "blue", "blue", "blue")]  # fmt: skip
    merged = CODEC.merged({"colour": np.array([0, 1, 1])}, {"colour": np.ones(3)})
    with counted(frame_of(rows)) as counter:
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
