"""Coefficients against scipy and against hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.relations import associations, cramers_v, rank_correlations, relation_errors


def test_cramers_v_is_scipys(rng: np.random.Generator) -> None:
    one = rng.integers(0, 4, 300)
    other = (one + rng.integers(0, 2, 300)) % 5
    counts = pd.crosstab(one, other).to_numpy()
    # Codes that nobody has change nothing.
    assert cramers_v(one + 1, other, (7, 9)) == pytest.approx(association(counts, method="cramer"), abs=1e-12)
    assert cramers_v(one, one, (4, 4)) == pytest.approx(1)
    assert np.isnan(cramers_v(one, np.zeros(300, dtype=np.int64), (4, 2)))


def test_correlations_are_of_rows_where_both_are_present(split: Arms) -> None:
    table = split.private
    found = rank_correlations(table)
    both = ~np.isnan(table.values["pay"])
    expected = spearmanr(table.values["age"][both], table.values["pay"][both]).statistic
    place = [table.ordered.index(name) for name in ("age", "pay")]
    assert found[place[0], place[1]] == pytest.approx(expected, abs=1e-12)


def test_all_pairs_are_those_of_pandas(split: Arms) -> None:
    table = split.private
    expected = pd.DataFrame({name: table.values[name] for name in table.ordered}).corr(method="spearman")
    assert np.allclose(rank_correlations(table), expected)


def test_shuffling_shows(split: Arms, rng: np.random.Generator) -> None:
    private = split.private
    assert set(relation_errors(private, private).values()) == {0.0}
    off = relation_errors(private, private.shuffled(rng))
    assert off["Spearman's correlation, largest difference"] > 0.5
    assert (np.diag(associations(private)) == 1).all()
