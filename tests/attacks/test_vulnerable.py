"""Vulnerability: the mean distance to other rows, computed plainly; the coins play no part."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.membership.nearest import search
from attacks.trial import Trial
from attacks.vulnerable import most_vulnerable, vulnerability
from tests.attacks.worlds import edge_tables, world


def plain(targets, reference):
    """All distances to the reference rows; without them to all other targets, the target's own place left out."""
    means = []
    for place in range(len(targets)):
        others = targets.take(np.delete(np.arange(len(targets)), place)) if reference is None else reference
        means.append(search(targets.take(np.array([place])), others, 5).distances.astype(float).mean())
    return np.array(means)


@pytest.mark.parametrize("with_reference", [True, False])
def test_as_plainly_computed(with_reference):
    w = world("independent", 1, rows=300, targets=60)
    reference = w.evidence.reference if with_reference else None
    assert np.allclose(vulnerability(w.targets, reference), plain(w.targets, reference))


def test_a_stranger_is_the_most_vulnerable():
    w = world("independent", 2, rows=300, targets=60)
    codes, ranks = w.targets.codes.copy(), w.targets.ranks.copy()
    codes[17], ranks[17] = 1, np.where(np.isnan(ranks[17]), np.nan, 1.0)
    targets = type(w.targets)(w.targets.names, w.targets.ordered, w.targets.levels, w.targets.ticks, codes, ranks)
    assert vulnerability(targets, w.evidence.reference).argmax() == 17
    assert most_vulnerable(targets, w.evidence.reference, w.trial, 0.01).nonzero()[0].tolist() == [17]


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_the_share_is_kept_and_no_coin_is_looked_at(share):
    w = world("independent", 3, rows=300, targets=200, pairs=True)
    flipped = Trial(~w.trial.coins, pairs=True)
    mask = most_vulnerable(w.targets, w.evidence.reference, w.trial, share)
    assert mask.sum() == share * 200
    assert (mask[::2] == mask[1::2]).all()
    assert (mask == most_vulnerable(w.targets, w.evidence.reference, flipped, share)).all()
    alone = vulnerability(w.targets, w.evidence.reference)
    pool = most_vulnerable(w.targets, w.evidence.reference, Trial(w.trial.coins), share)
    assert pool.sum() == share * 200
    assert alone[pool].min() >= alone[~pool].max(initial=-1)
    w.trial.take(mask)


def test_units_are_taken_whole(rng):
    w = world("independent", 4, rows=300, targets=90)
    units = np.concatenate([np.arange(30), rng.integers(0, 30, 60)])
    mask = most_vulnerable(w.targets, None, Trial(np.ones(30, bool), units=units), 0.1)
    assert mask.shape == (30,)
    assert mask.sum() == 3


@pytest.mark.parametrize("share", [0, 1.5, float("nan")])
def test_a_share_must_be_one(share):
    w = world("independent", 4, rows=20, targets=10)
    with pytest.raises(ValueError, match="share"):
        most_vulnerable(w.targets, None, w.trial, share)


@pytest.mark.parametrize("name", edge_tables())
def test_odd_tables(name):
    targets = edge_tables()[name]
    for reference in (None, *edge_tables().values()):
        found = vulnerability(targets, reference)
        assert np.isfinite(found).all()
        assert (found <= len(targets.names)).all()
