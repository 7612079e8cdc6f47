"""Coarse cliques summed from finer ones: the plain counts of every clique, and far fewer cliques counted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.codec import finer
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.codec.finer import Levels, count_finer
from dpsynth.schema.columns import Categorical

SIZES = {"a": 6, "b": 4, "c": 5, "d": 2}
NESTED = {"a": {"a@4": [0, 0, 1, 2, 3, 3], "a@2": [0, 0, 0, 1, 1, 1]}, "c": {"c@2": [1, 0, 0, 1, 1]}}
CROSSED = NESTED | {"b": {"b@2": [0, 0, 1, 1], "b@x": [0, 1, 0, 1]}}


def codec_of(levels) -> Codec:
    columns = tuple(closed_codec(Categorical(name, values=range(size))) for name, size in SIZES.items())
    return Codec(columns).with_levels({c: {n: np.array(g) for n, g in own.items()} for c, own in levels.items()})


ROWS = {name: np.random.default_rng(3).integers(0, size, 400) for name, size in SIZES.items()}


def plain(codec: Codec, cliques) -> dict:
    """Each clique counted by itself, slowly."""
    found = {}
    for clique in cliques:
        found[clique] = np.zeros(codec.domain.shape(clique), dtype=np.int64)
        codes = [codec.encode_column(name, ROWS[codec[name].source]) for name in clique]
        np.add.at(found[clique], tuple(codes), 1)
    return found


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[clique], other[clique]) for clique in one)


@st.composite
def wanted(draw):
    codec = codec_of(draw(st.sampled_from([NESTED, CROSSED, {}])))
    names = st.lists(st.sampled_from(codec.domain.columns), min_size=1, max_size=3, unique=True)
    return codec, draw(st.lists(names.map(tuple), min_size=1, max_size=12, unique=True))


@given(wanted(), st.sampled_from([8, 40, 10_000]))
def test_sums_are_the_plain_counts_and_homes_are_finer(asked, most_cells):
    codec, cliques = asked
    levels = Levels(codec)
    homes = levels.homes(cliques, most_cells)
    assert homes.keys() == set(cliques)
    counted = plain(codec, homes.values())
    assert same({c: levels.summed(counted[h], h, c) for c, h in homes.items()}, plain(codec, cliques))
    for clique, home in homes.items():
        assert codec.domain.cells(home) <= most_cells or home == clique


def test_one_table_for_a_set_of_columns_at_all_its_levels():
    codec, asked = codec_of(NESTED), []
    triples = list(itertools.product(("a", "a@4", "a@2"), ("b",), ("c", "c@2")))
    pairs = list(itertools.product(("a", "a@4", "a@2"), ("c", "c@2")))

    def count(cliques):
        asked.extend(cliques)
        return plain(codec, cliques)

    assert same(count_finer(codec, [*pairs, *triples], count), plain(codec, [*pairs, *triples]))
    assert asked == [("a", "b", "c")]


def test_levels_that_do_not_nest_meet_in_their_column():
    codec = codec_of(CROSSED)
    cliques = [("b@2", "d"), ("b@x", "d")]
    assert set(Levels(codec).homes(cliques).values()) == {("b", "d")}
    # Where the column itself has too many cells, each is counted by itself.
    assert Levels(codec).homes(cliques, 7) == {clique: clique for clique in cliques}


def test_a_large_clique_holds_no_other():
    homes = Levels(codec_of(NESTED)).homes([("a", "b", "c"), ("a@2", "c")], 60)
    assert homes == {("a", "b", "c"): ("a", "b", "c"), ("a@2", "c"): ("a@2", "c")}


def test_without_levels_the_cliques_are_counted_as_they_are():
    codec, asked = codec_of({}), []

    def count(cliques):
        asked.append(list(cliques))
        return plain(codec, cliques)

    count_finer(codec, [("a",), ("a", "b")], count)
    assert asked == [[("a",), ("a", "b")]]


def test_a_planted_bug_is_seen(monkeypatch):
    """Sums along groups that are off by one code are not the counts."""
    codec = codec_of(NESTED)
    right = Levels._groups

    def shifted(self, fine, coarse):
        groups = right(self, fine, coarse)
        return groups if groups is None or fine == coarse else np.roll(groups, 1)

    monkeypatch.setattr(finer.Levels, "_groups", shifted)
    cliques = [("a", "b"), ("a@2", "b")]
    assert not same(count_finer(codec, cliques, lambda asked: plain(codec, asked)), plain(codec, cliques))


@pytest.mark.parametrize("order", [("b", "a@2", "c"), ("c@2", "b", "a")])
def test_axes_come_in_the_order_asked_for(order):
    codec = codec_of(NESTED)
    cliques = [("a@4", "b", "c"), order]
    assert same(count_finer(codec, cliques, lambda asked: plain(codec, asked)), plain(codec, cliques))
