"""Naive Bayes equals its formula, cell by cell."""

from __future__ import annotations

import numpy as np

from attacks.attribute.pair_counts import naive_beliefs, pair_counts
from attacks.tables import Table


def coded(codes, levels=(4, 5)) -> Table:
    codes = np.asarray(codes, np.int32)
    return Table(("x", "y"), (False, False), levels, codes.astype(np.int64), codes, np.full(codes.shape, np.nan))


def test_pair_counts():
    np.testing.assert_array_equal(pair_counts(np.array([0, 1, 1]), np.array([2, 0, 0]), (2, 3)), [[0, 0, 1], [2, 0, 0]])


def test_naive_bayes_is_its_formula(rng):
    synthetic = coded(np.stack([rng.integers(0, 4, 60), rng.integers(0, 5, 60)], axis=1))
    answers = rng.integers(0, 3, 60)
    targets = coded([[0, 1], [3, 4]])
    found = naive_beliefs(synthetic, answers, targets)
    for target, cells in enumerate(targets.codes):
        chances = []
        for answer in range(3):
            own = synthetic.codes[answers == answer]
            chance = len(own) / 60
            for place, levels in enumerate((4, 5)):
                chance *= ((own[:, place] == cells[place]).sum() + 0.5) / (len(own) + 0.5 * levels)
            chances.append(chance)
        np.testing.assert_allclose(found[target], np.array(chances) / np.sum(chances))
