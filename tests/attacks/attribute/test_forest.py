"""Beliefs of a forest: a rule is learnt, nothing is impossible, large tables are seen by several trees together."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.attribute.forest import features, forest_beliefs
from attacks.tables import Table

SIZES = {"trees": 10, "depth": 25, "rows": 20_000}


def numbers(ranks) -> Table:
    ranks = np.asarray(ranks, np.float32)[:, None]
    cells = np.zeros(ranks.shape, np.int64)
    return Table(("x",), (True,), (9,), cells, cells.astype(np.int32), ranks)


def test_features_are_ranks_of_numbers_and_codes_of_categories():
    codes = np.array([[4, 7], [0, 0]], np.int32)
    ranks = np.array([[0.25, np.nan], [np.nan, np.nan]], np.float32)
    both = Table(("x", "y"), (True, False), (9, 9), codes.astype(np.int64), codes, ranks)
    np.testing.assert_array_equal(features(both), np.float32([[0.25, 7], [-1, 0]]))


def test_a_rule_is_learnt_and_nothing_is_impossible(rng):
    ranks = rng.random(500)
    found = forest_beliefs(numbers(ranks), (ranks > 0.5).astype(np.int64), numbers([0.1, 0.9]), **SIZES, rng=rng)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() > 0
    assert found[0, 0] > 0.9
    assert found[1, 1] > 0.9


def test_an_answer_without_alternative(rng):
    found = forest_beliefs(numbers([0.1]), np.zeros(1, np.int64), numbers([0.1, np.nan]), **SIZES, rng=rng)
    np.testing.assert_array_equal(found, np.ones((2, 1)))


def test_trees_of_a_large_table_see_different_rows(rng):
    """Of 1,000 rows with answers of their own, ten trees of 200 rows know several hundreds, not 200."""
    ranks = np.arange(1000) / 1000
    answers = np.arange(1000) % 50
    found = forest_beliefs(numbers(ranks), answers, numbers(ranks), trees=10, depth=25, rows=200, rng=rng)
    known = found[np.arange(1000), answers] > 1.5 / 11
    assert 500 < known.sum() < 1000


@pytest.mark.parametrize("rows", [100, 20_000])
def test_same_seed_same_beliefs(rows):
    ranks = np.random.default_rng(1).random(300)
    answers = np.random.default_rng(2).integers(0, 3, 300)

    def run(seed):
        sizes = {**SIZES, "rows": rows, "rng": np.random.default_rng(seed)}
        return forest_beliefs(numbers(ranks), answers, numbers(ranks + 0.001), **sizes)

    np.testing.assert_array_equal(run(3), run(3))
    if rows == 100:
        assert not np.array_equal(run(3), run(4))
