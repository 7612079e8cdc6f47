from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.models.fit_embedding import Embedding, _Logits, fit_embedding

DOMAIN = Domain.of({"a": 3, "b": 4, "c": 2})


def embedding(stddev, seed=0, frequencies=60, joint=None):
    """The embedding of a joint distribution, phases of two columns each."""
    rng = np.random.default_rng(seed)
    looks = np.zeros((3, frequencies), dtype=bool)
    for frequency, pair in zip(range(frequencies), itertools.cycle(itertools.combinations(range(3), 2)), strict=False):
        looks[list(pair), frequency] = True
    places = tuple(np.flatnonzero(row) for row in looks)
    turns = tuple(
        np.exp(1j * rng.uniform(0, 2 * np.pi, (size, own.size))).astype(np.complex64)
        for size, own in zip(DOMAIN.sizes, places, strict=True)
    )
    waves = np.ones((*DOMAIN.sizes, frequencies), dtype=complex)
    for axis, (own, turn) in enumerate(zip(places, turns, strict=True)):
        shape = [1, 1, 1, own.size]
        shape[axis] = DOMAIN.sizes[axis]
        waves[..., own] *= turn.reshape(shape)
    means = np.tensordot(joint, waves, 3) if joint is not None else np.zeros(frequencies, dtype=complex)
    noise = rng.standard_normal((2, frequencies)) * stddev
    return Embedding(means + noise[0] + 1j * noise[1], stddev, places, turns)


def table():
    rng = np.random.default_rng(7)
    joint = np.zeros(DOMAIN.sizes)
    for share in (0.5, 0.3, 0.2):
        joint += share * np.einsum("i,j,k->ijk", *(rng.dirichlet(np.full(size, 0.3)) for size in DOMAIN.sizes))
    return joint


def test_the_embedding_of_a_mixture_is_that_of_its_joint_distribution():
    target = embedding(0.1)
    rng = np.random.default_rng(1)
    shares = [rng.dirichlet(np.ones(size)) for size in DOMAIN.sizes]
    state = _Logits.start(DOMAIN, shares, 5, rng)
    weights, tables = state.distribution()
    joint = np.einsum("n,ni,nj,nk->ijk", weights, *tables)
    expected = embedding(0.0, joint=joint.astype(float)).means
    assert np.allclose(state.embedding(target), expected, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    shares = [rng.dirichlet(np.ones(size)) for size in DOMAIN.sizes]
    state, target = _Logits.start(DOMAIN, shares, 4, rng), embedding(0.05, joint=table())

    def loss(moved):
        away = np.abs(moved.embedding(target).astype(complex) - target.means) ** 2
        logits = [own.astype(float) - base for own, base in zip(moved.tables, moved.base, strict=True)]
        centred = [each - each.mean(axis=1, keepdims=True) for each in logits]
        price = sum(0.5 * 3.0 / 4 * float((each**2 * share).sum()) for each, share in zip(centred, shares, strict=True))
        return 0.5 * 2.0 * float(away.sum()), price

    slopes = state.gradient(target, target.means, 2.0, 0.0, shares)
    for place, entry in ((0, (1, 2)), (1, (3, 0)), (2, (0, 1)), (3, (2,))):
        change = [np.zeros_like(array) for array in state.arrays()]
        change[place][entry] = 1e-2
        back = [-each for each in change]
        numeric = (loss(state.moved(change))[0] - loss(state.moved(back))[0]) / 2e-2
        assert slopes[place][entry] == pytest.approx(numeric, rel=2e-2, abs=1e-3)


def test_a_table_is_found_from_its_embedding():
    joint = table()
    shares = [joint.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    model = fit_embedding(
        DOMAIN,
        embedding(1e-3, joint=joint),
        shares,
        9.0,
        np.random.default_rng(0),
        components=30,
        steps=400,
        penalty=0.0,
    )
    independent = np.einsum("i,j,k->ijk", *shares)
    for axis in range(3):
        pair = tuple(name for place, name in enumerate(DOMAIN) if place != axis)
        found, exact = model.project(pair) / 9.0, joint.sum(axis=axis)
        assert np.abs(found - exact).sum() < 0.15 * np.abs(independent.sum(axis=axis) - exact).sum()


def test_noise_alone_is_not_fitted():
    """With nothing but noise in the embedding of independent columns, the pairs stay near independence."""
    rng = np.random.default_rng(3)
    shares = [rng.dirichlet(np.full(size, 5.0)) for size in DOMAIN.sizes]
    joint = np.einsum("i,j,k->ijk", *shares)
    target = embedding(0.2, joint=joint)
    model = fit_embedding(DOMAIN, target, shares, 1.0, rng, components=50, steps=400, penalty=0.0)
    assert np.abs(model.project(("a", "b")) - joint.sum(axis=2)).sum() / 2 < 0.06
