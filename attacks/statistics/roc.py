"""How well scores order targets: area under the ROC curve, true-positive rates, points to draw.

All is conservative at ties: of targets with equal scores either all or none are called "in".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attacks.statistics.binomial import normal_quantile

FloatArray = npt.NDArray[np.float64]


def auc(members: FloatArray, control: FloatArray) -> float:
    """P[a member's score is above that of a control], ties counted half; 1/2 where there are none of either.

    >>> auc(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    0.875
    """
    if not len(members) or not len(control):
        return 0.5
    order = np.sort(control)
    below, upto = np.searchsorted(order, members), np.searchsorted(order, members, side="right")
    return float((below.sum() + upto.sum()) / (2 * len(members) * len(control)))


def auc_interval(area: float, members: int, control: int, confidence: float) -> tuple[float, float]:
    """Score interval of an area: the areas from which this one is not too many standard errors away.

    The standard error is that of Hanley, McNeil, Radiology 1982, at each area asked about, with the mean of the
    two sample sizes: exact at 1/2, so that the interval holds 1/2 just when the Mann-Whitney test does not reject
    it; and never of width 0. Source: Newcombe, Statistics in Medicine 2006, part 2, method 5.

    >>> [round(end, 3) for end in auc_interval(1.0, 50, 50, 0.95)]
    [0.96, 1.0]
    """
    if not members or not control:
        return 0.0, 1.0
    z, size = normal_quantile(confidence), (members + control) / 2

    def far(other: float) -> bool:
        spread = other * (1 - other) * (1 + (size - 1) * ((1 - other) / (2 - other) + other / (1 + other)))
        return bool((area - other) ** 2 > z * z * spread / (members * control))

    ends = []
    for outer in (0.0, 1.0):
        inside, outside = area, outer
        if area == outer:
            ends.append(outer)
            continue
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if far(middle) else (middle, outside)
        ends.append(outside)
    return ends[0], ends[1]


def true_positive_rates(
    members: FloatArray, control: FloatArray, rates: Sequence[float] = (0.1, 0.01, 0.001)
) -> dict[str, float | None]:
    """The true-positive rate at each false-positive rate; None where there are too few controls to see that rate.

    >>> true_positive_rates(np.arange(1.0, 101.0), np.arange(100.0))
    {'0.1': 0.11, '0.01': 0.02, '0.001': None}
    """
    falling = np.sort(control)[::-1]
    found: dict[str, float | None] = {}
    for rate in rates:
        allowed = int(rate * len(control) * (1 + 1e-12))
        found[f"{rate:g}"] = None
        if allowed >= 1 and len(members):
            threshold = falling[allowed] if allowed < len(control) else -np.inf
            found[f"{rate:g}"] = float((members > threshold).mean())
    return found


def roc_points(members: FloatArray, control: FloatArray, at_most: int = 60) -> tuple[tuple[float, float], ...]:
    """Points (false-positive rate, true-positive rate) from (0, .) to (1, 1), spaced evenly on a log scale."""
    if not len(members) or not len(control):
        return ()
    values = np.unique(np.concatenate([members, control]))
    false = (len(control) - np.searchsorted(np.sort(control), values, side="right")) / len(control)
    true = (len(members) - np.searchsorted(np.sort(members), values, side="right")) / len(members)
    false, true = np.append(false[::-1], 1.0), np.append(true[::-1], 1.0)
    wanted = np.concatenate([[0.0], np.geomspace(1 / len(control), 1.0, at_most - 2)])
    places = np.unique(np.append(np.searchsorted(false, wanted * (1 + 1e-12), side="right") - 1, len(false) - 1))
    return tuple((float(false[place]), float(true[place])) for place in places)
