"""Constraints on codes, and rows that keep them: against brute force over all values."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dpsynth.codec.codec import Codec
from dpsynth.codec.constraints import classes_of, impossible_chains, ordered_pairs
from dpsynth.encoding import Encoding, find_codec, largest_domain
from dpsynth.errors import SettingError
from dpsynth.privacy.cost import Cost
from dpsynth.schema import (
    Allowed,
    Boolean,
    Categorical,
    Datetime,
    Dependency,
    Fixed,
    Forbidden,
    Identifier,
    Numeric,
    Order,
    Schema,
    Sum,
    Unique,
)


def codec_of(schema: Schema) -> Codec:
    """The codec of a schema whose codes are all public."""
    return find_codec(None, schema, Cost(0), Encoding(), 1.0)


def possible_codes(codec: Codec, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random codes that the zeros allow."""
    rng = np.random.default_rng(seed)
    codes = {
        name: rng.integers(0, size, 20 * rows) for name, size in zip(codec.domain, codec.domain.sizes, strict=True)
    }
    allowed = np.ones(20 * rows, dtype=bool)
    for each in codec.zeros:
        allowed &= ~each.mask[tuple(codes[name] for name in each.clique)]
    return {name: column[allowed][:rows] for name, column in codes.items()}


def rows_of(codec: Codec, seed: int = 0, rows: int = 3000) -> pd.DataFrame:
    codes = possible_codes(codec, rows, seed)
    count = len(next(iter(codes.values())))
    assert count > 100
    return codec.decode(codes, count, np.random.default_rng(seed))


def test_bins_are_cut_where_constraints_cut_the_values():
    age = Numeric("age", lower=0, upper=99, integer=True, edges=[20])
    schema = Schema([age, Boolean("wed")], constraints=[Forbidden({"age": (None, 15), "wed": True})])
    codec = codec_of(schema)
    assert codec["age"].edges == (0, 16, 20, 100)
    assert largest_domain(schema) == codec.domain
    (zeros,) = codec.zeros
    assert zeros.mask.tolist() == [[False, True], [False, False], [False, False]]
    table = rows_of(codec)
    assert not ((table.age <= 15) & table.wed).any()
    assert ((table.age <= 15) & ~table.wed).any()


def test_allowed_forbids_all_else():
    columns = [Categorical(name, values=list("xyz"), nullable=True) for name in "ab"]
    table = rows_of(
        codec_of(Schema(columns, constraints=[Allowed([{"a": "x"}, {"a": ["y", None], "b": [None, "z"]}])]))
    )
    inside = (table.a == "x") | ((table.a.isna() | (table.a == "y")) & (table.b.isna() | (table.b == "z")))
    assert inside.all()
    assert set(table[table.a != "x"].b.fillna("-")) == {"-", "z"}


def test_codes_that_constraints_tell_apart_have_classes_of_their_own():
    columns = [Categorical("a", values=list("wxyz")), Boolean("b")]
    codec = codec_of(Schema(columns, constraints=[Forbidden({"a": ["x", "z"], "b": True})]))
    classes = classes_of(codec.zeros, "a", 4)
    assert classes[0] == classes[2] != classes[1] == classes[3]
    merged = codec.merged({"a": np.array([0, 1, 0, 1])}, {"a": np.ones(4)})
    assert merged.zeros[0].mask.tolist() == [[False, False], [False, True]]


def test_a_column_that_fits_no_row_between_two_others_is_always_missing():
    def columns(middle_is_nullable):
        bounds = {"a": (3, 7), "b": (0, 4), "c": (-2, 2)}
        return [
            Numeric(name, lower=low, upper=high, integer=True, edges=[], nullable=name == "b" and middle_is_nullable)
            for name, (low, high) in bounds.items()
        ]

    codec = codec_of(Schema(columns(True), constraints=[Order(["a", "b", "c"])]))
    assert {each.clique: each.mask.tolist() for each in codec.zeros} == {("b",): [True, False]}
    impossible = codec_of(Schema(columns(False), constraints=[Order(["a", "b", "c"])]))
    with pytest.raises(SettingError, match="must leave at least one"):
        list(impossible.zeros)


