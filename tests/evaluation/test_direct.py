"""The rival: private models trained on the private rows."""

from __future__ import annotations

import sys

import pytest

from dpsynth.errors import MissingExtraError
from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.direct import directly_trained
from dpsynth.evaluation.utility import scores, target_of


def test_a_large_budget_learns_and_a_tiny_one_does_not(split: Arms) -> None:
    pytest.importorskip("diffprivlib")
    each = split.repeats[0]
    target = target_of(split.private, "ill", None)
    auc = {}
    for epsilon in (1e-3, 1e3):
        found = directly_trained(each.real, each.test, target, epsilon, 0)
        auc[epsilon] = {model: scores(each.test, target, one)["AUC"] for model, one in found.items()}
    assert set(auc[1e3]) == {"naive Bayes", "random forest", "logistic regression"}
    assert min(auc[1e3].values()) > 0.7
    assert min(auc[1e-3].values()) < 0.7


def test_without_the_extra_it_says_which(split: Arms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffprivlib", None)
    with pytest.raises(MissingExtraError, match="diffprivlib"):
        directly_trained(split.private, split.private, target_of(split.private, "ill", None), 1.0, 0)
