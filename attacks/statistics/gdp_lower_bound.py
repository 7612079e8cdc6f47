"""From attack scores in two worlds to a lower bound on mu, the parameter of Gaussian differential privacy.

Worlds: a mechanism runs many times on one table, and many times on a neighbour. An attack gives each run
one or several scores, and says "neighbour" when a score is above a threshold. Under delta0-approximate
mu-GDP its rates of false positives a and false negatives b obey b >= (1 - delta0) G_mu(a / (1 - delta0)),
G_mu(a) = Phi(Phi^-1(1 - a) - mu). Upper confidence bounds on a and b therefore prove

    mu >= Phi^-1(1 - a / (1 - delta0)) - Phi^-1(b / (1 - delta0)),

except with the chance that one of the two confidence bounds is wrong. The whole trade-off curve is used, not
one (epsilon, delta) point: a factor of 2 in the noise shows in some hundred runs instead of ten thousands.

Sources: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022 (the curve); Clopper, Pearson, Biometrika
1934 (exact binomial bounds); Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX
Security 2023 (lower bounds on mu from attacks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# For the choice of a threshold alone. Without it a lucky extreme threshold would often be taken; simulated.
_CAUTION = 0.01


@dataclass(frozen=True)
class GdpLowerBound:
    """What an attack proved about mu, and with which threshold.

    mu: at least this, except with the stated false-alarm rate; 0 when nothing was proved. ceiling: what a
    perfect attack would have proved with as many runs. score, threshold: which score was used, above which
    value. false_positives of `negatives` runs without, false_negatives of `positives` runs with.
    """

    mu: float
    ceiling: float
    score: int
    threshold: float
    false_positives: int
    negatives: int
    false_negatives: int
    positives: int


def clopper_pearson_upper(successes: npt.ArrayLike, runs: npt.ArrayLike, false_alarm: float) -> FloatArray:
    """Upper confidence bound on a binomial rate: below it with probability at most `false_alarm`, whatever it is.

    >>> round(float(clopper_pearson_upper(0, 100, 0.05)), 4)
    0.0295
    """
    from scipy.special import betainccinv

    hits, trials = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(runs, dtype=float))
    if not 0 < false_alarm < 1 or (hits < 0).any() or (hits > trials).any():
        raise ValueError("successes must be from 0 to runs, and false_alarm between 0 and 1")
    return np.where(hits == trials, 1.0, betainccinv(hits + 1, np.maximum(trials - hits, 1e-300), false_alarm))


def mu_from_errors(
    false_positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    false_negatives: npt.ArrayLike,
    positives: npt.ArrayLike,
    *,
    false_alarm: float,
    delta0: float = 0.0,
) -> FloatArray:
    """Lower bound on mu from the errors of a test that was fixed before these runs; at least 0, elementwise.

    It exceeds the mu of a delta0-approximately mu-GDP mechanism with probability at most `false_alarm`,
    half of it for either kind of error.

    >>> round(float(mu_from_errors(10, 1000, 10, 1000, false_alarm=0.05)), 3)
    4.18
    """
    from scipy.special import ndtri

    a = clopper_pearson_upper(false_positives, negatives, false_alarm / 2) / (1 - delta0)
    b = clopper_pearson_upper(false_negatives, positives, false_alarm / 2) / (1 - delta0)
    proved = -ndtri(np.minimum(a, 1.0)) - ndtri(np.minimum(b, 1.0))
    return np.where((a < 1) & (b < 1), np.maximum(proved, 0.0), 0.0)


def gdp_lower_bound(
    without: FloatArray, within: FloatArray, *, false_alarm: float, delta0: float = 0.0, chosen_on: float = 0.1
) -> GdpLowerBound:
    """Lower bound on mu from scores of independent runs, larger ones speaking for the neighbour.

    without, within: shape (runs,) or (runs, scores), in the order of the runs; infinite scores are allowed. The
    score and its threshold are chosen on the first `chosen_on` of either world's runs, and judged on the others:
    so the bound holds although many were tried. Raises ValueError on NaN, unequal widths, or too few runs.
    """
    pair = [np.asarray(each, dtype=np.float64) for each in (without, within)]
    negatives, positives = (each[:, None] if each.ndim == 1 else each for each in pair)
    if negatives.ndim != 2 or negatives.shape[1:] != positives.shape[1:] or not negatives.shape[1]:
        raise ValueError("scores must have shape (runs,) or (runs, scores), with the same scores in both worlds")
    if np.isnan(negatives).any() or np.isnan(positives).any():
        raise ValueError("scores must not be NaN: a run that failed is no evidence")
    cut = [int(chosen_on * len(each)) for each in (negatives, positives)]
    if min(cut) < 1 or cut[0] == len(negatives) or cut[1] == len(positives):
        raise ValueError("runs must leave some in either world for the choice of a threshold, and some to judge it")
    runs = len(negatives) - cut[0], len(positives) - cut[1]
    score, threshold = _choose(negatives[: cut[0]], positives[: cut[1]], delta0)
    false_positives = int((negatives[cut[0] :, score] > threshold).sum())
    false_negatives = int((positives[cut[1] :, score] <= threshold).sum())
    errors = (false_positives, runs[0], false_negatives, runs[1])
    proved = mu_from_errors(*errors, false_alarm=false_alarm, delta0=delta0)
    ceiling = mu_from_errors(0, runs[0], 0, runs[1], false_alarm=false_alarm, delta0=delta0)
    return GdpLowerBound(float(proved), float(ceiling), score, threshold, *errors)


def _choose(negatives: FloatArray, positives: FloatArray, delta0: float) -> tuple[int, float]:
    """The score and threshold that prove most on these runs, with the caution that few runs call for."""
    best = -math.inf, 0, math.inf
    for score in range(negatives.shape[1]):
        low, high = np.sort(negatives[:, score]), np.sort(positives[:, score])
        cuts = np.unique(np.concatenate([low, high]))
        if len(cuts) > 1:  # half way between two scores
            ends = np.clip(cuts, -1e300, 1e300)
            cuts = ends[:-1] / 2 + ends[1:] / 2
        false_positives = len(low) - np.searchsorted(low, cuts, side="right")
        false_negatives = np.searchsorted(high, cuts, side="right")
        errors = (false_positives, len(low), false_negatives, len(high))
        promised = mu_from_errors(*errors, false_alarm=_CAUTION, delta0=delta0)
        place = int(np.argmax(promised))
        best = max(best, (float(promised[place]), -score, float(cuts[place])))
    return -best[1], best[2]