edges = st.sets(st.integers(1, 11), max_size=4).map(sorted)
numerics = st.builds(
    lambda low, span, cuts, decimals, nullable: (
        low,
        span,
        [cut for cut in cuts if 0 < cut < span],
        decimals,
        nullable,
    ),
    st.integers(-3, 3),
    st.integers(4, 12),
    edges,
    st.sampled_from([0, 1]),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@example(drawn=[(3, 4, [], 0, True), (0, 4, [], 0, True), (-2, 4, [], 0, False)], strict=False, seed=0)
@example(drawn=[(0, 4, [], 0, True), (3, 4, [], 0, True), (-2, 4, [], 0, False)], strict=False, seed=0)
@example(drawn=[(3, 4, [], 0, False), (0, 4, [], 0, True), (-2, 4, [], 0, False)], strict=False, seed=0)
@given(st.lists(numerics, min_size=2, max_size=3), st.booleans(), st.integers(0, 99))
def test_rows_keep_every_order_and_zeros_are_what_brute_force_says(drawn, strict, seed):
    columns = [
        Numeric(name, lower=low, upper=low + span, decimals=decimals, nullable=nullable, edges=[low + c for c in cuts])
        for name, (low, span, cuts, decimals, nullable) in zip("abc", drawn, strict=False)
    ]
    names = [column.name for column in columns]
    schema = Schema(columns, constraints=[Order(names, strict=strict)])
    codec = codec_of(schema)
    try:
        zeros = {each.clique: each.mask for each in codec.zeros}
    except SettingError:
        return  # no two values in order
    chains = list(impossible_chains({name: codec[name] for name in names}, ordered_pairs(schema.constraints)))
    for one, two in itertools.pairwise(names):
        values = {name: [values_in(codec[name], code) for code in range(codec[name].size)] for name in (one, two)}
        expected = np.array(
            [
                [not any(fits(a, b, strict) for a in first for b in second) for second in values[two]]
                for first in values[one]
            ]
        )
        found = zeros.get((one, two), np.zeros_like(expected))
        # A chain that no row can have whole forbids more than its pairs do.
        assert (found == expected).all() or (chains and (found >= expected).all())
    codes = possible_codes(codec, 400, seed)
    table = codec.decode(codes, len(codes["a"]), np.random.default_rng(seed))
    for one, two in itertools.pairwise(names):
        broken = (table[one] >= table[two]) if strict else (table[one] > table[two])
        assert not broken.fillna(False).any()


def fits(a, b, strict):
    return a is None or b is None or (a < b if strict else a <= b)


def values_in(codec, code):
    if code == codec.bins:
        return [None]
    return codec.column.value_of(np.arange(codec.edges[code], codec.edges[code + 1])).tolist()


def test_dates_of_two_resolutions_are_ordered_and_stay_in_their_bins():
    columns = [
        Datetime("start", lower="2020-01-01", upper="2020-03-31", edges=["2020-02-01"]),
        Datetime("end", lower="2020-01-01", upper="2020-04-30", resolution="hour", edges=["2020-02-15"], nullable=True),
    ]
    codec = codec_of(Schema(columns, constraints=[Order(["start", "end"])]))
    codes = possible_codes(codec, 5000)
    table = codec.decode(codes, len(codes["start"]), np.random.default_rng(1))
    assert not (table.start > table.end).any()
    assert (codec["start"].encode(columns[0].tick_of(table.start.to_numpy())) == codes["start"]).all()
    assert (table.end.isna() == (codes["end"] == 2)).all()


def test_redrawn_pairs_follow_the_law_of_the_bin_given_the_order():
    """One bin each, uniform: of all ordered pairs of 0..9 each is as likely as any other."""
    columns = [Numeric(name, lower=0, upper=9, integer=True, edges=[]) for name in "ab"]
    codec = codec_of(Schema(columns, constraints=[Order(["a", "b"])]))
    n = 55_000
    table = codec.decode({"a": np.zeros(n, int), "b": np.zeros(n, int)}, n, np.random.default_rng(0))
    counts = table.groupby(["a", "b"]).size()
    assert len(counts) == 55
    assert ((counts - 1000) ** 2 / 1000).sum() < 110


def test_bins_that_touch_in_a_corner_are_placed():
    columns = [Numeric(name, lower=0, upper=2000, integer=True, edges=[1000]) for name in "ab"]
    codec = codec_of(Schema(columns, constraints=[Order(["a", "b"])]))
    edge = Codec(
        tuple(c if c.name == "a" else c.within(((1000, 1001),), False)[0] for c in codec.columns), codec.constraints
    )
    table = edge.decode({"a": np.ones(500, int), "b": np.ones(500, int)}, 500, np.random.default_rng(0))
    assert (table.a <= table.b).all()
    assert set(table.b) <= {1000, 1001}


def test_a_missing_middle_does_not_tie_its_neighbours():
    columns = [Numeric(n, lower=0, upper=9, integer=True, edges=[5], nullable=n == "b") for n in "abc"]
    codec = codec_of(Schema(columns, constraints=[Order(["a", "b", "c"])]))
    table = rows_of(codec)
    assert (table[table.b.isna()].a > table[table.b.isna()].c).any()
    assert not (table.a > table.b).fillna(False).any()
    assert not (table.b > table.c).fillna(False).any()


def test_derived_columns_follow_in_every_row():
    columns = [
        Categorical("school", values=["primary", "secondary"], nullable=True),
        Numeric("grade", lower=1, upper=9, integer=True, nullable=True),
        Categorical("level", values=["low", "high", "none"]),
        Numeric("net", lower=-5, upper=10, decimals=1, nullable=True, edges=[0]),
        Numeric("tax", lower=0, upper=5, integer=True, edges=[2]),
        Numeric("total", lower=-10, upper=20, decimals=2, nullable=True),
        Datetime("day", lower="2020-01-01", upper="2020-01-31"),
        Numeric("number", lower=100, upper=4099, integer=True),
        Identifier("id"),
    ]
    rules = [
        Dependency("grade", by="school", values={"primary": 1, "secondary": 2}),
        Dependency("level", by="school", values=[["primary", "low"], ["secondary", "high"], [None, "none"]]),
        Sum("total", parts=["net", "tax"]),
        Fixed("day", value="2020-01-07"),
        Unique(["number"]),
    ]
    codec = codec_of(Schema(columns, constraints=rules))
    assert codec.domain.columns == ("school", "net", "tax")
    table = rows_of(codec)
    assert list(table.columns) == [column.name for column in columns]
    assert (table.grade.astype("float").fillna(0) == table.school.map({"primary": 1, "secondary": 2}).fillna(0)).all()
    assert (table.level == table.school.map({"primary": "low", "secondary": "high"}).fillna("none")).all()
    assert ((table.net * 100 + table.tax * 100).round() == (table.total * 100).round())[table.net.notna()].all()
    assert (table.total.isna() == table.net.isna()).all()
    assert set(table.day) == {pd.Timestamp("2020-01-07")}
    assert table.number.is_unique
    assert table.number.between(100, 4099).all()
    assert table.number.max() - table.number.min() > 3000
    assert (str(table.grade.dtype), str(table.number.dtype)) == ("Int64", "int64")
    assert Codec.from_json(codec.to_json()) == codec


def test_a_key_is_different_in_every_part_and_refuses_more_rows_than_it_has_values():
    schema = Schema([Boolean("b"), Categorical("k", values=range(10))], constraints=[Unique(["b", "k"])])
    codec = codec_of(schema)
    rng = np.random.default_rng(0)
    parts = [codec.decode({"b": np.zeros(5, int)}, 5, rng, first_row=first) for first in (0, 5)]
    assert sorted(pd.concat(parts).k) == list(range(10))
    assert codec.most_rows == 10
    with pytest.raises(SettingError, match="must be at most 10"):
        codec.decode({"b": np.zeros(11, int)}, 11, rng)


def test_without_constraints_nothing_changes():
    """The same draws as before there were constraints: a codec of plain columns decodes column by column."""
    columns = [Numeric("a", lower=0, upper=99, integer=True, edges=[50]), Boolean("b")]
    codec = codec_of(Schema(columns))
    codes = {"a": np.arange(10) % 2, "b": np.arange(10) % 2}
    expected = codec["a"].decode(codes["a"], np.random.default_rng(4))
    assert codec.decode(codes, 10, np.random.default_rng(4)).a.equals(expected)
    assert codec.zeros == ()
