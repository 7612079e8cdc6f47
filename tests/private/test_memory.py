"""The counter in memory against plain loops over rows, and its end."""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import SessionClosedError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private import kept_marginals, memory
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.table import PrivateTable
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

X = Numeric("x", lower=-10, upper=10, integer=True, nullable=True)
T = Datetime("t", lower="1900-01-01", upper="2100-12-31", resolution="second")
SCHEMA = Schema(
    [
        Identifier("id"),
        Categorical("c", values=["a", "b"], nullable=True),
        Boolean("b"),
        OpenCategorical("o", nullable=True),
        X,
        T,
    ]
)
CODEC = Codec(
    (
        closed_codec(SCHEMA["id"]),
        closed_codec(SCHEMA["c"]),
        closed_codec(SCHEMA["b"]),
        OpenCodec(OpenCategorical("o", nullable=True), ("p", "never")),
        BinnedCodec(X, (0, 5, 12, 21), (10,)),
        BinnedCodec(T, (0, 10**9, T.ticks)),
    )
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.booleans(),
        st.sampled_from(["p", "q", "r", None]),
        st.one_of(st.none(), st.integers(-12, 12)),
        st.sampled_from(["1900-01-01T00:00:09", "1931-09-10T01:46:39", "1931-09-10T01:46:40", "2100-12-31"]),
    ),
    max_size=30,
)


def table_of(rows: list[tuple[Any, ...]]) -> PrivateTable:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    data = {name: list(column) for name, column in zip("cboxt", columns, strict=True)}
    return ingest(data, SCHEMA, PrivacyUnit(), OsEntropy())


def plain_codes(row: tuple[Any, ...]) -> dict[str, int]:
    """Codes of one row, written out by hand."""
    c, b, o, x, t = row
    clipped = None if x is None else min(max(x, -10), 10)
    return {
        "c": {"a": 0, "b": 1, None: 2}[c],
        "b": int(b),
        "o": {"p": 0, None: 3}.get(o, 2),
        "x": 4 if clipped is None else 3 if clipped == 0 else 0 if clipped < -5 else 1 if clipped < 2 else 2,
        "t": int(t >= "1931-09-10T01:46:40"),
    }


@given(ROWS)
def test_marginals_equal_a_count_by_hand(rows: list[tuple[Any, ...]]) -> None:
    counter: Counter = MemoryCounter(table_of(rows))
    cliques = [
        *itertools.combinations(CODEC.domain.columns, 1),
        *itertools.combinations(CODEC.domain.columns, 2),
        ("t", "b", "c"),
    ]
    counts = counter.marginals(CODEC, cliques)
    for clique in cliques:
        expected = np.zeros(CODEC.domain.shape(clique), dtype=np.int64)
        for row in rows:
            codes = plain_codes(row)
            expected[tuple(codes[name] for name in clique)] += 1
        assert counts[clique].dtype == np.int64
        assert (counts[clique] == expected).all()
    assert counter.total() == len(rows)


@given(ROWS)
def test_frequencies_leave_missing_values_out(rows: list[tuple[Any, ...]]) -> None:
    assert MemoryCounter(table_of(rows)).frequencies("o") == Tally(row[2] for row in rows if row[2] is not None)


@given(ROWS, st.sets(st.integers(-3, 25), min_size=2))
def test_histogram_equals_a_count_by_hand(rows: list[tuple[Any, ...]], cuts: set[int]) -> None:
    edges = np.array(sorted(cuts))
    ticks = [min(max(row[3], -10), 10) + 10 for row in rows if row[3] is not None]
    expected = [sum(low <= tick < high for tick in ticks) for low, high in itertools.pairwise(edges)]
    assert MemoryCounter(table_of(rows)).histogram("x", edges).tolist() == expected


