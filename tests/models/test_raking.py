from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.models.raking import raked

DOMAIN = Domain.of({"a": 3, "b": 4})


def drawn(seed, zeros=False):
    rng = np.random.default_rng(seed)
    tables = [rng.dirichlet(np.ones(size), 6) for size in DOMAIN.sizes]
    shares = [rng.dirichlet(np.ones(size)) for size in DOMAIN.sizes]
    if zeros:
        tables[1][:, 2] = 0.0
        shares[0] = np.array([0.0, 0.4, 0.6])
    return rng.dirichlet(np.ones(6)), tables, shares


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_one_ways_are_met_and_weights_are_kept(seed, zeros):
    """A code that no component has is given to all of them; one without a share is left to none."""
    weights, tables, shares = drawn(seed, zeros)
    mixture = raked(DOMAIN, weights, tables, shares, 50.0)
    assert np.allclose(mixture.weights, weights)
    for column, share, table in zip(DOMAIN, shares, mixture.tables, strict=True):
        assert np.allclose(table.sum(axis=1), 1.0)
        assert (table >= 0).all()
        assert np.abs(mixture.project((column,)) / 50.0 - share).sum() < 1e-4


def test_what_fits_is_not_changed():
    weights, tables, _ = drawn(0)
    mixture = raked(DOMAIN, weights, tables, [weights @ table for table in tables], 1.0)
    assert all(np.allclose(one, other) for one, other in zip(mixture.tables, tables, strict=True))


def test_odds_ratios_between_components_are_kept():
    weights, tables, shares = drawn(1)
    table = raked(DOMAIN, weights, tables, shares, 1.0).tables[0]
    before, after = (np.log(each[0, 0] * each[1, 1] / (each[0, 1] * each[1, 0])) for each in (tables[0], table))
    assert before == pytest.approx(after, rel=1e-6)


def test_a_component_that_holds_only_codes_without_a_share_becomes_the_one_ways():
    tables = [np.array([[1.0, 0.0], [0.0, 1.0]])]
    mixture = raked(Domain.of({"a": 2}), np.array([0.5, 0.5]), tables, [np.array([0.0, 1.0])], 1.0)
    assert mixture.tables[0].tolist() == [[0.0, 1.0], [0.0, 1.0]]
