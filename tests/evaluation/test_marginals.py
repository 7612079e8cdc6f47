"""Distances of marginals, against counting by hand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from dpsynth.evaluation import marginals

DOMAIN = {"a": 3, "b": 2, "c": 4, "d": 2, "e": 5, "f": 2}


def tables(rows: int = 40, domain: dict[str, int] = DOMAIN) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(7)
    real, synthetic = ({name: rng.integers(0, size, n) for name, size in domain.items()} for n in (rows, rows + 9))
    return real, synthetic


def plain_distance(real: dict[str, np.ndarray], synthetic: dict[str, np.ndarray], columns: tuple[str, ...]) -> float:
    shares = []
    for table in (real, synthetic):
        cells = list(zip(*(table[name].tolist() for name in columns), strict=True))
        shares.append({cell: count / len(cells) for cell, count in Counter(cells).items()})
    return sum(abs(shares[0].get(cell, 0) - shares[1].get(cell, 0)) for cell in {*shares[0], *shares[1]}) / 2


@pytest.mark.parametrize("ways", [1, 2, 3, 4, 5])
def test_the_distance_is_that_of_counting_by_hand(ways: int) -> None:
    real, synthetic = tables()
    for columns in itertools.combinations(DOMAIN, ways):
        expected = plain_distance(real, synthetic, columns)
        assert marginals.total_variation(real, synthetic, DOMAIN, columns) == pytest.approx(expected, abs=1e-12)


def test_a_domain_beyond_64_bits_is_counted_too() -> None:
    domain = dict.fromkeys("abcde", 10**6)
    real, synthetic = tables(30, domain)
    synthetic = {name: np.concatenate([real[name][:10], synthetic[name]]) for name in domain}
    expected = plain_distance(real, synthetic, tuple(domain))
    assert 0 < expected < 1
    assert marginals.total_variation(real, synthetic, domain, tuple(domain)) == pytest.approx(expected, abs=1e-12)


def test_errors_are_means_over_the_sets() -> None:
    real, synthetic = tables()
    errors = marginals.marginal_errors(real, synthetic, DOMAIN)
    for ways in range(1, 6):
        sets = list(itertools.combinations(DOMAIN, ways))
        mean = sum(plain_distance(real, synthetic, columns) for columns in sets) / len(sets)
        assert errors[f"error{ways}"] == pytest.approx(mean, abs=1e-12)


def test_equal_tables_have_no_error_and_disjoint_ones_all_of_it() -> None:
    ones = {name: np.ones(5, dtype=np.int64) for name in DOMAIN}
    zeros = {name: np.zeros(8, dtype=np.int64) for name in DOMAIN}
    assert set(marginals.marginal_errors(ones, ones, DOMAIN).values()) == {0.0}
    assert set(marginals.marginal_errors(ones, zeros, DOMAIN).values()) == {1.0}


def test_the_sets_are_fixed_and_in_the_order_of_the_columns() -> None:
    columns = [f"x{index}" for index in range(14)]
    every = list(itertools.combinations(columns, 3))
    chosen = marginals.column_sets(columns, 3, 100)
    # The choice by which published results on this table were measured.
    indices = sorted(np.random.default_rng(0).choice(len(every), 100, replace=False))
    assert chosen == [every[index] for index in indices]
    assert marginals.column_sets(columns, 3, len(every)) == every


def test_a_count_of_one_table_only_is_seen() -> None:
    """Dividing both tables by the rows of the first, an easy slip, would pass where they are as long."""
    real, synthetic = {"a": np.array([0, 0, 1, 1])}, {"a": np.array([0, 1])}
    assert marginals.total_variation(real, synthetic, {"a": 2}, ["a"]) == 0


def test_the_score_of_an_area_by_hand() -> None:
    real = {"area": np.array([0, 0, 1, 1]), "a": np.array([0, 1, 0, 1]), "b": np.zeros(4, dtype=np.int64)}
    other = {**real, "a": np.array([0, 0, 0, 1])}
    sizes = {"area": 2, "a": 2, "b": 1}
    assert marginals.area_sets(list(sizes), "area") == [("area", "a", "b")]
    assert marginals.k_marginal_score(real, other, sizes, [("area", "a", "b")]) == 750
