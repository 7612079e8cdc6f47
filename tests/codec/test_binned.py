"""Bins, atoms and null: round trips, the grid, and the law of decoded values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpsynth.codec.binned import TABLE_TICKS, BinnedCodec
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Datetime, Numeric

ALPHA = 1e-6
AGE = Numeric("age", lower=0, upper=9, integer=True)


@st.composite
def codecs(draw: st.DrawFn) -> BinnedCodec:
    """A random codec on a small grid, with or without atoms, fine counts and null."""
    ticks = draw(st.integers(2, 40))
    nullable = draw(st.booleans())
    column = draw(
        st.sampled_from(
            [
                Numeric("x", lower=-3, upper=ticks - 4, integer=True, nullable=nullable),
                Numeric("x", lower=0.5, upper=round(0.5 + (ticks - 1) / 100, 2), decimals=2, nullable=nullable),
                Datetime(
                    "x",
                    lower="1969-12-20",
                    upper=np.datetime64("1969-12-20") + np.timedelta64(ticks - 1, "D"),
                    nullable=nullable,
                ),
            ]
        )
    )
    assert column.ticks == ticks

    def cuts() -> tuple[int, ...]:
        return (0, *sorted(draw(st.sets(st.integers(1, ticks - 1), max_size=6))), ticks)

    atoms = tuple(sorted(draw(st.sets(st.integers(0, ticks - 1), max_size=6))))
    fine = cuts() if draw(st.booleans()) else ()
    counts = draw(st.lists(st.floats(-5, 50), min_size=max(len(fine) - 1, 0), max_size=max(len(fine) - 1, 0)))
    return BinnedCodec(column, cuts(), atoms, fine, tuple(counts))


def plain_code(codec: BinnedCodec, tick: int) -> int:
    """The code of one tick, as the docstring defines it."""
    if tick < 0:
        return codec.size - 1
    if tick in codec.atoms:
        return codec.bins + codec.atoms.index(tick)
    return next(i for i in range(codec.bins) if codec.edges[i] <= tick < codec.edges[i + 1])


@given(codecs())
def test_encode_equals_the_plain_definition(codec: BinnedCodec) -> None:
    ticks = np.arange(-1 if codec.column.nullable else 0, codec.column.ticks).astype(np.int8)
    codes = codec.encode(ticks)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [plain_code(codec, tick) for tick in ticks.tolist()]
    assert codec.encode(ticks[:0]).shape == (0,)


@given(codecs(), st.integers(0, 2**32))
def test_decoded_values_are_on_the_grid_and_encode_to_their_code(codec: BinnedCodec, seed: int) -> None:
    codes = np.tile(np.arange(codec.size), 20)
    series = codec.decode(codes, np.random.default_rng(seed))
    assert series.name == "x"
    present = series.notna().to_numpy()
    assert present.tolist() == (~(codec.column.nullable & (codes == codec.size - 1))).tolist()
    values = series[present].to_numpy()
    ticks = codec.column.tick_of(values)
    assert (codec.column.value_of(ticks) == values).all(), "on the grid and within bounds"
    coded = codec.encode(ticks)
    free = np.array(
        [
            set(range(*ends)) > set(codec.atoms) & set(range(*ends))
            for ends in zip(codec.edges[:-1], codec.edges[1:], strict=True)
        ]
    )
    avoidable = np.array([code >= codec.bins or free[code] for code in codes[present]])
    assert (coded[avoidable] == codes[present][avoidable]).all()


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (Numeric("x", lower=0, upper=1, integer=True), "int64"),
        (Numeric("x", lower=0, upper=1, integer=True, nullable=True), "Int64"),
        (Numeric("x", lower=0, upper=1, decimals=0), "float64"),
        (Numeric("x", lower=0, upper=1, decimals=0, nullable=True), "float64"),
        (Datetime("x", lower="2020-01-01", upper="2020-01-02"), "datetime64[s]"),
        (Datetime("x", lower="2020-01-01", upper="2020-01-02", nullable=True), "datetime64[s]"),
    ],
)
def test_dtype_depends_on_the_schema_alone(column: Numeric | Datetime, dtype: str) -> None:
    codec = BinnedCodec(column, (0, 1, 2))
    for codes in ([], [0, 1], [codec.size - 1] * 3):
        assert codec.decode(np.array(codes, dtype=np.int64), np.random.default_rng(0)).dtype == dtype


def test_null_decodes_to_the_missing_value_of_its_dtype(rng: np.random.Generator) -> None:
    integer = BinnedCodec(Numeric("x", lower=0, upper=1, integer=True, nullable=True), (0, 2))
    assert integer.decode(np.array([1]), rng).tolist() == [pd.NA]
    moment = BinnedCodec(Datetime("x", lower="2020-01-01", upper="2020-01-02", nullable=True), (0, 2))
    assert moment.decode(np.array([1]), rng).isna().tolist() == [True]


def law(codec: BinnedCodec, code: int, rng: np.random.Generator, rows: int = 20_000) -> np.ndarray:
    values = codec.decode(np.full(rows, code), rng).to_numpy()
    return np.bincount(codec.column.tick_of(values), minlength=codec.column.ticks)


def p_value(counts: np.ndarray, shares: list[float]) -> float:
    expected = np.array(shares) / sum(shares) * counts.sum()
    assert (counts[expected == 0] == 0).all()
    return float(stats.chisquare(counts[expected > 0], expected[expected > 0]).pvalue)


def test_a_bin_without_fine_counts_is_even_around_its_atoms(rng: np.random.Generator) -> None:
    counts = law(BinnedCodec(AGE, (0, 2, 10), atoms=(2, 5, 6)), 1, rng)
    assert p_value(counts, [0, 0, 0, 1, 1, 0, 0, 1, 1, 1]) > ALPHA
    assert p_value(counts, [0, 0, 0, 1, 1, 0, 0, 1, 1, 1.3]) < ALPHA, "the test would see a share that is off by 30%"


def test_fine_counts_shape_a_bin(rng: np.random.Generator) -> None:
    codec = BinnedCodec(AGE, (0, 5, 10), (1,), (0, 3, 6, 7, 10), (10.0, 6.0, -4.0, 1.0))
    low, high = law(codec, 0, rng), law(codec, 1, rng)
    assert p_value(low, [5, 0, 5, 2, 2, 0, 0, 0, 0, 0]) > ALPHA
    assert p_value(low, [1, 0, 1, 1, 1, 0, 0, 0, 0, 0]) < ALPHA
    assert p_value(high, [0, 0, 0, 0, 0, 2, 0, 1 / 3, 1 / 3, 1 / 3]) > ALPHA


def test_a_bin_with_no_positive_fine_count_is_even(rng: np.random.Generator) -> None:
    codec = BinnedCodec(AGE, (0, 5, 10), (), (0, 5, 7, 10), (3.0, -1.0, 0.0))
    assert p_value(law(codec, 1, rng), [0] * 5 + [1] * 5) > ALPHA


def test_a_bin_of_atoms_alone_decodes_inside_the_bin(rng: np.random.Generator) -> None:
    counts = law(BinnedCodec(AGE, (0, 2, 10), atoms=(0, 1)), 0, rng, 100)
    assert counts[:2].sum() == 100


def test_a_wide_grid_is_searched_with_the_same_result_as_the_table() -> None:
    wide = Datetime("x", lower="1970-01-01", upper="2030-12-31", resolution="second", nullable=True)
    assert wide.ticks > TABLE_TICKS
    codec = BinnedCodec(wide, (0, 10, 1_000_000_000, wide.ticks))
    assert codec.encode(np.array([0, 9, 10, 999_999_999, 1_000_000_000, wide.ticks - 1, -1])).tolist() == [
        0, 0, 1, 1, 2, 2, 3,
    ]  # fmt: skip
    narrow = BinnedCodec(AGE, (0, 4, 10), (4, 7))
    ticks = np.arange(10)
    assert (narrow._search(ticks) == narrow.encode(ticks)).all()


def test_labels_say_first_and_last_value() -> None:
    assert BinnedCodec(AGE, (0, 1, 4, 10), (0, 1, 9)).code_labels() == (
        "0", "2 to 3", "4 to 8", "exactly 0", "exactly 1", "exactly 9",
    )  # fmt: skip
    wage = Numeric("wage", lower=0, upper=1, decimals=1, nullable=True)
    assert BinnedCodec(wage, (0, 5, 11)).code_labels() == ("0.0 to 0.4", "0.5 to 1.0", "missing")
    day = Datetime("day", lower="2024-01-01", upper="2024-12-31")
    assert BinnedCodec(day, (0, 31, 366)).code_labels() == ("2024-01-01 to 2024-01-31", "2024-02-01 to 2024-12-31")


@pytest.mark.parametrize(
    "fields",
    [
        {"edges": (0, 5)},
        {"edges": (1, 10)},
        {"edges": (0, 5, 5, 10)},
        {"edges": (0, 5.5, 10)},
        {"edges": ()},
        {"edges": ("a", "b")},
        {"edges": (0, 10), "atoms": (10,)},
        {"edges": (0, 10), "atoms": (-1,)},
        {"edges": (0, 10), "fine_edges": (0, 5), "fine_counts": (1.0,)},
        {"edges": (0, 10), "fine_edges": (0, 5, 10), "fine_counts": (1.0,)},
        {"edges": (0, 10), "fine_edges": (0, 10), "fine_counts": (float("nan"),)},
        {"edges": (0, 10), "fine_counts": (1.0,)},
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(SettingError, match="age"):
        BinnedCodec(AGE, **fields)
