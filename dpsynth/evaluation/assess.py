"""The whole story of an evaluation: every metric in turn, on tables that are already in hand."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dpsynth.errors import MissingExtraError
from dpsynth.evaluation import coverage, direct, fairness, marginals, propensity, relations, utility
from dpsynth.evaluation.arms import Arms, Figure, Repeat, Spread, figures, thinned
from dpsynth.evaluation.columns import column_figures
from dpsynth.evaluation.evaluation import ColumnGaps, Direct, Evaluation, Subject
from dpsynth.evaluation.queries import queries, query_errors
from dpsynth.evaluation.table import Table
from dpsynth.evaluation.tasks import Task, answered
from dpsynth.evaluation.utility import BOOSTED, Predicted, Target

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")
Progress = Callable[[str, float], None]
Frames = tuple["pd.DataFrame", "pd.DataFrame", "pd.DataFrame", "pd.DataFrame"]
"""Of one repeat, as a user's task sees them: synthetic, shuffled, private training and test rows."""


@dataclass(frozen=True)
class Wishes:
    """What is asked for beside the standard figures. noise: of released counts; see `fairness.groups`.

    over: an ordered column along which means of the label are followed within protected groups.
    """

    label: str | None = None
    positive: str | None = None
    protected: tuple[str, ...] = ()
    area: str | None = None
    over: str | None = None
    direct_epsilon: float | None = None
    tasks: Mapping[str, Task] | None = None
    noise: Mapping[tuple[str, ...], float] | None = None


def assess(
    arms: Arms, subject: Subject, wishes: Wishes, frames: Callable[[int], Frames], progress: Progress | None = None
) -> Evaluation:
    """Compute every figure. frames: the tables of a repeat for the user's tasks."""
    show = progress or (lambda _stage, _fraction: None)
    show("marginals", 0.0)
    found: dict[str, tuple[Figure, ...]] = {"marginals": _marginals(arms, wishes)}
    show("queries and relations", 0.25)
    found["queries"] = _queries(arms, subject.seed)
    found["relations"] = arms.compare(relations.relation_errors, "lower")
    show("columns", 0.4)
    columns = column_figures(arms)
    found["rare"] = _rare(arms)
    show("telling rows apart", 0.5)
    found["telling apart"] = _told_apart(arms)
    show("training models", 0.65)
    predicted = None if wishes.label is None else _predictions(arms, wishes, wishes.label)
    if predicted is not None:
        found["prediction"] = predicted.figures
    show("groups", 0.9)
    target = None if predicted is None else predicted.target
    outcome = None if target is None or target.positive is None else (target.label, target.positive)
    groups, left_out = (
        fairness.groups(arms, wishes.protected, label=outcome, noise=wishes.noise) if wishes.protected else ((), 0)
    )
    found["tasks"] = _tasks(arms, wishes, frames)
    show("done", 1.0)
    return Evaluation(
        subject=replace(subject, positive=_positive(arms, target)),
        figures={name: each for name, each in found.items() if each},
        columns=columns,
        relations=_matrices(arms),
        areas=area_scores(arms.private, arms.released, wishes.area, list(arms.private.sizes)) if wishes.area else {},
        direct=() if predicted is None else predicted.direct,
        groups=groups,
        groups_left_out=left_out,
        gaps=() if predicted is None or outcome is None else _gaps(arms, wishes.protected, predicted),
        courses=_courses(arms, wishes, target),
        notes=tuple(_notes(arms, wishes, predicted)),
    )


def _marginals(arms: Arms, wishes: Wishes) -> tuple[Figure, ...]:
    names = list(arms.private.sizes)
    sets = (
        marginals.column_sets(names, min(3, len(names)), marginals.SETS)
        if wishes.area is None
        else marginals.area_sets(names, wishes.area)
    )
    score = "k-marginal score" if wishes.area is None else f"k-marginal score within {wishes.area}"

    def metric(real: Table, other: Table) -> dict[str, float]:
        errors = marginals.marginal_errors(real.codes, other.codes, real.sizes)
        ways = {f"{name.removeprefix('error')}-way": error for name, error in errors.items()}
        return {**ways, score: marginals.k_marginal_score(real.codes, other.codes, real.sizes, sets)}

    ways = {f"{each}-way": "lower" for each in range(1, marginals.MOST_WAYS + 1)}
    return arms.compare(metric, {**ways, score: "higher"})  # type: ignore[dict-item]


