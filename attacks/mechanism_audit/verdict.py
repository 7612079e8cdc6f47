"""From scores of runs in two worlds to a verdict on a claim of privacy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from attacks.mechanism_audit.total_error import epsilon_from_wrong_guesses, mu_from_wrong_guesses
from attacks.statistics.binomial import clopper_pearson_upper
from attacks.statistics.gdp_lower_bound import gdp_lower_bound

FloatArray = npt.NDArray[np.float64]
Relation = Literal["add-remove", "replace-one"]

ROC_POINTS = 40


@dataclass(frozen=True)
class Promised:
    """A claim: (epsilon, delta), and mu with delta0 where the whole curve of delta0-approximate mu-GDP is claimed.

    Without a mu, (epsilon, delta) is all there is: a mechanism may keep it and break the Gaussian curve through it.
    """

    epsilon: float
    delta: float
    mu: float | None = None
    delta0: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.epsilon < math.inf and 0 <= self.delta < 1 and 0 <= self.delta0 < 1):
            raise ValueError("epsilon must be positive, and delta and delta0 from 0 to below 1")
        if self.mu is not None and not 0 < self.mu < math.inf:
            raise ValueError("mu must be a positive number, or None")

    def true_positive_rate(self, false_positive_rate: FloatArray) -> FloatArray:
        """The most that any attack can reach under the claim."""
        from scipy.special import ndtr, ndtri

        rate = np.asarray(false_positive_rate, dtype=np.float64)
        if self.mu is None:
            odds = math.exp(self.epsilon)
            return np.clip(np.minimum(odds * rate + self.delta, 1 - (1 - self.delta - rate) / odds), 0.0, 1.0)
        covered = 1 - self.delta0
        return np.asarray(self.delta0 + covered * ndtr(self.mu + ndtri(np.minimum(rate / covered, 1.0))))


@dataclass(frozen=True)
class TwinAudit:
    """What an attacker who may run a generator at will proved about it, and whether the claim stands.

    generator, neighbours: in words. mu: promised, None when (epsilon, delta) is all that was claimed. mu_lower,
    epsilon_lower: proved, except with probability 1 - confidence: mu_lower as for a delta0-approximately Gaussian
    mechanism, epsilon_lower the epsilon at delta of that mu (of the errors themselves where no mu is claimed).
    share: proved over promised, of mu (of epsilon where no mu is claimed). ceiling: what a perfect attack would
    have proved with as many runs, in the same unit. score, threshold, rule: the test that proved most. roc: of that
    score over all runs: (false-positive rate, true-positive rate, the most that the claim allows). runs: in either
    world. seconds: CPU time. verdict: "fail" when more was proved than promised. "pass" is no proof of privacy.
    """

    generator: str
    neighbours: str
    relation: Relation
    epsilon: float
    delta: float
    mu: float | None
    delta0: float
    mu_lower: float
    epsilon_lower: float
    share: float
    ceiling: float
    score: str
    threshold: float
    rule: str
    roc: tuple[tuple[float, float, float], ...]
    runs: int
    confidence: float
    seconds: float
    verdict: Literal["pass", "fail"]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain numbers and texts; infinite thresholds become null."""
        return {**asdict(self), "threshold": self.threshold if math.isfinite(self.threshold) else None}


@dataclass(frozen=True)
class _Proof:
    proved: float
    ceiling: float
    score: int
    threshold: float
    rule: str


def judge(
    without: FloatArray,
    within: FloatArray,
    names: Sequence[str],
    promised: Promised,
    *,
    confidence: float,
    fixed: tuple[int, float] | None,
    chosen_on: float = 0.1,
    generator: str,
    neighbours: str,
    relation: Relation,
    seconds: float,
) -> TwinAudit:
    """The verdict on scores of shape (runs, len(names)), as many in either world, in the order of the runs.

    fixed: a score and a threshold that were known before the runs. It is judged on all runs for half the false
    alarms; for the other half (all of them without it) the best score and threshold on the first `chosen_on` of the
    runs are judged on the others. Both bounds hold at once, so the larger one may be taken.
    """
    if not 0.75 <= confidence < 1 or len(without) != len(within):
        raise ValueError("confidence must be from 0.75 to below 1, with as many runs in either world")
    false_alarm = (1 - confidence) / (1 if fixed is None else 2)
    proofs = [_chosen(without, within, promised, false_alarm, chosen_on)]
    if fixed is not None:
        proofs.append(_fixed(without, within, promised, false_alarm, *fixed))
    best = max(proofs, key=lambda proof: proof.proved)
    claimed = promised.epsilon if promised.mu is None else promised.mu
    if promised.mu is None:
        epsilon_lower = best.proved
        mu_lower = max(proof.proved for proof in _as_gaussian(without, within, promised, false_alarm, chosen_on, fixed))
    else:
        mu_lower = best.proved
        epsilon_lower = epsilon_at(promised.delta, mu_lower, promised.delta0)
    return TwinAudit(
        generator=generator,
        neighbours=neighbours,
        relation=relation,
        epsilon=promised.epsilon,
        delta=promised.delta,
        mu=promised.mu,
        delta0=promised.delta0,
        mu_lower=mu_lower,
        epsilon_lower=epsilon_lower,
        share=best.proved / claimed,
        ceiling=max(proof.ceiling for proof in proofs),
        score=names[best.score],
        threshold=best.threshold,
        rule=best.rule,
        roc=roc_points(without[:, best.score], within[:, best.score], promised),
        runs=len(without),
        confidence=confidence,
        seconds=seconds,
        verdict="fail" if best.proved > claimed else "pass",
    )


