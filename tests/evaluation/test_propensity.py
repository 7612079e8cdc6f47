"""Rows of one population cannot be told apart; shuffled ones can."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.propensity import pmse, told_apart


def test_pmse_by_hand() -> None:
    marks = np.repeat([0, 1], 50)
    # A perfect split has propensities 0 and 1, each a half from the share of marked rows.
    assert pmse(marks[:, None].astype(float), marks, 0) == pytest.approx(0.25)
    assert pmse(np.zeros((100, 1)), marks, 0) == 0


def test_chance_is_chance_and_lost_relations_are_found(split: Arms, rng: np.random.Generator) -> None:
    same = told_apart(split.private, split.released, 0)
    assert same["AUC of logistic regression"] == pytest.approx(0.5, abs=0.06)
    assert same["AUC of boosted trees"] == pytest.approx(0.5, abs=0.06)
    assert same["pMSE, ratio to chance"] == pytest.approx(1, abs=0.5)
    lost = told_apart(split.private, split.released.shuffled(rng), 0)
    assert lost["AUC of boosted trees"] > 0.65
    assert lost["pMSE, ratio to chance"] > 1.5
    # A straight line in single columns cannot see that columns no longer go together.
    assert lost["AUC of logistic regression"] == pytest.approx(0.5, abs=0.08)