def test_histogram_is_the_same_on_a_grid_too_large_for_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("a", True, "p", x, "2000-01-01") for x in (-10, -10, 3, 10, None)]
    edges = np.array([0, 1, 13, 14, 21])
    dense = MemoryCounter(table_of(rows)).histogram("x", edges)
    monkeypatch.setattr(memory, "DENSE_TICKS", 0)
    assert dense.tolist() == MemoryCounter(table_of(rows)).histogram("x", edges).tolist() == [2, 0, 1, 1]
    assert MemoryCounter(table_of(rows)).histogram("t", np.array([0, 10**9, T.ticks])).tolist() == [0, 5]


def test_values_that_bounding_removed_are_not_named() -> None:
    unit = PrivacyUnit(column="person", max_rows=1)
    schema = Schema([OpenCategorical("o")])
    table = ingest({"person": [1] * 9, "o": list("abcdefghi")}, schema, unit, InsecureTestEntropy(1))
    (kept,) = MemoryCounter(table).frequencies("o").items()
    assert kept[1] == 1


def test_a_changed_codec_is_encoded_anew() -> None:
    counter = MemoryCounter(table_of([("a", True, "p", 1, "2000-01-01"), (None, False, "q", 2, "2000-01-01")]))
    assert counter.marginals(CODEC, [("c",)])[("c",)].tolist() == [1, 0, 1]
    merged = CODEC.merged({"c": np.array([0, 1, 1])}, {"c": np.ones(3)})
    assert counter.marginals(merged, [("c",)])[("c",)].tolist() == [1, 1]
    assert counter.marginals(CODEC, [("c",)])[("c",)].tolist() == [1, 0, 1]


def test_levels_read_their_column() -> None:
    counter = MemoryCounter(table_of([("a", True, "q", 1, "2000-01-01"), (None, False, None, -9, "2000-01-01")]))
    levels = CODEC.with_levels({"c": {"c_said": np.array([0, 0, 1])}, "o": {"o_said": np.array([0, 0, 0, 1])}})
    counts = counter.marginals(levels, [("c", "c_said"), ("c_said", "o_said"), ("x",)])
    assert counts["c", "c_said"].tolist() == [[1, 0], [0, 0], [0, 1]]
    assert counts["c_said", "o_said"].tolist() == [[1, 0], [0, 1]]
    assert counts[("x",)].tolist() == [1, 1, 0, 0, 0]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, ...]]]:
    """What each pass over the rows counted, in order."""
    seen: list[list[tuple[str, ...]]] = []
    count = memory.count_cliques

    def recorded(columns: Any, domain: Any, cliques: Any) -> Any:
        seen.append(list(cliques))
        return count(columns, domain, cliques)

    monkeypatch.setattr(memory, "count_cliques", recorded)
    return seen


def some_rows(count: int) -> list[tuple[Any, ...]]:
    day = "1931-09-10T01:46:40"
    return [("ab"[i % 2] if i % 5 else None, i % 3 == 0, "pqr"[i % 3], i % 11, day) for i in range(count)]


PAIRS = list(itertools.combinations(CODEC.domain.columns, 2))


def test_what_was_counted_is_not_counted_again(passes: list[list[tuple[str, ...]]]) -> None:
    counter = MemoryCounter(table_of(some_rows(40)))
    first = counter.marginals(CODEC, PAIRS[:4])
    again = counter.marginals(Codec(CODEC.columns), [*PAIRS[1:6], (), PAIRS[1]])
    assert passes == [PAIRS[:4], PAIRS[4:6]]
    assert list(again) == [*PAIRS[1:6], ()]
    assert again[()] == 40
    fresh = MemoryCounter(table_of(some_rows(40))).marginals(CODEC, PAIRS)
    for answer in (first, again):
        for clique in answer.keys() - {()}:
            assert answer[clique].dtype == np.int64
            assert (answer[clique] == fresh[clique]).all()


