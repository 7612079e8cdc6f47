"""Holm's method: known figures, never more false alarms than promised, never fewer rejections than Bonferroni."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.statistics.holm import holm


def test_known_figures():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    for bad in ([0.5, np.nan], [-0.1], [1.1]):
        with pytest.raises(ValueError, match="p-values"):
            holm(bad)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_between_raw_and_bonferroni_and_in_the_same_order(values):
    raw, adjusted = np.array(values), holm(values)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, len(raw) * raw) + 1e-15).all()
    order = np.argsort(raw)
    assert (np.diff(adjusted[order]) >= 0).all()


def test_false_alarms():
    """20 tests, 5 of them of wrong claims: any false alarm in at most 5 %, unadjusted in most."""
    rng = np.random.default_rng(0)
    values = rng.random((2000, 20))
    values[:, :5] *= 1e-6
    adjusted = np.array([holm(row) for row in values])
    assert (adjusted[:, 5:] <= 0.05).any(axis=1).mean() < 0.05 + 0.02
    assert (adjusted[:, 5:] <= 0.05).any(axis=1).mean() > 0.02
    assert (values[:, 5:] <= 0.05).any(axis=1).mean() > 0.4
    assert (adjusted[:, :5] <= 0.05).all()


def test_shares_of_the_level():
    assert holm([0.02, 0.02, 0.02], [0.5, 0.25, 0.25]).tolist() == pytest.approx([0.04, 0.04, 0.04])
    assert holm([0.03, 0.001], [0.5, 0.5]).tolist() == holm([0.03, 0.001]).tolist()
    rng = np.random.default_rng(0)
    alarms = np.mean([holm(rng.random(4), [0.5, 0.2, 0.2, 0.1]).min() <= 0.05 for _ in range(4000)])
    assert alarms <= 0.05 + 4.8 * np.sqrt(0.05 * 0.95 / 4000)
    for weights in ([1.0], [1.0, 0.0], [1.0, -1.0]):
        with pytest.raises(ValueError, match="weights"):
            holm([0.1, 0.2], weights)