def _as_gaussian(
    without: FloatArray,
    within: FloatArray,
    promised: Promised,
    false_alarm: float,
    chosen_on: float,
    fixed: tuple[int, float] | None,
) -> list[_Proof]:
    """The same tests, read as bounds on the mu of a Gaussian mechanism with delta0 = delta."""
    gaussian = Promised(promised.epsilon, promised.delta, 1.0, promised.delta)
    proofs = [_chosen(without, within, gaussian, false_alarm, chosen_on)]
    return proofs if fixed is None else [*proofs, _fixed(without, within, gaussian, false_alarm, *fixed)]


def _fixed(
    without: FloatArray, within: FloatArray, promised: Promised, false_alarm: float, score: int, threshold: float
) -> _Proof:
    guesses = 2 * len(without)
    wrong = int((without[:, score] > threshold).sum() + (within[:, score] <= threshold).sum())

    def proved(errors: int) -> float:
        if promised.mu is None:
            return epsilon_from_wrong_guesses(errors, guesses, false_alarm=false_alarm, delta=promised.delta)
        return mu_from_wrong_guesses(errors, guesses, false_alarm=false_alarm, delta0=promised.delta0)

    return _Proof(proved(wrong), proved(0), score, threshold, "fixed before the runs")


def _chosen(
    without: FloatArray, within: FloatArray, promised: Promised, false_alarm: float, chosen_on: float
) -> _Proof:
    delta0 = promised.delta if promised.mu is None else promised.delta0
    found = gdp_lower_bound(without, within, false_alarm=false_alarm, delta0=delta0, chosen_on=chosen_on)
    rule = f"chosen on the first {chosen_on:.0%} of the runs, judged on the others"
    if promised.mu is not None:
        return _Proof(found.mu, found.ceiling, found.score, found.threshold, rule)
    errors = (found.false_positives, found.negatives, found.false_negatives, found.positives)
    proved = _epsilon_from_errors(*errors, false_alarm=false_alarm, delta=promised.delta)
    ceiling = _epsilon_from_errors(
        0, found.negatives, 0, found.positives, false_alarm=false_alarm, delta=promised.delta
    )
    return _Proof(proved, ceiling, found.score, found.threshold, rule)


def _epsilon_from_errors(
    false_positives: int, negatives: int, false_negatives: int, positives: int, *, false_alarm: float, delta: float
) -> float:
    """Lower bound on epsilon from both kinds of error, half of the false alarms for either; at least 0.

    Source: Kairouz, Oh, Viswanath, "The composition theorem for differential privacy", ICML 2015, theorem 2.1.
    """
    a = float(clopper_pearson_upper(false_positives, negatives, false_alarm / 2))
    b = float(clopper_pearson_upper(false_negatives, positives, false_alarm / 2))
    return max([0.0, *(math.log((1 - delta - y) / x) for x, y in ((a, b), (b, a)) if 1 - delta > y)])


def roc_points(without: FloatArray, within: FloatArray, promised: Promised) -> tuple[tuple[float, float, float], ...]:
    """At most ROC_POINTS points of one score: false-positive rate, true-positive rate, the most that is claimed."""
    low, high = np.sort(without), np.sort(within)
    cuts = np.unique(np.concatenate([low, high]))
    false_positives = 1 - np.searchsorted(low, cuts, side="right") / len(low)
    true_positives = 1 - np.searchsorted(high, cuts, side="right") / len(high)
    wanted = np.geomspace(1 / len(low), 1.0, ROC_POINTS - 1)
    kept = np.unique([int(np.argmin(np.abs(false_positives - rate))) for rate in [0.0, *wanted]])[::-1]
    claimed = promised.true_positive_rate(false_positives[kept])
    return tuple(zip(*(each.tolist() for each in (false_positives[kept], true_positives[kept], claimed)), strict=True))


def epsilon_at(delta: float, mu: float, delta0: float = 0.0) -> float:
    """The epsilon at `delta` of delta0-approximate mu-GDP; 0 at mu 0, infinite where delta does not exceed delta0.

    delta = delta0 + (1 - delta0) (Phi(-epsilon / mu + mu / 2) - e^epsilon Phi(-epsilon / mu - mu / 2)). Source: Balle,
    Wang, "Improving the Gaussian Mechanism for Differential Privacy", ICML 2018, theorem 8. Written apart from
    dpsynth's own, so that one may check the other.

    >>> round(epsilon_at(1e-5, 0.2680509), 4)
    1.0
    """
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    left = (delta - delta0) / (1 - delta0)
    if mu <= 0:
        return 0.0
    if left <= 0:
        return math.inf

    def excess(epsilon: float) -> float:
        first = float(log_ndtr(-epsilon / mu + mu / 2))
        second = epsilon + float(log_ndtr(-epsilon / mu - mu / 2))
        return math.log(-math.expm1(second - first)) + first - math.log(left) if second < first else -math.inf

    if excess(0.0) <= 0:
        return 0.0
    top = mu * mu / 2 + mu * math.sqrt(-2 * math.log(left)) + mu
    return float(brentq(lambda epsilon: max(excess(epsilon), -1e3), 0.0, top, xtol=1e-12))
