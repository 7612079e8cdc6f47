"""Train on synthetic rows, test on real ones; beside the same models trained on real rows and on shuffled columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dpsynth.evaluation.arms import thinned
from dpsynth.evaluation.features import for_lines, for_trees
from dpsynth.evaluation.table import FloatArray, IntArray, Table

MOST_ROWS = 10_000
"""Rows that a model is trained on at most, and tested on at most."""

BOOSTED = "boosted trees"
FOREST = 30  # trees
_FILL = -1.0


@dataclass(frozen=True)
class Target:
    """What is predicted. positive: the code of interest where there are two classes, or where the steward named one."""

    label: str
    kind: Literal["two classes", "classes", "number"]
    positive: int | None


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says about test rows: codes of the label (or numbers), and the chance of the positive code."""

    said: npt.NDArray[Any]
    chance: FloatArray | None


Fit = Callable[[Table, list[str], npt.NDArray[Any], int], Callable[[Table], Any]]


def target_of(table: Table, label: str, positive: str | None) -> Target:
    """How the label is predicted: a number with many values by regression, else by classes."""
    field = table.field(label)
    codes = np.unique(table.codes[label])
    present = [int(code) for code in codes if not (field.missing and code == field.size - 1)]
    if field.ordered and len(present) > 10 and positive is None:
        return Target(label, "number", None)
    if positive is not None:
        return Target(label, "two classes" if len(present) == 2 else "classes", field.labels.index(positive))
    return Target(label, "two classes", present[-1]) if len(present) == 2 else Target(label, "classes", None)


def with_label(table: Table, target: Target) -> Table:
    """The rows whose label is not missing."""
    field = table.field(target.label)
    return table.take(table.codes[target.label] != field.size - 1) if field.missing else table


def inputs(table: Table, target: Target) -> list[str]:
    """Every column but the label."""
    return [field.name for field in table.fields if field.name != target.label]


def answers(table: Table, target: Target) -> npt.NDArray[Any]:
    """The label of each row: codes, or numbers."""
    return table.values[target.label] if target.kind == "number" else table.codes[target.label]


def trained(train: Table, test: Table, target: Target, seed: int) -> dict[str, Predicted]:
    """What each model, trained on the one table, says about the rows of the other."""
    rng = np.random.default_rng(seed)
    train = thinned(with_label(train, target), MOST_ROWS, rng)
    names, wanted = inputs(train, target), answers(train, target)
    if not train.rows or (target.kind != "number" and len(np.unique(wanted)) < 2):
        said = np.full(test.rows, wanted[0] if train.rows else 0)
        return {model: Predicted(said, np.full(test.rows, 0.5)) for model in MODELS}
    return {model: predicted(fit(train, names, wanted, seed), test, target) for model, fit in _fits(target).items()}


def predicted(model: Callable[[Table], Any], test: Table, target: Target) -> Predicted:
    """A model's answers; a model gives numbers, or (classes, chances of each class)."""
    if target.kind == "number":
        return Predicted(model(test), None)
    classes, chances = model(test)
    chance = chances[:, list(classes).index(target.positive)] if target.positive in classes else np.zeros(test.rows)
    return Predicted(np.asarray(classes)[chances.argmax(axis=1)], None if target.positive is None else chance)


def scores(test: Table, target: Target, found: Predicted) -> dict[str, float]:
    """AUC of the positive code and macro-F1, or R squared of a number."""
    from sklearn.metrics import f1_score, r2_score, roc_auc_score

    truth = answers(test, target)
    if target.kind == "number":
        return {"R squared": float(r2_score(truth, found.said))}
    made = {"macro F1": float(f1_score(truth, found.said, average="macro", zero_division=0.0))}
    if found.chance is not None:
        positive = truth == target.positive
        known = 0 < positive.sum() < len(positive)
        made = {"AUC": float(roc_auc_score(positive, found.chance)) if known else math.nan, **made}
    return made


def boosted_auc(train: Table, test: Table, label: str, positive: int) -> float:
    """Area under the ROC curve, on one table, of boosted trees trained on all rows of another."""
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits

    target = Target(label, "two classes", positive)
    wanted = (train.codes[label] == positive).astype(np.int64)
    if wanted.all() or not wanted.any():
        return 0.5
    model = _trees(train, inputs(train, target), wanted, 0)
    with threadpool_limits(limits=1):  # threads that wait for each other are slow on a busy machine
        return float(roc_auc_score(test.codes[label] == positive, model(test)[1][:, 1]))


def _fits(target: Target) -> dict[str, Fit]:
    return dict(zip(MODELS, (_ridge, _forest_of_numbers, _trees_of_numbers), strict=True)) if (
        target.kind == "number"
    ) else dict(zip(MODELS, (_logistic, _forest, _trees), strict=True))  # fmt: skip


MODELS = ("linear model", "random forest", BOOSTED)


def _classes(model: Any, shaped: Callable[[Table], Any]) -> Callable[[Table], Any]:
    return lambda table: (model.classes_, model.predict_proba(shaped(table)))


def _logistic(train: Table, names: list[str], wanted: IntArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000, tol=1e-3, random_state=seed).fit(for_lines(train, names), wanted)
    return _classes(model, lambda table: for_lines(table, names))


def _forest(train: Table, names: list[str], wanted: IntArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(FOREST, min_samples_leaf=5, random_state=seed)
    return _classes(model.fit(for_trees(train, names, fill=_FILL), wanted), lambda table: _filled(table, names))


def _trees(train: Table, names: list[str], wanted: IntArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(random_state=seed).fit(for_trees(train, names), wanted)
    return _classes(model, lambda table: for_trees(table, names))


def _ridge(train: Table, names: list[str], wanted: FloatArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.linear_model import Ridge

    model = Ridge(random_state=seed).fit(for_lines(train, names), wanted)
    return lambda table: model.predict(for_lines(table, names))


def _forest_of_numbers(train: Table, names: list[str], wanted: FloatArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(FOREST, min_samples_leaf=5, max_features=1 / 3, random_state=seed)
    model.fit(_filled(train, names), wanted)
    return lambda table: model.predict(_filled(table, names))


def _trees_of_numbers(train: Table, names: list[str], wanted: FloatArray, seed: int) -> Callable[[Table], Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=seed).fit(for_trees(train, names), wanted)
    return lambda table: model.predict(for_trees(table, names))


def _filled(table: Table, names: Sequence[str]) -> FloatArray:
    return for_trees(table, names, fill=_FILL)
