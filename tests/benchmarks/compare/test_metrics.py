from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from benchmarks.compare import metrics

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
        assert metrics.total_variation(real, synthetic, DOMAIN, columns) == pytest.approx(expected, abs=1e-12)


def test_a_domain_beyond_64_bits_is_counted_too() -> None:
    domain = dict.fromkeys("abcde", 10**6)
    real, synthetic = tables(30, domain)
    synthetic = {name: np.concatenate([real[name][:10], synthetic[name]]) for name in domain}
    expected = plain_distance(real, synthetic, tuple(domain))
    assert 0 < expected < 1
    assert metrics.total_variation(real, synthetic, domain, tuple(domain)) == pytest.approx(expected, abs=1e-12)


def test_errors_are_means_over_the_sets() -> None:
    real, synthetic = tables()
    errors = metrics.marginal_errors(real, synthetic, DOMAIN)
    for ways in range(1, 6):
        sets = list(itertools.combinations(DOMAIN, ways))
        mean = sum(plain_distance(real, synthetic, columns) for columns in sets) / len(sets)
        assert errors[f"error{ways}"] == pytest.approx(mean, abs=1e-12)


def test_equal_tables_have_no_error_and_disjoint_ones_all_of_it() -> None:
    ones = {name: np.ones(5, dtype=np.int64) for name in DOMAIN}
    zeros = {name: np.zeros(8, dtype=np.int64) for name in DOMAIN}
    assert set(metrics.marginal_errors(ones, ones, DOMAIN).values()) == {0.0}
    assert set(metrics.marginal_errors(ones, zeros, DOMAIN).values()) == {1.0}


def test_the_sets_are_fixed_and_in_the_order_of_the_columns() -> None:
    columns = [f"x{index}" for index in range(14)]
    every = list(itertools.combinations(columns, 3))
    chosen = metrics.column_sets(columns, 3, 100)
    # The choice by which published results on this table were measured.
    indices = sorted(np.random.default_rng(0).choice(len(every), 100, replace=False))
    assert chosen == [every[index] for index in indices]
    assert metrics.column_sets(columns, 3, len(every)) == every


def test_auc_of_what_can_be_learned_and_of_what_cannot() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    signal = rng.integers(0, 2, 400)
    table = {"signal": signal, "noise": rng.integers(0, 5, 400), "target": signal}
    domain = {"signal": 2, "noise": 5, "target": 2}
    assert metrics.classifier_auc(table, table, domain, "target") == 1.0
    reversed_table = {**table, "target": 1 - signal}
    assert metrics.classifier_auc(reversed_table, table, domain, "target") == 0.0
    assert metrics.classifier_auc({**table, "target": 0 * signal}, table, domain, "target") == 0.5


def test_rank_bins_hold_equal_shares_and_keep_the_codes_apart() -> None:
    codes = np.concatenate([np.zeros(50), np.repeat(np.arange(1, 101), 10), np.full(70, 101)]).astype(np.int64)
    edges = metrics.rank_edges(codes, 0, 101)
    sizes = np.bincount(np.searchsorted(edges, codes, side="left"))
    assert sizes[0] == 50
    assert sizes[-1] == 70
    assert len(sizes) == 22
    assert abs(sizes[1:-1] - 50).max() <= 10  # one code more or less


def test_the_nist_score_of_equal_tables_is_1000() -> None:
    domain = {"AGEP": 100, "PINCP": 33, "POVPIP": 53, "SEX": 2}
    real, synthetic = tables(300, domain)
    assert metrics.nist_score(real, real, domain) == 1000
    # Cutting into bins brings the tables nearer than the codes are.
    sets = metrics.column_sets(list(domain), 3)
    fine = np.mean([plain_distance(real, synthetic, columns) for columns in sets])
    assert 1000 * (1 - fine) < metrics.nist_score(real, synthetic, domain) < 1000
