from __future__ import annotations

import numpy as np

from benchmarks.compare import metrics
from dpsynth.evaluation.marginals import column_sets, total_variation


def tables(rows: int, domain: dict[str, int]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(7)
    real, synthetic = ({name: rng.integers(0, size, n) for name, size in domain.items()} for n in (rows, rows + 9))
    return real, synthetic


def test_auc_of_what_can_be_learned_and_of_what_cannot() -> None:
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
    sets = column_sets(list(domain), 3)
    fine = np.mean([total_variation(real, synthetic, domain, columns) for columns in sets])
    assert 1000 * (1 - fine) < metrics.nist_score(real, synthetic, domain) < 1000
