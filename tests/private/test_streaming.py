"""A table on disk is the table in memory: the same integers, the same faults, and nothing that is left behind."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DataError, SessionClosedError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private import ingest as ingests
from dpsynth.private import parquet_files, text_files
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import RowsIn, check, ingest_with_pool
from dpsynth.private.memory import MemoryCounter
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

ROW = PrivacyUnit()
WIDE = Datetime("t", lower="1900-01-01", upper="2100-12-31", resolution="second", nullable=True)
SCHEMA = Schema(
    [
        Identifier("person"),
        Categorical("c", values=["a", "ß", "1"], unknown="other", nullable=True),
        Categorical("i", values=range(3)),
        Boolean("b", missing=True),
        OpenCategorical("o", nullable=True),
        Numeric("x", lower=-10, upper=10, decimals=1, nullable=True),
        WIDE,
    ],
    missing_values=["?"],
)
CODEC = Codec(
    (
        closed_codec(SCHEMA["person"]),
        closed_codec(SCHEMA["c"]),
        closed_codec(SCHEMA["i"]),
        closed_codec(SCHEMA["b"]),
        OpenCodec(SCHEMA["o"], ("p", "ü")),
        BinnedCodec(SCHEMA["x"], (0, 50, 120, 201), (100,)),
        BinnedCodec(WIDE, (0, 10**9, WIDE.ticks)),
    )
)
ARROW = pa.schema(
    {
        "person": pa.string(),
        "c": pa.string(),
        "i": pa.int16(),
        "b": pa.bool_(),
        "o": pa.string(),
        "x": pa.float64(),
        "t": pa.timestamp("us"),
    }
)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "person": st.sampled_from(["u", "v", "w", "7", "ß"]),
    "c": st.sampled_from(["a", "ß", "1", "zz", "?", "", None]),
    "i": st.integers(0, 2),
    "b": st.sampled_from([True, False, None]),
    "o": st.sampled_from(["p", "ü", "\U0001f600", "?", None]),
    "x": st.one_of(st.none(), st.floats(-12, 12)),
    "t": st.one_of(st.none(), st.datetimes(dt.datetime(1899, 1, 1), dt.datetime(2102, 1, 1))),
}
TABLES = st.lists(st.fixed_dictionaries(CELLS), max_size=25).map(lambda rows: pa.Table.from_pylist(rows, schema=ARROW))


def counter_of(data: Any, rows_in: RowsIn, schema: Schema = SCHEMA, unit: PrivacyUnit = ROW) -> MemoryCounter:
    return MemoryCounter(ingest_with_pool(data, schema, unit, InsecureTestEntropy(1), None, rows_in)[0])


def answers(counter: Counter, codec: Codec = CODEC) -> list[Any]:
    """All that a counter says, as plain lists."""
    names = list(codec.domain.columns)
    cliques = [(), *itertools.combinations(names, 1), *itertools.combinations(names, 2), tuple(names[:3])]
    counts = counter.marginals(codec, cliques)
    edges = np.array([0, 1, 60, 100, 101, 201])
    return [
        counter.total(),
        dict(counter.frequencies("o")),
        counter.histogram("x", edges).tolist(),
        counter.histogram("t", np.array([0, 7, 10**9, WIDE.ticks])).tolist(),
        {clique: counts[clique].tolist() for clique in cliques},
    ]


@settings(max_examples=60)
@given(TABLES, st.integers(1, 9))
def test_rows_on_disk_give_the_integers_of_rows_in_memory(table: pa.Table, batch: int) -> None:
    reader = pa.RecordBatchReader.from_batches(ARROW, table.to_batches(max_chunksize=batch))
    on_disk = counter_of(reader, RowsIn.DISK)
    assert answers(on_disk) == answers(counter_of(table, RowsIn.MEMORY))
    on_disk.close()


@settings(max_examples=25)
@given(TABLES)
def test_as_many_rows_of_each_unit_stay_as_in_memory(table: pa.Table) -> None:
    unit = PrivacyUnit(column="person", max_rows=2)
    reader = pa.RecordBatchReader.from_batches(ARROW, table.to_batches(max_chunksize=4))
    persons = table["person"].to_pylist()
    expected = sum(min(persons.count(person), 2) for person in set(persons))
    assert counter_of(reader, RowsIn.DISK, unit=unit).total() == expected
    # Which rows is random; that all of them may stay is not.
    unbounded = PrivacyUnit(column="person", max_rows=25)
    reader = pa.RecordBatchReader.from_batches(ARROW, table.to_batches(max_chunksize=4))
    assert answers(counter_of(reader, RowsIn.DISK, unit=unbounded)) == answers(counter_of(table, RowsIn.MEMORY))


def test_bounded_rows_keep_their_cells_together() -> None:
    """Every column loses the same rows."""
    table = pa.table({"person": [row % 40 for row in range(400)], "a": np.arange(400) % 7, "b": np.arange(400) % 7})
    schema = Schema([Categorical("a", values=range(7)), Categorical("b", values=range(7))])
    codec = Codec(tuple(map(closed_codec, schema.columns)))
    counter = counter_of(table, RowsIn.DISK, schema, PrivacyUnit(column="person", max_rows=3))
    counts = counter.marginals(codec, [("a", "b")])["a", "b"]
    assert counts.sum() == np.trace(counts) == 120


FRAME = pa.Table.from_pylist(
    [
        {
            "person": f"u{row % 9}",
            "c": "aß1?"[row % 4],
            "i": row % 3,
            "b": row % 2 == 0,
            "o": "pqr"[row % 3],
            "x": row / 7,
        }
        for row in range(50)
    ],
    schema=ARROW,
)


def write_file(folder: Path) -> Any:
    pq.write_table(FRAME, folder / "t.parquet", row_group_size=7)
    return folder / "t.parquet"


def write_plain_text(folder: Path) -> Any:
    pq.write_table(FRAME, folder / "t.parquet", row_group_size=7, use_dictionary=False)
    return str(folder / "t.parquet")


def write_folder(folder: Path) -> Any:
    (folder / "parts").mkdir()
    for part in range(5):
        pq.write_table(FRAME.slice(10 * part, 10), folder / "parts" / f"{part}.parquet")
    return folder / "parts"


def write_hive(folder: Path) -> Any:
    pq.write_to_dataset(FRAME, folder / "hive", partition_cols=["i", "o"])
    return folder / "hive"


def write_uri(folder: Path) -> Any:
    return write_folder(folder).as_uri()


def write_fsspec(folder: Path) -> Any:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open(f"memory://{folder.name}/t.parquet", "wb") as file:
        pq.write_table(FRAME, file)
    return f"memory://{folder.name}/t.parquet"


def write_csv(folder: Path) -> Any:
    FRAME.to_pandas().to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def write_gz(folder: Path) -> Any:
    FRAME.to_pandas().to_csv(folder / "t.csv.gz", index=False)
    return folder / "t.csv.gz"


def as_dataset(folder: Path) -> Any:
    from pyarrow import dataset

    return dataset.dataset(write_folder(folder))


SOURCES = [
    write_file,
    write_plain_text,
    write_folder,
    write_hive,
    write_uri,
    write_fsspec,
    write_csv,
    write_gz,
    as_dataset,
]


@pytest.mark.parametrize("rows_in", [RowsIn.MEMORY, RowsIn.DISK])
@pytest.mark.parametrize("write", SOURCES)
def test_every_source_gives_the_same_integers(
    write: Any, rows_in: RowsIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 3)
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 500)
    expected = answers(counter_of(FRAME, RowsIn.MEMORY))
    assert expected[0] == 50
    assert answers(counter_of(write(tmp_path), rows_in)) == expected


def test_names_of_folders_are_text(tmp_path: Path) -> None:
    """A postcode with a leading zero is no number, though all names of folders may look like numbers."""
    pq.write_to_dataset(pa.table({"zip": ["007", "010"], "a": [1, 2]}), tmp_path / "t", partition_cols=["zip"])
    schema = Schema([OpenCategorical("zip"), Numeric("a", lower=1, upper=2, integer=True)])
    assert counter_of(tmp_path / "t", RowsIn.DISK, schema).frequencies("zip") == {"007": 1, "010": 1}


BROKEN = {
    "person": ["u", None, "v", "u"],
    "c": ["a"] * 4,
    "i": [0, 7, 1, 2],
    "b": [True] * 4,
    "o": ["p"] * 4,
    "x": [0.0] * 4,
    "t": [None] * 4,
}


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_all_problems_come_at_once_and_are_those_of_memory(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema(
        [
            *[column for column in SCHEMA.columns if column.name not in ("c", "x")],
            Categorical("c", values=["b"]),
            Numeric("absent", lower=0, upper=1),
            Categorical("d", values=["b"]),
        ]
    )
    table = pa.table({**BROKEN, "d": [None, "b", "SECRET-4711", "b"]})
    expected = check(table, schema, "person")
    rules = [(problem.column, problem.rule) for problem in expected]
    assert rules == [
        ("absent", "present"), ("i", "unknown"), ("c", "unknown"), ("d", "unknown"), ("d", "missing"),
        ("person", "unit"),
    ]  # fmt: skip
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=batch))
    assert check(reader, schema, "person") == expected
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=batch))
    with pytest.raises(DataError) as caught:
        counter_of(reader, RowsIn.DISK, schema, PrivacyUnit(column="person"))
    assert caught.value.problems == expected
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("write", [write_file, write_folder, write_csv])
def test_a_source_that_changes_while_it_is_read_is_refused(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 10)
    where = write(tmp_path)
    seen = []

    def touch(done: float) -> None:
        seen.append(done)
        file = next(each for each in sorted(where.parent.rglob("*")) if each.is_file())
        os.utime(file, (time.time(), time.time() + 60))

    with pytest.raises(DataError, match="change while"):
        ingest_with_pool(where, SCHEMA, ROW, OsEntropy(), None, RowsIn.DISK, touch)
    assert seen == sorted(seen)


def test_a_damaged_file_is_refused_without_a_cell_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spools").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spools"))
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 300)
    where = write_csv(tmp_path)
    where.write_text(where.read_text() + "SECRET-4711,a\n")
    with pytest.raises(DataError, match="line 52 has 2 fields") as caught:
        counter_of(where, RowsIn.DISK)
    assert caught.value.__context__ is None
    assert "4711" not in str(caught.value)
    assert list((tmp_path / "spools").iterdir()) == []


def test_size_decides_and_a_word_overrules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = write_file(tmp_path)

    def on_disk(rows_in: RowsIn) -> bool:
        table = ingest_with_pool(where, SCHEMA, ROW, OsEntropy(), None, rows_in)[0]
        found = table.rows().spool is not None
        table.close()
        return found

    assert [on_disk(each) for each in RowsIn] == [False, False, True]
    monkeypatch.setattr(ingests, "MEMORY_BYTES", 100)
    assert [on_disk(each) for each in RowsIn] == [True, False, True]
    assert check(where, SCHEMA) == ()


def test_rows_on_disk_are_not_handed_out_one_by_one() -> None:
    counter = counter_of(FRAME, RowsIn.DISK)
    with pytest.raises(SettingError, match="rows_in='memory'"):
        counter.coded_rows(CODEC)


def test_nothing_is_answered_once_the_table_is_closed() -> None:
    table = ingest_with_pool(FRAME, SCHEMA, ROW, OsEntropy(), None, RowsIn.DISK)[0]
    counter, spool = MemoryCounter(table), table.rows().spool
    counter.marginals(CODEC, [("c", "x")])
    codes = counter._encoded["x"][1]
    table.close()
    with pytest.raises(SessionClosedError):
        counter.marginals(CODEC, [("c", "x")])
    assert spool is not None
    assert spool._file.closed
    del codes
    assert not counter._encoded
