"""Rows in Spark give the integers of rows in memory, and nothing but counts comes from there."""

from __future__ import annotations

import itertools
import logging
from collections import Counter as Tally
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings

from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DataError, SchemaError, SessionClosedError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.parquet_files import open_parquet
from dpsynth.private.spark.counter import SparkCounter, is_spark
from dpsynth.private.spark.kept import FileBlocks, SparkBlocks
from dpsynth.private.spark.sources import Shares, SparkFiles
from dpsynth.schema.columns import Categorical, Datetime, Numeric
from dpsynth.schema.schema import Schema
from tests.conformance.test_counters import CODEC as FEATURE_CODEC
from tests.conformance.test_counters import SCHEMA as FEATURE_SCHEMA
from tests.conformance.test_counters import cosines, frame_of
from tests.private.spark.failing import dying, dying_codec, through
from tests.private.spark.spark_session import absent, crossed, disk, in_spark, log, spark
from tests.private.spark.tables import ARROW, CODEC, PERSON, ROW, SCHEMA, TABLES

pytestmark = [
    pytest.mark.skipif(absent() is not None, reason=str(absent())),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]
PAIRS = list(itertools.combinations(CODEC.domain.columns, 2))
# Columns alone and pairs: all counts that the tests compare.
CLIQUES = [(), *((name,) for name in CODEC.domain.columns), *PAIRS]
NOBODY = {**dict.fromkeys(ARROW.names), "person": "u", "i": 1}


def counter_of(frame: Any, unit: PrivacyUnit = ROW, schema: Schema = SCHEMA, seed: int = 1) -> SparkCounter:
    return SparkCounter.of(frame, schema, unit, InsecureTestEntropy(seed))


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=ARROW)


