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

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from attacks.statistics.binomial import clopper_pearson_upper
from attacks.statistics.split import judge_runs

FloatArray = npt.NDArray[np.float64]


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
    judged = judge_runs(without, within, partial(mu_from_errors, delta0=delta0), chosen_on)
    ceiling = mu_from_errors(0, judged.negatives, 0, judged.positives, false_alarm=false_alarm, delta0=delta0)
    proved = mu_from_errors(*judged.errors, false_alarm=false_alarm, delta0=delta0)
    return GdpLowerBound(float(proved), float(ceiling), judged.score, judged.threshold, *judged.errors)