def area_scores(private: Table, released: Table, area: str, names: Sequence[str]) -> dict[str, float]:
    """The score of each area by itself, on pairs of the named columns, as SDNist 2.4 computes it.

    Differences of shares of the whole table are summed within the area, over the area's private share; at most 1.
    """
    pairs = [pair for _, *pair in marginals.area_sets(names, area)]
    found = {}
    for code, word in enumerate(private.field(area).labels):
        inside = [table.take(table.codes[area] == code) for table in (private, released)]
        share = inside[0].rows / private.rows
        if share:
            off = [_within(inside, pair, (private.rows, released.rows)) for pair in pairs]
            found[word] = 1000 * (1 - float(np.mean([min(each, share) / share for each in off])))
    return found


def _within(inside: Sequence[Table], pair: Sequence[str], rows: tuple[int, int]) -> float:
    """Sum of absolute differences of counts over all rows."""
    sizes = [inside[0].field(name).size for name in pair]
    counts = [
        np.bincount(each.codes[pair[0]] * sizes[-1] + each.codes[pair[-1]], minlength=sizes[0] * sizes[-1]) / total
        for each, total in zip(inside, rows, strict=True)
    ]
    return float(np.abs(counts[0] - counts[1]).sum())


def _queries(arms: Arms, seed: int) -> tuple[Figure, ...]:
    rng = np.random.default_rng([seed, 1])
    asked = {kind: queries(arms.private, kind, rng) for kind in ("prefix", "range")}

    def metric(real: Table, other: Table) -> dict[str, float]:
        found: dict[str, float] = {}
        for kind, each in asked.items():
            mean, largest = query_errors(real, other, each)
            found |= {f"{kind} queries, mean error": mean, f"{kind} queries, largest error": largest}
        return found

    return arms.compare(metric, "lower")


def _rare(arms: Arms) -> tuple[Figure, ...]:
    def metric(real: Table, other: Table) -> dict[str, float]:
        return {**coverage.rare_coverage(real, other), **coverage.tail_shares(real, other)}

    odd = figures(_learned(arms, lambda each, arm: coverage.outlier_share(each.test, arm, each.seed)), 1.0, {})
    occur: dict[str, str | float] = {
        "rare values that occur": "higher",
        "rare pairs of values that occur": "higher",
        "share of rare values, relative": 1.0,
        "share of rare pairs of values, relative": 1.0,
        "share of tails of numbers, relative": 1.0,
    }
    return (*arms.compare(metric, occur), *odd)  # type: ignore[arg-type]


def _told_apart(arms: Arms) -> tuple[Figure, ...]:
    found = _learned(arms, lambda each, arm: propensity.told_apart(each.test, arm, each.seed))
    best = {name: 1.0 if name.startswith("pMSE") else 0.5 for name in found[0][0]}
    return figures(found, best, {})


