"""The rival of synthetic rows: differentially private classifiers trained on the private rows themselves.

By diffprivlib (Holohan et al. 2019), whose promises here are pure epsilon, told nothing but public bounds: a direct
model answers one question with all of the budget, a synthetic table answers any.

Privacy: what is trained here is for a comparison only. Its noise comes from a seed, so no such model may be released.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from dpsynth.errors import MissingExtraError
from dpsynth.evaluation.table import FloatArray, IntArray, Table
from dpsynth.evaluation.utility import Predicted, Target, answers, inputs, predicted, with_label

Maker = Callable[[float, int], Any]


def classifiers(lower: FloatArray, upper: FloatArray, norm: float, classes: list[int]) -> dict[str, Maker]:
    """diffprivlib's classifiers by name, from (epsilon, seed).

    lower, upper: public bounds of the plain inputs. norm: public bound of a row's Euclidean norm in the inputs of the
    linear model. Raises MissingExtraError without diffprivlib.
    """
    try:
        from diffprivlib import models
    except ImportError:
        raise MissingExtraError("a private model trained on the table itself", "diffprivlib") from None
    bounds = (lower, upper)
    return {
        "naive Bayes": lambda epsilon, seed: models.GaussianNB(epsilon=epsilon, bounds=bounds, random_state=seed),
        "random forest": lambda epsilon, seed: models.RandomForestClassifier(
            n_estimators=20, epsilon=epsilon, bounds=bounds, classes=classes, max_depth=8, random_state=seed
        ),
        "logistic regression": lambda epsilon, seed: models.LogisticRegression(
            epsilon=epsilon, data_norm=norm, max_iter=500, random_state=seed
        ),
    }


def directly_trained(train: Table, test: Table, target: Target, epsilon: float, seed: int) -> dict[str, Predicted]:
    """What each private classifier, trained on all given private rows, says about the test rows.

    Columns whose codes are not public (open categories) are left out. Raises MissingExtraError without diffprivlib.
    """
    train = with_label(train, target)
    names = [name for name in inputs(train, target) if train.field(name).ordered or train.field(name).public]
    wide = [0.0 if train.field(name).ordered else train.field(name).size - 1.0 for name in names]
    upper = np.array([1.0 if train.field(name).ordered else most for name, most in zip(names, wide, strict=True)])
    makers = classifiers(
        np.zeros(len(names)), np.maximum(upper, 1.0), len(names) ** 0.5, list(range(train.field(target.label).size))
    )
    wanted = answers(train, target)
    found = {}
    for name, make in makers.items():
        shaped = _one_hot if name == "logistic regression" else _plain
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = _fitted(make(epsilon, seed), shaped, names, (train, test), wanted, target)
    return found


def _fitted(
    model: Any,
    shaped: Callable[[Table, list[str]], FloatArray],
    names: list[str],
    tables: tuple[Table, Table],
    wanted: IntArray,
    target: Target,
) -> Predicted:
    fitted = model.fit(shaped(tables[0], names), wanted)
    return predicted(
        lambda test: (fitted.classes_, np.nan_to_num(fitted.predict_proba(shaped(test, names)))), tables[1], target
    )


def _plain(table: Table, names: list[str]) -> FloatArray:
    """Numbers as their place between the public bounds (0 where missing), and codes."""
    return np.column_stack([_scaled(table, name) if table.field(name).ordered else table.codes[name] for name in names])


def _one_hot(table: Table, names: list[str]) -> FloatArray:
    """Numbers as above, and a column for each code: no row is longer than the root of the number of columns."""
    return np.column_stack(
        [
            _scaled(table, name) if table.field(name).ordered else np.eye(table.field(name).size)[table.codes[name]]
            for name in names
        ]
    )


def _scaled(table: Table, name: str) -> FloatArray:
    low, high = table.field(name).bounds
    return np.clip(np.nan_to_num((table.values[name] - low) / max(high - low, 1e-300)), 0.0, 1.0)
