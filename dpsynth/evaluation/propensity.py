"""Can real and synthetic rows be told apart? Classifiers try, and what they reach is read beside chance.

C2ST: area under the ROC curve on rows they were not trained on; 0.5 is chance (Lopez-Paz & Oquab 2017). pMSE: mean
squared distance of a tree's fitted propensities from the share of synthetic rows (Woo et al. 2009; the tree of depth 6
is that of NIST's SDNist 2.4), and its ratio to the mean over random relabellings (Snoke et al. 2018): 1 is chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dpsynth.evaluation.arms import thinned
from dpsynth.evaluation.features import for_lines, for_trees
from dpsynth.evaluation.table import FloatArray, IntArray, Table

Flags = npt.NDArray[np.bool_]

MOST_ROWS = 5_000
"""Rows of each table at most; with more rows smaller differences would be seen."""

RELABELLINGS = 5
TREE_DEPTH = 6


def told_apart(real: Table, other: Table, seed: int) -> dict[str, float]:
    """Both areas under the curve, and the ratio of pMSE to its null."""
    rng = np.random.default_rng(seed)
    real, other = thinned(real, MOST_ROWS, rng), thinned(other, MOST_ROWS, rng)
    names = [field.name for field in real.fields]
    marks = np.repeat([0, 1], [real.rows, other.rows])
    rows = np.concatenate([for_trees(each, names) for each in (real, other)])
    odds = rng.permutation(len(marks)) % 2 == 1
    error = pmse(rows, marks, seed)
    null = float(np.mean([pmse(rows, rng.permutation(marks), seed) for _ in range(RELABELLINGS)]))
    return {
        "AUC of logistic regression": _linear_auc(real, other, names, marks, odds),
        "AUC of boosted trees": _boosted_auc(rows, marks, odds, seed),
        "pMSE, ratio to chance": error / null,
    }


def pmse(rows: FloatArray, marks: IntArray, seed: int) -> float:
    """Mean squared distance of a tree's propensities, on the rows it was grown on, from the share of marked rows."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=TREE_DEPTH, random_state=seed).fit(rows, marks)
    return float(np.mean((tree.predict_proba(rows)[:, 1] - marks.mean()) ** 2))


def _linear_auc(real: Table, other: Table, names: list[str], marks: IntArray, held: Flags) -> float:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rows = sparse.vstack([for_lines(each, names) for each in (real, other)]).tocsr()
    model = LogisticRegression(max_iter=1000, tol=1e-3).fit(rows[~held], marks[~held])
    return float(roc_auc_score(marks[held], model.decision_function(rows[held])))


def _boosted_auc(rows: FloatArray, marks: IntArray, held: Flags, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    model = HistGradientBoostingClassifier(random_state=seed).fit(rows[~held], marks[~held])
    return float(roc_auc_score(marks[held], model.predict_proba(rows[held])[:, 1]))
