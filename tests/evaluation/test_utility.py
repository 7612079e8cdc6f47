"""Models learn what can be learned, and say so on the right scale."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.table import Table
from dpsynth.evaluation.utility import MODELS, Predicted, Target, boosted_auc, scores, target_of, trained


def test_kinds_of_labels(split: Arms) -> None:
    table = split.private
    assert target_of(table, "ill", None) == Target("ill", "two classes", 1)
    assert target_of(table, "sex", "F") == Target("sex", "two classes", 0)
    assert target_of(table, "city", None) == Target("city", "classes", None)
    assert target_of(table, "pay", None) == Target("pay", "number", None)


@pytest.mark.parametrize(("label", "score", "least"), [("ill", "AUC", 0.75), ("pay", "R squared", 0.1)])
def test_what_can_be_learned_is_learned(split: Arms, label: str, score: str, least: float) -> None:
    each = split.repeats[0]
    target = target_of(split.private, label, None)
    test = each.test.take(~np.isnan(each.test.values["pay"]))
    for model, found in trained(each.real, test, target, 0).items():
        assert model in MODELS
        assert scores(test, target, found)[score] > least
    for found in trained(each.shuffled, test, target, 0).values():
        assert scores(test, target, found)[score] < 0.62


def test_one_class_teaches_nothing(split: Arms) -> None:
    each = split.repeats[0]
    only = each.real.take(each.real.codes["ill"] == 0)
    target = target_of(split.private, "ill", None)
    for found in trained(only, each.test, target, 0).values():
        assert scores(each.test, target, found)["AUC"] == 0.5


def test_scores_by_hand() -> None:
    table = Table.of_codes({"y": np.array([0, 0, 1, 1])}, {"y": 2})
    found = Predicted(np.array([0, 1, 1, 1]), np.array([0.1, 0.8, 0.7, 0.9]))
    made = scores(table, Target("y", "two classes", 1), found)
    assert made["AUC"] == 0.75
    assert made["macro F1"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_boosted_trees_of_published_results() -> None:
    signal = np.tile([0, 1], 200)
    table = Table.of_codes({"x": signal, "y": signal}, {"x": 2, "y": 2})
    assert boosted_auc(table, table, "y", 1) == 1.0
    assert boosted_auc(table.take(signal == 0), table, "y", 1) == 0.5
