"""The pair models: probabilities that sum to one, and the tree that the table was drawn from."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from attacks.membership.density_ratio import log_cell, log_pair, log_probability, spanning_tree
from attacks.membership.local_likelihood import LocalLikelihood
from attacks.tables import Table


def table_of(codes, levels):
    codes = np.asarray(codes, np.int32)
    names = tuple(f"c{place}" for place in range(codes.shape[1]))
    ranks = np.full(codes.shape, np.nan, np.float32)
    return Table(names, (False,) * len(names), levels, codes.astype(np.int64), codes, ranks)


def chain(rows, rng):
    """Columns 2 - 0 - 3 - 1, each a noisy copy of the one before."""
    codes = np.zeros((rows, 4), np.int64)
    codes[:, 2] = rng.integers(0, 4, rows)
    for before, after in ((2, 0), (0, 3), (3, 1)):
        codes[:, after] = np.where(rng.random(rows) < 0.6, codes[:, before], rng.integers(0, 4, rows))
    return table_of(codes, (4,) * 4)


def test_the_tree_is_found(rng):
    assert set(spanning_tree(chain(3000, rng))) == {(0, 2), (0, 3), (1, 3)}


def test_columns_with_many_levels_do_not_attract_edges_by_chance(rng):
    """Two columns of 100 random levels look dependent in 400 rows unless what chance gives is taken off."""
    codes = np.column_stack([rng.integers(0, 100, 400), rng.integers(0, 100, 400), rng.integers(0, 2, 400)])
    codes = np.column_stack([codes, codes[:, 2] ^ (rng.random(400) < 0.3)])
    edges = spanning_tree(table_of(codes, (100, 100, 2, 2)))
    assert (2, 3) in edges


@pytest.mark.parametrize("smoothing", [0.1, 1.0, 20.0])
def test_probabilities_sum_to_one(smoothing, rng):
    levels = (3, 2, 4)
    table = table_of(rng.integers(0, levels, (25, 3)), levels)
    every = table_of(list(product(*map(range, levels))), levels)
    cells = table_of([[code] * 3 for code in range(2)], levels)
    assert np.exp(log_cell(table, 1, cells, smoothing)).sum() == pytest.approx(1)
    pairs = table_of(list(product(range(3), range(2), [0])), levels)
    joint = log_pair(table, (0, 1), pairs, smoothing) + sum(log_cell(table, c, pairs, smoothing) for c in (0, 1))
    assert np.exp(joint).sum() == pytest.approx(1)
    total = np.exp(log_probability(table, ((0, 1), (1, 2)), every, smoothing)).sum()
    assert total == pytest.approx(1, abs=0.1 * smoothing)  # sides of a pair and cells are smoothed a little apart


def test_the_kernel_of_the_local_likelihood_is_a_distribution(rng):
    levels = (3, 2, 4)
    reference = table_of(rng.integers(0, levels, (25, 3)), levels)
    every = table_of(list(product(*map(range, levels))), levels)
    target = reference.take(np.zeros(len(every), np.int64))
    weights = np.exp(LocalLikelihood(width=0.3)._kernel(reference, every, target))
    assert weights.sum() == pytest.approx(1)
    assert (every.codes[weights.argmax()] == target.codes[0]).all()


def test_the_local_likelihood_gains_only_where_synthetic_rows_are_near(rng):
    from attacks.attack import Evidence

    reference = table_of(rng.integers(2, 6, (400, 4)), (7,) * 4)
    synthetic = table_of(np.vstack([rng.integers(2, 6, (100, 4)), np.full((1, 4), 6)]), (7,) * 4)
    targets = table_of(np.vstack([np.full((1, 4), 6), rng.integers(2, 6, (30, 4))]), (7,) * 4)
    scores = LocalLikelihood(nearest=20).run(Evidence(synthetic, reference=reference), targets, rng).scores
    assert scores.argmax() == 0
    assert scores[0] > 3 * np.abs(scores[1:]).max()
