"""The nearest rows: equal to all distances computed one by one, whatever the order, and kept no longer than needed."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.membership import nearest
from attacks.membership.nearest import KEPT, neighbours, search, thinned
from attacks.tables import Table
from tests.attacks.worlds import edge_tables, world


def distance(target, row, ordered, weights):
    """Gower's distance of two rows, cell by cell."""
    total = np.float32(0)
    for (code, rank), (other_code, other_rank), is_number, weight in zip(target, row, ordered, weights, strict=True):
        if is_number:
            missing = np.isnan(rank), np.isnan(other_rank)
            apart = np.float32(abs(rank - other_rank)) if not any(missing) else np.float32(not all(missing))
        else:
            apart = np.float32(code != other_code)
        total += np.float32(weight) * apart
    return total


def all_distances(targets, table, weights):
    return np.array(
        [
            [
                distance(
                    zip(targets.codes[i], targets.ranks[i], strict=True),
                    zip(table.codes[j], table.ranks[j], strict=True),
                    table.ordered,
                    weights,
                )
                for j in range(len(table))
            ]
            for i in range(len(targets))
        ],
        dtype=np.float32,
    ).reshape(len(targets), len(table))


@st.composite
def two_tables(draw):
    ordered = tuple(draw(st.lists(st.booleans(), min_size=1, max_size=5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def table(rows):
        codes = rng.integers(0, 4, (rows, len(ordered))).astype(np.int32)
        ranks = np.where((codes > 0) & np.array(ordered), codes / 4 + rng.integers(0, 2) / 8, np.nan)
        names = tuple(f"c{place}" for place in range(len(ordered)))
        return Table(names, ordered, (4,) * len(ordered), codes.astype(np.int64), codes, ranks.astype(np.float32))

    return table(draw(st.integers(1, 6))), table(draw(st.integers(1, 40))), rng


@given(two_tables(), st.integers(1, 12), st.booleans())
def test_they_are_those_of_the_plain_computation(tables, count, weighted):
    targets, table, rng = tables
    weights = rng.random(len(table.names)).astype(np.float32) if weighted else np.ones(len(table.names), np.float32)
    found = search(targets, table, count, weights if weighted else None)
    plain = all_distances(targets, table, weights)
    count = min(count, len(table))
    assert (found.distances == np.sort(plain, axis=1)[:, :count]).all()
    assert (np.take_along_axis(plain, found.places.astype(np.int64), axis=1) == found.distances).all()
    assert all(len(set(places)) == count for places in found.places.tolist())


@given(two_tables())
def test_the_order_of_the_table_does_not_matter(tables):
    targets, table, rng = tables
    order, back = rng.permutation(len(table)), rng.permutation(len(targets))
    found, shuffled = search(targets, table, 5), search(targets.take(back), table.take(order), 5)
    assert (found.distances[back] == shuffled.distances).all()
    assert (table.codes[found.places[back]] == table.take(order).codes[shuffled.places]).all()


def test_several_blocks_of_rows(rng):
    w = world("independent", 1, rows=5000, targets=30)
    found = search(w.targets, w.evidence.synthetic, KEPT)
    plain = np.minimum(
        np.abs(nearest.coordinates(w.targets)[:, None] - nearest.coordinates(w.evidence.synthetic)[None]), 1
    )
    total = np.zeros(plain.shape[:2], np.float32)
    for column in range(plain.shape[2]):
        total += plain[:, :, column]
    assert (found.distances == np.sort(total, axis=1)[:, :KEPT]).all()


def test_a_larger_table_is_searched_in_part(monkeypatch):
    w = world("independent", 1, rows=1000, targets=10)
    monkeypatch.setattr(nearest, "MAX_ROWS", 100)
    found = search(w.targets, w.evidence.synthetic, 5)
    assert found.searched == 100
    assert (search(w.targets, w.evidence.synthetic.take(np.arange(1000)[::-1]), 5).distances == found.distances).all()


def test_computed_once_and_dropped_with_either_table(monkeypatch):
    w = world("independent", 1, rows=50, targets=10)
    table, targets = w.evidence.synthetic, w.targets.take(np.arange(10))
    found = neighbours(targets, table)
    monkeypatch.setattr(nearest, "search", lambda *_: pytest.fail("searched twice"))
    assert neighbours(targets, table) is found
    for copied in (pickle.loads(pickle.dumps(table)), copy.copy(w.targets)):
        assert len(copied) == len(copied.codes)
    gone = weakref.ref(found)
    del targets, found
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("count", [1, 5])
def test_thinning_expects_what_draws_give(share, count, rng):
    """Against many random tables of the smaller size; without thinning (power) it would be far off."""
    w = world("independent", 2, rows=2000, targets=20)
    found = search(w.targets, w.evidence.synthetic, KEPT)
    drawn = [
        search(w.targets, w.evidence.synthetic.take(rng.permutation(2000)[: int(share * 2000)]), count).distances
        for _ in range(1 if share == 1 else 300)
    ]
    each = np.mean(drawn, axis=2)
    expected = thinned(found, share, count)
    noise = each.std(axis=0) / np.sqrt(len(each)) + 2e-3
    assert (np.abs(each.mean(axis=0) - expected) < 5.5 * noise).all()
    if share < 1:
        assert (np.abs(each.mean(axis=0) - thinned(found, 1.0, count)) > 5.5 * noise).any()


@pytest.mark.parametrize("of", edge_tables())
@pytest.mark.parametrize("name", edge_tables())
def test_odd_tables(name, of):
    found = neighbours(edge_tables()[name], edge_tables()[of])
    assert np.isfinite(found.distances).all()
    assert np.isfinite(thinned(found, 0.3, 5)).all()


def test_no_targets():
    w = world("independent", 1, rows=50, targets=10)
    assert neighbours(w.targets.take(np.zeros(0, np.int64)), w.evidence.synthetic).distances.shape == (0, 50)