def answers(counter: Counter) -> list[Any]:
    """All that a counter says, as plain lists."""
    counts = counter.marginals(CODEC, CLIQUES)
    edges = {name: np.array([0, 1, SCHEMA[name].ticks // 3, SCHEMA[name].ticks]) for name in ("money", "t", "zoned")}
    return [
        counter.total(),
        dict(counter.frequencies("o")),
        {name: counter.histogram(name, ticks).tolist() for name, ticks in edges.items()},
        {clique: counts[clique].tolist() for clique in CLIQUES},
    ]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=TABLES)
def test_rows_in_spark_give_the_integers_of_rows_in_memory(table: pa.Table) -> None:
    inside = counter_of(in_spark(table))
    expected = MemoryCounter(ingest(table, SCHEMA, ROW, InsecureTestEntropy(1)))
    assert answers(inside) == answers(expected)
    inside.close()


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=TABLES)
def test_units_are_bounded_across_partitions(table: pa.Table) -> None:
    """A copy of the unit beside it, as a label, shows whose the kept rows are."""
    table = table.set_column(table.schema.get_field_index("o"), "o", table.column("person"))
    inside = counter_of(in_spark(table, partitions=5), PERSON)
    rows = Tally(table.column("person").to_pylist())
    assert inside.frequencies("o") == {unit: min(count, PERSON.max_rows) for unit, count in rows.items()}
    inside.close()


def test_files_that_executors_read_give_the_integers_of_memory(tmp_path: Path) -> None:
    """Two files of some row groups, in a folder that is partitioned by the name of one column."""
    table = table_of(
        [{**NOBODY, "person": str(row % 7), "c": "a1"[row % 2], "o": str(row % 4), "i": row % 3} for row in range(90)]
    )
    for name in "a1":
        folder = tmp_path / f"c={name}"
        folder.mkdir()
        some = table.filter(pa.compute.equal(table.column("c"), name)).drop_columns(["c"])
        pa.parquet.write_table(some, folder / "rows.parquet", row_group_size=30)
    inside = counter_of(SparkFiles(spark(), tmp_path))
    expected = answers(MemoryCounter(ingest(table, SCHEMA, ROW, InsecureTestEntropy(1))))
    assert answers(inside) == expected
    assert kept_files()
    for file in kept_files():  # as when Spark asks another executor
        file.unlink()
    inside._kept.clear()
    assert answers(inside) == expected
    assert kept_files()
    inside.close()
    assert not kept_files()
    bounded = counter_of(SparkFiles(spark(), tmp_path), PERSON)
    assert bounded.total() == 14
    bounded.close()


def kept_files() -> list[Path]:
    """Those with blocks that executors have."""
    return list(disk().rglob("dpsynth-*/*.arrow"))


def test_files_that_change_between_counts_are_refused_once_they_are_read_again(tmp_path: Path) -> None:
    schema = Schema([Categorical("n", values=[1, 2])])
    codec = Codec(tuple(map(closed_codec, schema.columns)))
    pa.parquet.write_table(pa.table({"n": [1, 2]}), tmp_path / "rows.parquet")
    inside = counter_of(SparkFiles(spark(), tmp_path), schema=schema)
    pa.parquet.write_table(pa.table({"n": [2, 2, 2]}), tmp_path / "rows.parquet")
    assert inside.marginals(codec, [("n",)])[("n",)].tolist() == [1, 1]
    for file in kept_files():
        file.unlink()
    inside._kept.clear()
    with pytest.raises(DataError, match="the Spark session must compute"):
        inside.marginals(codec, [("n",)])
    inside.close()


def test_nothing_is_written_where_spark_encrypts_what_it_writes(tmp_path: Path) -> None:
    class Encrypting:
        conf: ClassVar = {"spark.io.encryption.enabled": "true"}
        range = staticmethod(spark().range)

    pa.parquet.write_table(pa.table({"n": [1, 2]}), tmp_path / "rows.parquet")
    shares = Shares(open_parquet(tmp_path / "rows.parquet").pieces(["n"]), 1)
    blocks = FileBlocks.of(Encrypting(), shares, lambda batches: batches)
    for _ in range(2):
        assert [row.n for row in blocks.through(["n"], lambda batches: batches, "n bigint").collect()] == [1, 2]
    assert not kept_files()
    blocks.discard()


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    schema = Schema([Numeric("n", lower=0, upper=9, integer=True, out_of_bounds="refuse")])
    for where in (tmp_path / "absent.parquet", tmp_path / "rows.csv"):
        (tmp_path / "rows.csv").write_text("n\n1\n")
        with pytest.raises(DataError):
            counter_of(SparkFiles(spark(), where), schema=schema)
    pa.parquet.write_table(pa.table({"n": [1, 99]}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="column 'n', rule out_of_bounds"):
        counter_of(SparkFiles(spark(), tmp_path / "rows.parquet"), schema=schema)
    content = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "rows.parquet").write_bytes(content[:8] + b"\xff" * 20 + content[28:])
    with pytest.raises(DataError, match="the Spark session must compute"):
        counter_of(SparkFiles(spark(), tmp_path / "rows.parquet"), schema=schema)


def test_sums_of_features_are_those_of_memory() -> None:
    row = {"colour": "green", "city": "Oslo", "size": 7, "member": True, "joined": "2020-01-30"}
    table = pa.Table.from_pandas(frame_of([row] * 300), preserve_index=False)
    inside = counter_of(in_spark(table), schema=FEATURE_SCHEMA)
    expected = MemoryCounter(ingest(table, FEATURE_SCHEMA, ROW, InsecureTestEntropy(1)))
    features = cosines()
    assert np.array_equal(inside.sums(FEATURE_CODEC, features), expected.sums(FEATURE_CODEC, features))
    inside.close()


def test_many_cells_are_added_up_in_pieces() -> None:
    """More cells than travel in one piece, and rows in the last of them."""
    sizes = {"a": 300, "b": 400}
    schema = Schema([Categorical(name, values=range(size)) for name, size in sizes.items()])
    table = pa.table({"a": [299, 299, 0, 150] * 50, "b": [399, 0, 0, 7] * 50})
    inside = counter_of(in_spark(table, partitions=3), schema=schema)
    memory = MemoryCounter(ingest(table, schema, ROW, InsecureTestEntropy(1)))
    codec = Codec(tuple(map(closed_codec, schema.columns)))
    assert np.array_equal(
        inside.marginals(codec, [("a", "b")])[("a", "b")], memory.marginals(codec, [("a", "b")])[("a", "b")]
    )
    inside.close()


def test_nothing_but_counts_crosses() -> None:
    """By our own record of answers, and by Spark's of the bytes that its tasks sent: neither grows with the rows."""
    arrived, sent = {}, {}
    for rows in (300, 30_000):
        table = table_of([{**NOBODY, "person": str(row), "o": f"{row % 3}"} for row in range(rows)])
        frame = in_spark(table)
        before = crossed()
        inside = counter_of(frame, PERSON)
        assert inside.total() == rows
        assert len(inside.frequencies("o")) == 3
        inside.histogram("t", np.array([0, 5]))
        inside.marginals(CODEC, PAIRS)
        arrived[rows], sent[rows] = list(inside._crossing.arrived), crossed() - before
    before = crossed()
    inside._crossing.rows(lambda: frame.select("person"))  # the planted leak
    assert inside._crossing.arrived[-1] == (30_000, 1)
    assert crossed() - before > 30_000
    inside.close()
    broken, total, names, histogram, pieces = arrived[30_000]
    assert arrived[300] == arrived[30_000]
    assert (broken, total, names) == ((0, 0), (1, 2), (3, 2))
    assert histogram[0] <= 1
    assert pieces[0] <= 3
    assert abs(sent[30_000] - sent[300]) < 10_000


def test_a_task_that_fails_once_gives_the_same_counts(tmp_path: Path) -> None:
    table = table_of([{**NOBODY, "person": str(row % 9), "c": "a1"[row % 2]} for row in range(200)])
    whole = counter_of(in_spark(table), PERSON)
    expected = whole.marginals(CODEC, PAIRS)
    whole.close()
    taken_in = counter_of(dying(in_spark(table), tmp_path / "taking in"), PERSON)
    assert (tmp_path / "taking in").exists()
    counts = taken_in.marginals(dying_codec(CODEC, "c", tmp_path / "counting"), PAIRS)
    assert (tmp_path / "counting").exists()
    assert all(np.array_equal(counts[pair], expected[pair]) for pair in PAIRS)
    taken_in.close()


def test_blocks_that_are_lost_come_again_as_they_were() -> None:
    """The executors drop what they kept, and read the table in another order: the same rows of each unit stay."""
    table = table_of([{**NOBODY, "person": str(row % 20), "c": "a1"[row % 2], "o": str(row)} for row in range(400)])

    def shuffled(batches: Any) -> Any:
        for batch in batches:
            yield batch.take(np.random.default_rng().permutation(batch.num_rows))

    frame = in_spark(table)
    inside = counter_of(through(shuffled, frame), PERSON)
    before = inside.frequencies("o")
    (held,) = inside._held
    assert isinstance(held, SparkBlocks)
    held.frame.unpersist(blocking=True)
    assert inside.frequencies("o") == before
    assert len(before) == 40
    other = counter_of(frame, PERSON, seed=2)
    assert other.frequencies("o") != before
    inside.close()
    other.close()


def test_broken_rules_are_those_of_memory() -> None:
    table = table_of([{**NOBODY, "i": 7, "c": "a"}, {**NOBODY, "person": None, "text": "seven"}, NOBODY])
    for schema in (SCHEMA, Schema([*SCHEMA.columns, Numeric("absent", lower=0, upper=1)])):
        with pytest.raises(DataError) as inside:
            counter_of(in_spark(table), PERSON, schema)
        with pytest.raises(DataError) as expected:
            ingest(table, schema, PERSON, InsecureTestEntropy(1))
        assert inside.value.problems == expected.value.problems
        assert len(inside.value.problems) >= 3


def test_columns_that_cannot_be_counted_are_refused() -> None:
    session = spark()
    schema = Schema([Numeric(name, lower=0, upper=9, integer=True) for name in "nN"])
    with pytest.raises(DataError, match="column 'N', rule present: must be in the data"):
        counter_of(session.range(3).selectExpr("id AS n"), schema=schema)
    both = counter_of(session.range(3).selectExpr("id AS n", "id + 1 AS N"), schema=schema)
    assert both.histogram("N", np.array([0, 1, 4])).tolist() == [0, 3]
    both.close()
    with pytest.raises(DataError, match="column 'n', rule type: cells must be numbers"):
        counter_of(session.range(3).selectExpr("array(id) AS n", "id AS N"), schema=schema)
    with pytest.raises(SettingError, match="must be a table that ends; got a stream"):
        counter_of(session.readStream.format("rate").load(), schema=schema)
    with pytest.raises(SettingError, match="must be declared as an identifier"):
        counter_of(session.range(3).selectExpr("id AS n"), PrivacyUnit(column="n"), schema)
    with pytest.raises(SchemaError):
        counter_of(session.range(3), schema=Schema([Numeric("id", lower=0, upper=9, source="unreviewed")]))


def test_instants_are_read_in_utc_and_others_as_they_stand() -> None:
    """The session is 5:45 ahead of UTC."""
    schema = Schema([Datetime(name, lower="2020-01-01", upper="2020-01-02", resolution="minute") for name in "iz"])
    texts = "timestamp'2020-01-01 06:45:00' AS i", "timestamp_ntz'2020-01-01 06:45:00' AS z"
    inside = counter_of(spark().range(1).selectExpr(*texts), schema=schema)
    for name, minute in (("i", 60), ("z", 405)):
        assert inside.histogram(name, np.array([0, minute, minute + 1, 1441])).tolist() == [0, 1, 0]
    inside.close()


def said_by(name: str) -> list[str]:
    """What a logger of pyspark says from now on."""
    from pyspark.logger import PySparkLogger

    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    PySparkLogger.getLogger(name).addHandler(handler)
    return said


def test_an_error_of_spark_holds_no_cell_and_is_not_logged() -> None:
    """A cast of text fails for good, in Spark's own code, and its words quote the cell."""
    schema = Schema([Numeric("n", lower=0, upper=9)])
    session, said = spark(), said_by("SQLQueryContextLogger")
    for name, quoted in (("Alice Adams", False), ("Bob Brown", True)):
        frame = session.createDataFrame([(name,)], "s string").selectExpr("cast(s AS int) AS n")
        if quoted:  # what is held back
            with pytest.raises(Exception, match=name):
                frame.collect()
        with pytest.raises(DataError, match=r"the Spark session must compute; got its error \w+; try") as error:
            counter_of(frame, schema=schema)
        assert name not in str(error.value)
        assert error.value.__cause__ is None
        assert error.value.__context__ is None
        assert (name in log().read_text(errors="replace")) is quoted
        assert any(name in text for text in said) is quoted


def test_rows_stay_and_a_closed_counter_says_nothing() -> None:
    inside = counter_of(in_spark(table_of([])))
    assert is_spark(in_spark(table_of([])))
    assert inside.total() == 0
    with pytest.raises(SettingError, match="try a synthesizer that counts"):
        inside.coded_rows(CODEC)
    with pytest.raises(SettingError, match="must be an open categorical one"):
        inside.frequencies("c")
    with pytest.raises(SettingError, match="must be numeric or datetime"):
        inside.histogram("c", np.array([0, 1]))
    inside.close()
    inside.close()
    asks: list[Callable[[], object]] = [
        inside.total,
        lambda: inside.frequencies("o"),
        lambda: inside.marginals(CODEC, [("b",)]),
    ]
    for ask in asks:
        with pytest.raises(SessionClosedError):
            ask()
