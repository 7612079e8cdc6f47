"""Moments of latent codes: whole numbers that no order of rows can move, and a bound that no network can break."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.latent_clusters import BOUND, RADIUS, IntegerEncoder, LatentClusters, encoder_of, moments

DOMAIN = Domain.of({"a": 3, "b": 4, "c": 2})
ROWS = np.array(list(itertools.product(range(3), range(4), range(2))))


def encoder(scale: float, clip: float = 2.0, seed: int = 0, latent: int = 3) -> IntegerEncoder:
    rng = np.random.default_rng(seed)
    layers = [rng.standard_normal(shape) * scale for shape in ((5, 9), (5,), (2 * latent, 5), (2 * latent,))]
    return encoder_of(DOMAIN, layers, clip)


def codes(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {column: rows[:, place].astype(np.uint8) for place, column in enumerate(DOMAIN)}


def clusters(scale: float = 1.0, label: str | None = None, seed: int = 0) -> LatentClusters:
    centres = np.random.default_rng(seed).integers(-RADIUS, RADIUS + 1, (DOMAIN[label] if label else 1, 3, 3))
    return LatentClusters(encoder(scale, seed=seed), label, centres)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0, 1e6])
@pytest.mark.parametrize("label", [None, "b"])
def test_no_row_is_longer_than_the_bound(scale: float, label: str | None) -> None:
    """All rows of the domain, networks tame and wild; where codes have to be drawn in, nearly all of it is used."""
    longest = 0
    for seed in range(5):
        features = clusters(scale, label, seed)
        vectors = [features.sums(codes(ROWS[place : place + 1])) for place in range(len(ROWS))]
        longest = max(longest, *(int((vector**2).sum()) for vector in vectors))
        assert (np.linalg.norm(features.encoder.of(codes(ROWS)), axis=1) <= RADIUS).all()
    assert longest <= BOUND.squared_norm
    assert scale < 1 or longest > 0.7 * BOUND.squared_norm


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_sums_are_the_same_in_any_order_and_cut(scale: float) -> None:
    features, rng = clusters(scale, "c"), np.random.default_rng(1)
    rows = ROWS[rng.integers(0, len(ROWS), 500)]
    whole = features.sums(codes(rows))
    for _ in range(5):
        parts = np.split(rng.permutation(rows), np.sort(rng.integers(0, 501, 4)))
        assert np.array_equal(sum(features.sums(codes(part)) for part in parts), whole)
    assert features.length == whole.size == 6 * 7


def test_whole_numbers_are_those_of_the_network() -> None:
    rng, latent = np.random.default_rng(2), 3
    layers = [rng.standard_normal(shape) for shape in ((50, 9), (50,), (2 * latent, 50), (2 * latent,))]
    layers[2] /= 7
    shown = np.concatenate([np.eye(size)[ROWS[:, place]] for place, size in enumerate(DOMAIN.sizes)], axis=1)
    before = shown @ layers[0].T + layers[1]
    expected = (before * ndtr(before)) @ layers[2][:latent].T + layers[3][:latent]
    found = encoder_of(DOMAIN, layers, 40.0).of(codes(ROWS)) * 40.0 / RADIUS
    assert found == pytest.approx(expected, abs=0.05)
    drawn_in = encoder_of(DOMAIN, layers, 0.5).of(codes(ROWS)) * 0.5 / RADIUS
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    assert drawn_in == pytest.approx(expected * np.minimum(1, 0.5 / norms), abs=0.05)


def test_moments_are_those_of_each_cluster() -> None:
    features = clusters(1.0, "c")
    latents = features.encoder.of(codes(ROWS))
    mine = features.of(latents, codes(ROWS))
    assert ((mine >= 3) == (ROWS[:, 2] == 1)).all()
    counts, sums, squares = moments(features.sums(codes(ROWS)) / RADIUS, 6)
    for cluster in range(6):
        inside = latents[mine == cluster] / RADIUS
        assert counts[cluster] == len(inside)
        assert sums[cluster] == pytest.approx(inside.sum(axis=0))
        assert squares[cluster] == pytest.approx((inside**2).sum(axis=0), abs=len(ROWS) / RADIUS)
    centres = features.centres.reshape(6, 3).astype(float)
    for row, cluster in zip(latents, mine, strict=True):
        own = centres[cluster // 3 * 3 : cluster // 3 * 3 + 3]
        assert ((row - centres[cluster]) ** 2).sum() == ((row - own) ** 2).sum(axis=1).min()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingError, match="finite"):
        encoder(np.nan)
    with pytest.raises(SettingError, match="clip"):
        encoder(1.0, clip=0.0)
    for shape in ((2, 3, 3), (1, 3, 2)):
        with pytest.raises(SettingError, match="classes"):
            LatentClusters(encoder(1.0), None, np.zeros(shape, dtype=np.int64))
    with pytest.raises(SettingError, match="at most"):
        LatentClusters(encoder(1.0), None, np.full((1, 3, 3), RADIUS + 1))
