"""Rows in a database give the integers of rows in memory, and nothing but counts leaves it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter as Tally
from contextlib import closing
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import DataError, SessionClosedError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import check, ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.counter import WarehouseCounter
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema
from tests.private.warehouse.engines import Put

ROW = PrivacyUnit()
PERSON = PrivacyUnit(column="person", max_rows=2)
HOSTILE = 'a\'); DROP TABLE "rows"; --'
WIDE = Datetime("t", lower="1900-01-01", upper="2100-12-31", resolution="second", nullable=True)
SCHEMA = Schema(
    [
        Identifier("person"),
        Categorical("c", values=["a", "ß", "1", HOSTILE], unknown="other", nullable=True),
        Categorical("i", values=[0, 1.0, "2"]),
        Boolean("b", missing=True),
        Boolean("yes", labels=["no", "yes"], nullable=True),
        OpenCategorical("o", nullable=True),
        Numeric('x"; --', lower=-10, upper=10, decimals=1, nullable=True, out_of_bounds="null"),
        Numeric("whole", lower=-3, upper=4, integer=True, nullable=True),
        Numeric("raw", lower=0.1, upper=7, nullable=True),
        Numeric("money", lower=-1, upper=1, decimals=2, nullable=True),
        Numeric("long", lower=-1, upper=1, decimals=2, nullable=True, out_of_bounds="null"),
        WIDE,
        Datetime("day", lower="2020-01-05", upper="2020-02-01", missing="2020-01-09"),
    ],
    missing_values=["?"],
)
X = SCHEMA['x"; --']
RAW = SCHEMA["raw"]
CODEC = Codec(
    tuple(
        OpenCodec(column, ("p", "ü", HOSTILE))
        if isinstance(column, OpenCategorical)
        else BinnedCodec(column, (0, column.ticks // 3, column.ticks // 2, column.ticks), (column.ticks // 2 - 1,))
        if isinstance(column, Numeric | Datetime)
        else closed_codec(column)
        for column in SCHEMA.columns
    )
)
ARROW = pa.schema(
    {
        "person": pa.string(),
        "c": pa.string(),
        "i": pa.int16(),
        "b": pa.bool_(),
        "yes": pa.string(),
        "o": pa.string(),
        'x"; --': pa.float64(),
        "whole": pa.float64(),
        "raw": pa.float64(),
        "money": pa.decimal128(12, 3),
        "long": pa.decimal128(38, 22),
        "t": pa.timestamp("us"),
        "day": pa.date32(),
    }
)
TIES = st.integers(-250, 250).map(lambda place: place / 20)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "person": st.sampled_from(["u", "v", "w", "7", "ß"]),
    "c": st.sampled_from(["a", "ß", "1", "A", "zz", "?", "", HOSTILE, None]),
    "i": st.integers(0, 2),
    "b": st.sampled_from([True, False, None]),
    "yes": st.sampled_from(["no", "yes", "tRue", "fal\u017fe", "0", "?", None]),
    "o": st.sampled_from(["p", "ü", "\U0001f600", "?", "", HOSTILE, None]),
    'x"; --': st.one_of(st.none(), TIES, st.floats(-12, 12), st.sampled_from([float("nan"), float("inf"), 1e-320])),
    "whole": st.one_of(st.none(), TIES, st.floats()),
    "raw": st.one_of(st.none(), st.floats(0, 8)),
    "money": st.one_of(st.none(), st.integers(-1100, 1100).map(lambda cents: Decimal(cents).scaleb(-3))),
    "long": st.one_of(
        st.none(),
        st.tuples(st.integers(-1100, 1100), st.integers(-3, 3)).map(
            lambda parts: Decimal(parts[0]).scaleb(-3) + Decimal(parts[1]).scaleb(-22)
        ),
    ),
    "t": st.one_of(st.none(), st.datetimes(dt.datetime(1899, 1, 1), dt.datetime(2102, 1, 1))),
    "day": st.one_of(st.none(), st.dates(dt.date(2020, 1, 1), dt.date(2020, 2, 5))),
}
TABLES = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=25).map(
    lambda rows: pa.Table.from_pylist(rows, schema=ARROW)
)


def counter_of(where: Warehouse, unit: PrivacyUnit = ROW, schema: Schema = SCHEMA, seed: int = 1) -> WarehouseCounter:
    return WarehouseCounter.of(where, schema, unit, InsecureTestEntropy(seed))


def answers(counter: Counter, codec: Codec = CODEC) -> list[Any]:
    """All that a counter says, as plain lists."""
    names = list(codec.domain.columns)
    cliques = [(), *itertools.combinations(names, 1), *itertools.combinations(names, 2), tuple(names[:3])]
    counts = counter.marginals(codec, cliques)
    ticks = {
        column.name: sorted({0, 1, column.ticks // 3, column.ticks - 1, column.ticks})
        for column in SCHEMA.columns
        if isinstance(column, Numeric | Datetime)
    }
    return [
        counter.total(),
        dict(counter.frequencies("o")),
        {name: counter.histogram(name, np.array(edges)).tolist() for name, edges in ticks.items()},
        {clique: counts[clique].tolist() for clique in cliques},
    ]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(table=TABLES)
def test_rows_in_a_database_give_the_integers_of_rows_in_memory(put: Put, table: pa.Table) -> None:
    inside = counter_of(put(table))
    expected = MemoryCounter(ingest(table, SCHEMA, ROW, InsecureTestEntropy(1)))
    assert answers(inside) == answers(expected)
    inside.close()


def test_a_unit_keeps_a_uniformly_random_subset(put: Put) -> None:
    """Two of four rows of each of 600 units: six subsets, all as likely."""
    rows = [
        {**dict.fromkeys(ARROW.names), "person": f"unit {unit}", "i": 1, "o": f"{unit} {row}"}
        for row in range(4)
        for unit in range(600)
    ]
    inside = counter_of(put(pa.Table.from_pylist(rows, schema=ARROW)), PERSON)
    assert inside.total() == 1200
    kept: dict[str, list[str]] = {}
    for label in inside.frequencies("o"):
        unit, row = label.split()
        kept.setdefault(unit, []).append(row)
    subsets = Tally(tuple(sorted(rows)) for rows in kept.values())
    assert len(subsets) == 6
    assert stats.chisquare(list(subsets.values())).pvalue > 1e-6
    inside.close()


def test_which_rows_a_unit_keeps_hangs_on_the_secret_alone(put: Put) -> None:
    """Each secret keeps other rows, and the same one the same rows."""
    rows = [{**dict.fromkeys(ARROW.names), "person": "u", "i": 1, "o": f"{row}"} for row in range(40)]
    where = put(pa.Table.from_pylist(rows, schema=ARROW))

    def kept(seed: int) -> frozenset[str]:
        with closing(counter_of(where, PERSON, seed=seed)) as inside:
            return frozenset(inside.frequencies("o"))

    found = [kept(seed) for seed in range(5)]
    assert len(set(found)) >= 4  # two of five agree with probability 10 / 780
    assert kept(2) == found[2]


def test_broken_rules_are_those_of_memory(put: Put) -> None:
    rows = [{**dict.fromkeys(ARROW.names), "i": 7, "c": "a"}, {**dict.fromkeys(ARROW.names), "person": "u"}]
    table = pa.Table.from_pylist(rows, schema=ARROW)
    with pytest.raises(DataError) as inside:
        counter_of(put(table), PERSON)
    with pytest.raises(DataError) as expected:
        ingest(table, SCHEMA, PERSON, InsecureTestEntropy(1))
    assert inside.value.problems == expected.value.problems == check(put(table), SCHEMA, "person")
    assert len(inside.value.problems) == 3


def test_text_that_holds_numbers_is_refused(put: Put) -> None:
    schema = Schema([Numeric("n", lower=0, upper=9)])
    with pytest.raises(DataError, match="must be of a type that the warehouse counts exactly; got text"):
        counter_of(put(pa.table({"n": ["1"]})), schema=schema)
    with pytest.raises(DataError, match="must be in the data"):
        counter_of(put(pa.table({"m": ["1"]})), schema=schema)


def test_rows_stay_and_a_closed_counter_says_nothing(put: Put) -> None:
    inside = counter_of(put(pa.Table.from_pylist([], schema=ARROW)))
    with pytest.raises(SettingError, match="try a synthesizer that counts"):
        inside.coded_rows(CODEC)
    inside.close()
    inside.close()
    for ask in (inside.total, lambda: inside.frequencies("o"), lambda: inside.marginals(CODEC, [("b",)])):
        with pytest.raises(SessionClosedError):
            ask()
