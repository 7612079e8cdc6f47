"""Resolutions: groupings are nested, keep to what is in order, hold a fair share of rows, and come back as codes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.marginal import NoisyMarginal
from dpsynth.synthesizers.resolutions import Resolutions, _joined, _levels, find_resolutions, ordered_codes

AGE = dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=range(5, 100, 5), atoms=[0, 42], nullable=True)
TOWN = dpsynth.Categorical("town", values=[f"t{i}" for i in range(40)], nullable=True)
CODEC = Codec((closed_codec(AGE), closed_codec(TOWN), closed_codec(dpsynth.Categorical("sex", values=["F", "M"]))))


def one_ways(codec: Codec, rows: dict[str, np.ndarray], stddev: float = 1.0) -> tuple[NoisyMarginal, ...]:
    return tuple(NoisyMarginal((name,), np.asarray(rows[name], dtype=float), stddev) for name in codec.domain)


def example(merge_below: float = 0.0, level_groups=(4, 12)) -> tuple[Resolutions, tuple[NoisyMarginal, ...]]:
    rows = {"age": np.r_[np.linspace(20, 80, 20), 500.0, 2.0, 4.0], "town": np.r_[np.geomspace(400, 1, 40), 3.0]}
    rows["sex"] = np.array([700.0, 800.0])
    return find_resolutions(CODEC, one_ways(CODEC, rows), 1500.0, merge_below, level_groups)


counts = st.lists(st.one_of(st.just(0.0), st.floats(0.01, 1000.0)), min_size=1, max_size=40).filter(sum)


@given(counts, st.integers(0, 40), st.floats(0.0, 500.0))
def test_groups_are_whole_in_order_and_as_heavy_as_asked(rows, ordered, least):
    rows, ordered = np.array(rows), min(ordered, len(rows))
    groups, in_order = _joined(rows, ordered, least)
    assert sorted(set(groups.tolist())) == list(range(groups.max() + 1))
    # Codes in order: their groups are runs, in the same order, and no other code is in them.
    assert np.isin(np.diff(groups[:ordered]), (0, 1)).all()
    assert in_order == len(set(groups[:ordered].tolist()))
    assert (groups[ordered:] >= in_order).all()
    mass, size = np.bincount(groups, weights=rows), np.bincount(groups)
    # A code with the mass is alone; joined ones hold at most that, and two neighbours together more.
    assert all(size[groups[code]] == 1 for code in np.flatnonzero(rows >= least))
    assert (mass[:in_order][size[:in_order] > 1] <= least * (1 + 1e-9)).all()
    for one, other in itertools.pairwise(range(in_order)):
        first = rows[np.flatnonzero(groups == other)[0]]
        assert mass[one] >= least or first >= least or mass[one] + first > least * (1 - 1e-9)
    # Of the codes without order, all light ones are together in the last group.
    light = np.flatnonzero(rows[ordered:] < least) + ordered
    assert set(groups[light].tolist()) <= {groups.max()}


@given(counts, st.integers(0, 40), st.lists(st.integers(1, 30), min_size=1, max_size=3, unique=True))
def test_every_level_is_coarser_than_the_next_and_the_finest_is_the_identity(rows, ordered, wanted):
    rows = np.array(rows)
    levels = _levels(rows, min(ordered, rows.size), float(rows.sum()), wanted)
    np.testing.assert_array_equal(levels[-1], np.arange(rows.size))
    for coarse, fine in itertools.pairwise(levels):
        assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == fine.max() + 1
        assert coarse.max() + 1 <= 0.75 * (fine.max() + 1)
    assert len(levels) <= len(wanted) + 1
    # With a single k the level has at most 2 k + 2 groups.
    for level in _levels(rows, min(ordered, rows.size), float(rows.sum()), wanted[:1])[:-1]:
        assert level.max() + 1 <= 2 * wanted[0] + 2


def test_numbers_join_neighbours_and_leave_atoms_and_null_out():
    read, _ = example()
    coarse, middle, finest = read.levels["age"]
    assert finest.size == 23
    for groups in (coarse, middle):
        assert (np.diff(groups[:20]) >= 0).all()
        assert not set(groups[:20].tolist()) & set(groups[20:].tolist())
    assert coarse[20] not in np.delete(coarse, 20)  # an atom of 500 rows of 1500 stays alone
    assert coarse[21] == coarse[22]  # a rare atom and null are what is left


def test_labels_without_order_join_only_the_rare():
    read, _ = example()
    for groups in read.levels["town"][:-1]:
        sizes = np.bincount(groups)
        assert (sizes[:-1] == 1).all()
        assert sizes[-1] > 1
        assert groups[40] == groups.max()
    assert len(read.levels["sex"]) == 1


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (AGE, 20),
        (TOWN, 0),
        (dpsynth.Categorical("size", values=["S", "M", "L"], ordered=True, nullable=True), 3),
        (dpsynth.Categorical("size", values=["S", "M", "L"], ordered=True, unknown="other"), 3),
        (dpsynth.Categorical("rooms", values=range(4), nullable=True), 4),
        (dpsynth.Categorical("rooms", values=range(4), unknown="other"), 4),
        (dpsynth.Categorical("rooms", values=range(4), unknown="other", other=-1), 4),
        (dpsynth.Categorical("zone", values=[5, 1, 9]), 0),
        (dpsynth.Categorical("said", values=[False, True]), 0),
        (dpsynth.Boolean("yes"), 0),
    ],
)
def test_what_is_in_order(column, expected):
    assert ordered_codes(closed_codec(column)) == expected


def test_names_are_new_whatever_columns_are_called():
    names = ["age", "age@2", "age@2'", "x"]
    codec = Codec(tuple(closed_codec(dpsynth.Categorical(name, values=range(4))) for name in names))
    codec = Codec((*codec.columns, closed_codec(dpsynth.Identifier("x@2"))))
    levels = {name: (np.array([0, 0, 1, 1]), np.arange(4)) for name in codec.domain}
    read = Resolutions(codec, levels)
    made = [name for each in read.names.values() for name in each]
    assert len(made) == len(set(made)) == 8
    assert "x@2" not in made
    assert read.names["age"] == ("age@2''", "age")
    assert set(read.counted.domain) == set(made)
    for column in codec.domain:
        for level, name in enumerate(read.names[column]):
            assert read.readings[name] == (column, level)
            assert read.counted[name].source == column
            assert read.counted.domain[name] == (2, 4)[level]


def test_levels_are_counted_as_groups_of_the_merged_codes():
    """The codes that private rows get at a level are the groups of the codes that they get in the column itself."""
    read, _ = example(merge_below=6.0)
    assert read.codec.domain["town"] < 41
    for column, ticks in (("age", np.arange(-1, 100)), ("town", np.arange(-1, 40))):
        codes = read.codec.encode_column(column, ticks)
        for name, groups in zip(read.names[column], read.levels[column], strict=True):
            np.testing.assert_array_equal(read.counted.encode_column(name, ticks), groups[codes])


def test_measurements_of_levels_come_back_as_groups_of_codes():
    read, _ = example()
    clique = read.named((("age", 0), ("town", 2), ("sex", 0)))
    assert clique[1:] == ("town", "sex")
    values = np.random.default_rng(0).normal(size=read.counted.domain.shape(clique))
    back = read.on_codes(NoisyMarginal(clique, values, 3.0))
    assert (back.clique, back.stddev) == (("age", "town", "sex"), 3.0)
    assert back.groups == (tuple(read.levels["age"][0].tolist()), None, None)
    assert back.values is values
    whole = read.on_codes(NoisyMarginal(("sex", "town"), np.zeros((2, 41)), 3.0))
    assert whole.groups == ()


def test_codes_below_the_noise_are_merged_and_their_rows_kept():
    read, measured = example(merge_below=25.0)
    for one in measured:
        (column,) = one.clique
        assert one.values.size == read.codec.domain[column]
        np.testing.assert_array_equal(read.levels[column][-1], np.arange(one.values.size))
    by_name = {one.clique[0]: one for one in measured}
    assert by_name["town"].values.size < 41
    # The mean variance of a merged cell is that of the codes in it.
    assert by_name["town"].stddev == pytest.approx((41 / by_name["town"].values.size) ** 0.5)
    assert by_name["sex"].stddev == 1.0
    rows = np.r_[np.geomspace(400, 1, 40), 3.0]
    assert by_name["town"].values.sum() == pytest.approx(rows.sum())
    none, same = example(merge_below=0.0)
    assert none.codec.domain == CODEC.domain
    assert [one.values.size for one in same] == list(CODEC.domain.sizes)


@pytest.mark.parametrize("value", [0.0, -50.0, 1e6])
def test_columns_of_nothing_and_of_one_code(value):
    """Noisy counts without a row, or of one code: one level, no error, at the least total."""
    columns = (dpsynth.Categorical("one", values=["x"]), dpsynth.Categorical("two", values=range(9)))
    codec = Codec(tuple(map(closed_codec, columns)))
    rows = {"one": np.array([value]), "two": np.full(9, value)}
    read, measured = find_resolutions(codec, one_ways(codec, rows, 10.0), 1.0, 2.5, (8, 24))
    assert read.codec.domain.sizes == (1, 1)
    assert [len(levels) for levels in read.levels.values()] == [1, 1]
    assert measured[1].values.tolist() == [9 * value]
    assert set(read.codec["two"].decode(np.zeros(90, dtype=int), np.random.default_rng(0)).astype(int)) == set(range(9))


def test_likely_rows_of_rare_codes_are_nearer_than_projected_ones():
    rows = np.r_[2_000.0, np.full(40, 12.0)]
    town, rng, errors = Codec((closed_codec(TOWN),)), np.random.default_rng(0), []
    for _ in range(20):
        noisy = one_ways(town, {"town": rows + rng.normal(0, 20, rows.size)}, 20.0)
        codecs = [find_resolutions(town, noisy, rows.sum(), 4.0, (4,), likely=likely)[0].codec for likely in (0, 1)]
        shares = [np.asarray(codec["town"].weights)[1:] for codec in codecs]
        errors.append([np.abs(one / one.sum() - 1 / 40).sum() for one in shares])
    projected, likely = np.mean(errors, axis=0)
    assert likely < 0.6 * projected
