"""The feature maps against plain loops over rows, at random and at the edges of their bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.clusters import ClusterCounts, ClusterPoints, Clusters
from dpsynth.mechanisms.pair_products import PairProducts, drawn_in, finest_scale, limit_in_units, products_bound
from dpsynth.mechanisms.random_fourier import SCALE, TURN, RandomFourier, fourier_bound, sparse_frequencies

DOMAIN = Domain.of({"a": 3, "b": 5, "c": 2})


def rows(count=200, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, size, count).astype(np.uint8) for name, size in zip(DOMAIN, DOMAIN.sizes, strict=True)
    }


@pytest.mark.parametrize("label", [None, "b"])
def test_waves_are_those_of_the_phases(label):
    rng = np.random.default_rng(1)
    groups = np.array([[0, 1], [1, 2], [0, 2], [0, 1]])
    angles = tuple(rng.uniform(-20, 20, (size, 4)) for size in DOMAIN.sizes)
    sparse = sparse_frequencies(DOMAIN, groups, angles)
    features = RandomFourier(DOMAIN, sparse.places, sparse.angles, 4, label)
    codes = rows()
    expected = np.zeros((features.classes, 2, 4))
    for row in range(200):
        for frequency, group in enumerate(groups):
            phase = sum(angles[column][codes["abc"[column]][row], frequency] for column in group)
            part = 0 if label is None else codes[label][row]
            expected[part, :, frequency] += math.cos(phase), math.sin(phase)
    found = features.sums(codes).reshape(expected.shape) / SCALE
    # Two angles rounded to a 4096th of a turn, and a wave rounded to a 4096th: for each of the rows.
    assert np.abs(found - expected).max() < 200 * (2 * math.pi / TURN + 0.5 / SCALE)
    assert np.abs(found - expected).mean() < 0.05


def test_no_phase_exceeds_the_bound_of_a_wave():
    every = RandomFourier(Domain.of({"a": TURN}), (np.arange(1),), (np.arange(TURN, dtype=np.uint16)[:, None],), 1)
    squares = [int((every.sums({"a": np.array([code])}) ** 2).sum()) for code in range(TURN)]
    assert max(squares) == fourier_bound(1).squared_norm
    assert min(squares) > 0.999 * max(squares)


@pytest.mark.parametrize("limit", [10, 300, 2_000, 10**6])
def test_products_are_those_of_rows_drawn_in(limit):
    scores = (np.array([-20, 0, 31]), np.array([-9, -5, 0, 7, 8]), np.array([-40, 12]))
    features, codes = PairProducts(DOMAIN, scores, 8, limit), rows()
    expected = np.zeros(3, dtype=np.int64)
    for row in range(200):
        own = [int(each[codes[name][row]]) for each, name in zip(scores, DOMAIN, strict=True)]
        squares = sum(score**2 for score in own)
        if squares > limit:
            own = [math.trunc(score * math.sqrt(limit / squares)) for score in own]
            assert sum(score**2 for score in own) <= limit
        products = [own[0] * own[1], own[0] * own[2], own[1] * own[2]]
        assert sum(product**2 for product in products) <= features.bound.squared_norm
        expected += products
    assert features.sums(codes).tolist() == expected.tolist()


def test_rows_drawn_in_never_pass_the_limit():
    """Random rows of all lengths, and such that lie on the limit to the last digit."""
    rng = np.random.default_rng(5)
    for limit in (1, 2, 97, 12_345, 10**9):
        drawn = drawn_in(rng.integers(-(1 << 20), 1 << 20, (2000, 6)), limit)
        assert ((drawn**2).sum(axis=1) <= limit).all()
    on_the_limit = np.array([[3, 4, 0], [0, 5, 0], [3, 4, 1]])
    assert drawn_in(on_the_limit, 25).tolist() == [[3, 4, 0], [0, 5, 0], [2, 3, 0]]


def test_the_bound_of_products_is_reached_by_equal_scores():
    domain = Domain.of({"a": 1, "b": 1, "c": 1, "d": 1})
    features = PairProducts(domain, (np.array([6]),) * 4, 1, 144)
    row = features.sums({name: np.zeros(1, dtype=np.uint8) for name in domain})
    assert int((row**2).sum()) == features.bound.squared_norm == products_bound(4, 1, 144).squared_norm


@pytest.mark.parametrize("columns", [2, 14, 100, 300])
def test_scales_are_as_fine_as_the_bound_allows(columns):
    scale = finest_scale(columns, 2.0 * columns)
    assert scale >= (128 if columns < 15 else 16)
    assert products_bound(columns, scale, limit_in_units(2.0 * columns, scale)).scale == scale**2


def test_clusters_are_those_of_the_nearest_centre():
    rng = np.random.default_rng(2)
    points = tuple(rng.integers(-90, 90, (size, 2)) for size in DOMAIN.sizes)
    clusters, codes = Clusters(DOMAIN, points, rng.integers(-90, 90, (4, 6)), 90), rows()
    counts = [np.zeros((4, size), dtype=np.int64) for size in DOMAIN.sizes]
    sums = np.zeros((4, 7), dtype=np.int64)
    for row in range(200):
        point = np.concatenate([own[codes[name][row]] for own, name in zip(points, DOMAIN, strict=True)])
        cluster = min(range(4), key=lambda k: (int(((point - clusters.centres[k]) ** 2).sum()), k))
        sums[cluster] += np.array([90, *point])
        for table, name in zip(counts, DOMAIN, strict=True):
            table[cluster, codes[name][row]] += 1
    assert np.array_equal(ClusterPoints(clusters).sums(codes), sums.ravel())
    assert np.array_equal(ClusterCounts(clusters).sums(codes), np.concatenate([table.ravel() for table in counts]))


def test_what_does_not_fit_is_refused():
    angles = tuple(np.zeros((size, 2), dtype=np.uint16) for size in DOMAIN.sizes)
    places = (np.arange(2),) * 3
    for wrong in (
        lambda: RandomFourier(DOMAIN, places, angles, 0),
        lambda: RandomFourier(DOMAIN, places, angles, 1),
        lambda: RandomFourier(DOMAIN, (np.array([1, 0]),) * 3, angles, 2),
        lambda: RandomFourier(DOMAIN, places, angles, 2, "z"),
        lambda: RandomFourier(DOMAIN, places, tuple(each.astype(np.int64) for each in angles), 2),
        lambda: PairProducts(Domain.of({"a": 2}), (np.zeros(2, dtype=np.int64),), 1, 1),
        lambda: PairProducts(DOMAIN, (np.zeros(2, dtype=np.int64),) * 3, 1, 1),
        lambda: PairProducts(DOMAIN, tuple(np.full(size, 1 << 21) for size in DOMAIN.sizes), 1, 1),
        lambda: Clusters(DOMAIN, tuple(np.zeros((size, 1)) for size in DOMAIN.sizes), np.zeros((1, 3)), 1),
        lambda: Clusters(
            DOMAIN, tuple(np.zeros((size, 1), dtype=np.int64) for size in DOMAIN.sizes), np.zeros((1, 2)), 1
        ),
        lambda: Clusters(
            DOMAIN, tuple(np.full((size, 1), 1 << 26) for size in DOMAIN.sizes), np.zeros((1, 3), dtype=np.int64), 1
        ),
    ):
        with pytest.raises(SettingError):
            wrong()