def test_levels_of_one_set_of_columns_are_counted_once(passes: list[list[tuple[str, ...]]]) -> None:
    levels = CODEC.with_levels({"c": {"c_said": np.array([0, 0, 1])}, "o": {"o_said": np.array([0, 0, 0, 1])}})
    asked = [("c_said", "o_said"), ("o", "c_said"), ("c",), ("c", "o_said"), ("o_said",)]
    counter = MemoryCounter(table_of(some_rows(40)))
    answers = counter.marginals(levels, asked)
    assert counter.marginals(levels, asked[::-1]).keys() == answers.keys()
    assert passes == [[("o", "c")]]
    for clique in asked:
        alone = MemoryCounter(table_of(some_rows(40))).marginals(levels, [clique])
        assert (answers[clique] == alone[clique]).all()


def test_the_empty_clique_alone_gives_the_rows() -> None:
    assert MemoryCounter(table_of(some_rows(7))).marginals(CODEC, [()])[()] == 7


def test_a_marginal_is_counted_again_with_a_changed_codec(passes: list[list[tuple[str, ...]]]) -> None:
    counter = MemoryCounter(table_of(some_rows(40)))
    cliques = [("c", "b"), ("b", "x")]
    merged = CODEC.merged({"c": np.array([0, 1, 1])}, {"c": np.ones(3)})
    before = counter.marginals(CODEC, cliques)
    after = counter.marginals(merged, cliques)
    assert passes == [cliques, cliques[:1]], "only the cliques of the changed column"
    assert (after["c", "b"] == [before["c", "b"][0], before["c", "b"][1:].sum(axis=0)]).all()
    assert (counter.marginals(CODEC, cliques)["c", "b"] == before["c", "b"]).all()


def test_answers_cannot_be_changed() -> None:
    counter = MemoryCounter(table_of(some_rows(40)))
    for _ in range(2):
        for table in counter.marginals(CODEC, [("c", "b"), ("c",), ()]).values():
            with pytest.raises(ValueError, match="read-only"):
                table[...] = 0
            with pytest.raises(ValueError, match="WRITEABLE"):
                table.setflags(write=True)


def test_no_more_is_kept_than_the_limit(passes: list[list[tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch) -> None:
    counter = MemoryCounter(table_of(some_rows(40)))
    monkeypatch.setattr(kept_marginals, "KEPT_CELLS", 10)
    cliques: list[tuple[str, ...]] = [("c", "b"), ("c", "o"), ("b", "t")]  # 6, 12 and 4 cells
    answers = [counter.marginals(CODEC, cliques) for _ in range(3)]
    assert passes == [cliques, [("c", "o")], [("c", "o")]]
    for clique in cliques:
        assert (answers[0][clique] == answers[2][clique]).all()


def test_columns_of_the_wrong_type_are_refused() -> None:
    counter = MemoryCounter(table_of([]))
    with pytest.raises(SettingError, match="open categorical"):
        counter.frequencies("c")
    with pytest.raises(SettingError, match="numeric or datetime"):
        counter.histogram("c", np.array([0, 1]))
    with pytest.raises(SettingError, match="edges of 'x'"):
        counter.histogram("x", np.array([3, 3]))


def test_nothing_is_answered_once_the_table_is_closed() -> None:
    table = table_of([("a", True, "p", 1, "2000-01-01")])
    counter = MemoryCounter(table)
    counter.marginals(CODEC, [("c", "x")])
    assert "a" not in repr(counter).split("unit")[0].replace("MemoryCounter", "").replace("PrivateTable", "")
    table.close()
    asked = [
        counter.total,
        lambda: counter.frequencies("o"),
        lambda: counter.histogram("x", np.array([0, 1])),
        lambda: counter.marginals(CODEC, [("c", "x")]),
    ]
    for ask in asked:
        with pytest.raises(SessionClosedError):
            ask()
    assert not counter._encoded, "codes of the rows go with the table"
    assert not counter._kept, "and so do the counts"
    assert counter.schema is SCHEMA