def _learned(arms: Arms, work: Callable[[Repeat, Table], Result]) -> list[tuple[Result, Result, Result]]:
    """`Arms.in_threes` for work that trains models, each on one thread: threads that wait for each other are slow."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    importlib.import_module("sklearn.ensemble")  # its threads can be limited once it is loaded

    def limited(each: Repeat, arm: Table) -> Result:
        with threadpool_limits(limits=1):
            return work(each, arm)

    with warnings.catch_warnings():  # a model that could be fitted a little longer is good enough to compare with
        warnings.simplefilter("ignore", ConvergenceWarning)
        return arms.in_threes(limited)


# ------------------------------------------------------------------------------------------------ predictions


@dataclass(frozen=True, eq=False)
class _Predictions:
    target: Target
    figures: tuple[Figure, ...]
    direct: tuple[Direct, ...]
    note: str | None
    said: list[tuple[Table, Predicted, Predicted]]
    """Of each repeat: test rows, and what boosted trees say that were trained on synthetic and on real rows."""


def _predictions(arms: Arms, wishes: Wishes, label: str) -> _Predictions:
    target = utility.target_of(arms.private, label, wishes.positive)
    tests = {each.seed: _test_rows(each, target) for each in arms.repeats}
    answers = _learned(arms, lambda each, arm: utility.trained(arm, tests[each.seed], target, each.seed))
    said, found = [], []
    for each, three in zip(arms.repeats, answers, strict=True):
        test = tests[each.seed]
        synthetic, shuffled, real = (_scores(test, target, one) for one in three)
        found.append((synthetic, shuffled, real))
        said.append((test, three[0][BOOSTED], three[2][BOOSTED]))
    rivals, note = _rivals(arms, tests, target, wishes.direct_epsilon)
    return _Predictions(target, figures(found, "higher", {}), rivals, note, said)


def _test_rows(each: Repeat, target: Target) -> Table:
    rng = np.random.default_rng([each.seed, 2])
    return thinned(utility.with_label(each.test, target), utility.MOST_ROWS, rng)


def _rivals(
    arms: Arms, tests: Mapping[int, Table], target: Target, epsilon: float | None
) -> tuple[tuple[Direct, ...], str | None]:
    """Scores of directly trained private models, and why there are none."""
    if epsilon is None or target.kind == "number":
        return (), None
    try:
        made = [
            direct.directly_trained(each.real, tests[each.seed], target, epsilon, each.seed) for each in arms.repeats
        ]
    except MissingExtraError as error:
        return (), f"No private model was trained on the private rows to compare with: {error}"
    scored = [
        {model: utility.scores(tests[each.seed], target, answer) for model, answer in one.items()}
        for each, one in zip(arms.repeats, made, strict=True)
    ]
    return tuple(
        Direct(model, {score: Spread.of([one[model][score] for one in scored]) for score in scored[0][model]})
        for model in scored[0]
    ), None


def _scores(test: Table, target: Target, answers: Mapping[str, Predicted]) -> dict[str, float]:
    return {
        f"{score}, {model}": value
        for model, answer in answers.items()
        for score, value in utility.scores(test, target, answer).items()
    }


def _gaps(arms: Arms, protected: Sequence[str], found: _Predictions) -> tuple[ColumnGaps, ...]:
    """Means over the repeats."""
    label, positive = found.target.label, found.target.positive
    made = []
    for name in protected:
        if name == label:
            continue
        pairs = []
        for test, *predictions in found.said:
            member = _member(arms, name, test)
            truth = test.codes[label] == positive
            pairs.append([fairness.gaps(member, truth, each.said == positive) for each in predictions])
        synthetic, real = (
            fairness.Gaps(*(_mean([getattr(pair[place], part) for pair in pairs]) for part in ("parity", "odds")))
            for place in (0, 1)
        )
        rates = [
            fairness.gaps(_member(arms, name, table), outcome, outcome).parity
            for table in (arms.private, arms.released)
            for outcome in [table.codes[label] == positive]
        ]
        made.append(ColumnGaps(name, real, synthetic, rates[0], rates[1]))
    return tuple(made)


def _member(arms: Arms, name: str, table: Table) -> np.ndarray:
    """The group of each row: the code of a column, numbers cut as in `fairness.coarse`."""
    return fairness.coarse(replace(arms, released=table, repeats=()), name)[1][1]


def _courses(arms: Arms, wishes: Wishes, target: Target | None) -> tuple[fairness.Course, ...]:
    if wishes.over is None or target is None:
        return ()
    if target.kind != "number" and target.positive is None:
        return ()
    covariate = (target.label, None if target.kind == "number" else target.positive)
    return fairness.courses(arms, wishes.protected, covariate, wishes.over)


def _mean(found: Sequence[float]) -> float:
    return Spread.of(found).value


def _positive(arms: Arms, target: Target | None) -> str | None:
    if target is None or target.positive is None:
        return None
    return arms.private.field(target.label).labels[target.positive]


def _matrices(arms: Arms) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    one, two = (
        tuple(tuple(float(each) for each in row) for row in relations.associations(table))
        for table in (arms.private, arms.released)
    )
    return one, two


# ------------------------------------------------------------------------------------------------ the user's own


def _tasks(arms: Arms, wishes: Wishes, frames: Callable[[int], Frames]) -> tuple[Figure, ...]:
    if not wishes.tasks:
        return ()
    made: list[Figure] = []
    tables = [frames(place) for place in range(len(arms.repeats))]
    for name, task in wishes.tasks.items():
        found = [tuple(answered(name, task, train, test) for train in trains) for *trains, test in tables]
        made += figures(found, "higher", {})  # type: ignore[arg-type]
    return tuple(made)


def _notes(arms: Arms, wishes: Wishes, found: _Predictions | None) -> list[str]:
    notes = []
    if found is None:
        notes.append("No label was named, so no model was trained to predict one.")
    elif found.note is not None:
        notes.append(found.note)
    elif found.target.kind == "number" and wishes.direct_epsilon is not None:
        notes.append("The label is a number: no private model was trained on the private rows to compare with.")
    if found is not None and wishes.protected and found.target.positive is None:
        notes.append("The label has no positive value, so no gaps between groups were computed; name one.")
    if not wishes.protected:
        notes.append("No protected column was named, so nothing is said about groups.")
    if len(arms.repeats) == 1:
        notes.append("There was one repeat, so nothing shows what chance does: ask for three or more.")
    largest = max(arms.private.rows, arms.released.rows)
    if largest > 2 * propensity.MOST_ROWS:
        notes.append(
            f"Rows are told apart on {propensity.MOST_ROWS:,} of each table, and models trained on at most"
            f" {utility.MOST_ROWS:,}: more rows would show smaller differences."
        )
    if math.isnan(_mean([each.synthetic.value for each in (found.figures if found else ())])) and found is not None:
        notes.append("Some scores could not be computed: the test rows hold one class only.")
    return notes
