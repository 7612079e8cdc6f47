"""What is rare: copies keep it, planted losses show."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.coverage import outlier_share, rare_coverage, tail_shares
from dpsynth.evaluation.table import Table


def test_rare_values_by_hand() -> None:
    a = np.array([0] * 995 + [1] * 3 + [2] * 2)
    real = Table.of_codes({"a": a}, {"a": 4})
    lost = Table.of_codes({"a": np.where(a == 2, 0, a)}, {"a": 4})
    assert rare_coverage(real, real) == {"rare values that occur": 1.0, "share of rare values, relative": 1.0}
    assert rare_coverage(real, lost) == {
        "rare values that occur": 0.5,
        "share of rare values, relative": pytest.approx(0.6),
    }


def test_cut_tails_show(split: Arms) -> None:
    private = split.private
    name = "share of tails of numbers, relative"
    assert tail_shares(private, private)[name] == pytest.approx(1)
    low, high = np.quantile(private.values["age"], [0.02, 0.98])
    inner = private.take((private.values["age"] > low) & (private.values["age"] < high))
    assert tail_shares(private, inner)[name] < 0.8


def test_planted_outliers_show(split: Arms) -> None:
    private = split.private
    name = "share of outlying rows, relative"
    assert outlier_share(private, split.released, 0)[name] < 4
    odd = private.take(np.arange(200))
    values = {**odd.values, "age": np.full(200, 99.0), "pay": np.zeros(200)}
    planted = Table(odd.fields, odd.rows, odd.codes, values)
    assert outlier_share(private, planted, 0)[name] > 10
