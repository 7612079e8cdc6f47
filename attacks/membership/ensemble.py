"""Several attacks as one: by a rule fixed in advance, or weighed on half of the coins and judged on the other half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, FloatArray, Outcome
from attacks.threat import Threat
from attacks.trial import Trial

# Pulls the weights towards equal ones; the penalty of a weight of 1 more than the others, in nats.
_CAUTION = 10.0
_STEPS = 50


@dataclass(frozen=True, eq=False, repr=False)
class Held:
    """What is judged after a fit on the other half: scores of the held targets, and their trial.

    rows: bool, shape (all targets,): which target rows those are. weights: of the attacks, in their order.
    """

    outcome: Outcome
    trial: Trial
    rows: npt.NDArray[np.bool_]
    weights: FloatArray


@dataclass(frozen=True)
class Ensemble:
    """What a report says about all membership attacks together."""

    threat: Threat
    criterion: Criterion = Criterion.MEMBERSHIP
    about: str = "All membership attacks together, by the mean of their ranks, place the target in the private table."


def rank_average(outcomes: Sequence[Outcome]) -> Outcome:
    """The mean of all attacks' ranks, each from 0 to 1 with ties in the middle; no coin is looked at.

    Raises ValueError without outcomes, or when they are not of the same targets.

    >>> rank_average([Outcome(np.array([1.0, 5.0, 5.0])), Outcome(np.array([0.0, 9.0, 1.0]))]).scores.round(2).tolist()
    [0.17, 0.75, 0.58]
    """
    return Outcome(_ranks(outcomes).mean(axis=1), details={"attacks": len(outcomes)})


def fitted(outcomes: Sequence[Outcome], trial: Trial, rng: np.random.Generator) -> Held:
    """Attacks weighed by logistic regression on the coins of a random half, and the scores of the other half.

    Features are ranks among all targets, in which no coin takes part. The weights are drawn towards equal ones, which
    they are when the half is too small to tell. Since coins are independent, whatever was learned from one
    half leaves those of the other fair: every bound that holds for a fixed attack holds for the held half. Pairs
    stay together, and so do the rows of a unit. Raises ValueError as `rank_average`, or with fewer than two coins.
    """
    features = _ranks(outcomes)
    if len(features) != trial.rows:
        raise ValueError(f"outcomes must be of the trial's {trial.rows} target rows; got {len(features)}")
    draws = len(trial.coins) // 2 if trial.pairs else len(trial.coins)
    if draws < 2:
        raise ValueError("a trial must have at least two coins, one to learn from and one to judge")
    held = np.zeros(draws, bool)
    held[rng.permutation(draws)[draws // 2 :]] = True
    judged = np.repeat(held, 2) if trial.pairs else held
    by_unit = np.stack([trial.by_unit(column) for column in features.T], axis=1)
    points = by_unit[::2] - by_unit[1::2] if trial.pairs else by_unit - 0.5
    heads = trial.coins[::2] if trial.pairs else trial.coins
    weights = _logistic(points[~held], heads[~held], centred=trial.pairs)
    rows = trial.rows_of(judged)
    return Held(
        Outcome(features[rows] @ weights, details={"attacks": len(outcomes), "weights": weights.round(3).tolist()}),
        trial.take(judged),
        rows,
        weights,
    )


def _ranks(outcomes: Sequence[Outcome]) -> FloatArray:
    from scipy.stats import rankdata

    if not outcomes or len({outcome.scores.shape for outcome in outcomes}) != 1:
        raise ValueError("outcomes must be those of at least one attack, all on the same targets")
    ranks = [(rankdata(outcome.scores) - 0.5) / max(len(outcome.scores), 1) for outcome in outcomes]
    return np.stack(ranks, axis=1)


def _logistic(points: FloatArray, heads: npt.NDArray[np.bool_], centred: bool) -> FloatArray:
    """Weights (attacks,) of P(heads) = logistic(points @ weights + constant), by Newton's method.

    centred: without the constant, where the two sides of a coin are the same question.
    """
    columns = points.shape[1]
    design = points if centred else np.column_stack([points, np.ones(len(points))])
    start = np.full(design.shape[1], 1.0 / columns)
    penalty = np.full(design.shape[1], _CAUTION)
    if not centred:
        start[-1], penalty[-1] = 0.0, 1e-3
    weights = start.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (heads - chance) - penalty * (weights - start)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights += step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(weights[:columns])
