"""A finding: what one attack's scores prove about a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from attacks.attack import Described, FloatArray, Outcome
from attacks.claim import Claim
from attacks.statistics import one_run
from attacks.statistics.binomial import newcombe, normal_quantile
from attacks.statistics.guessing import Tally, named_tally, tallies
from attacks.statistics.power import OneRunPower, names_needed, one_run_power
from attacks.statistics.roc import auc, auc_interval, roc_points, true_positive_rates
from attacks.statistics.trade_off import Approximate, Gaussian, TradeOff
from attacks.trial import Trial

ALL_TARGETS = "all targets"
_LARGEST_SCORE = 1e200  # an infinite score counts as this much, so that differences and means are numbers


@dataclass(frozen=True)
class Success:
    """How often a guessing attack was right, on members and on controls (targets that were not in).

    gap_interval: of members less control. weighted: the same with the attack's weights (rare answers count more), or
    None without any. ceiling: what the claim allows on members, given the rate on controls.
    """

    members: float
    control: float
    gap_interval: tuple[float, float]
    ceiling: float
    weighted_members: float | None = None
    weighted_control: float | None = None
    weighted_gap_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Finding:
    """What one attack on one group of targets found; numbers of an attack that did not run say nothing.

    about, criterion, threat: of the attack, in words. why: the reason where status is not "ran". targets: coins (a
    pair is one); members: targets that were in, controls: those that were not. rule, guesses, correct: of the rule of
    `guessing` that says most.
    p_value: of "the claim holds"; p_value_no_learning: of "the release does not depend on who was in". Both
    are corrected for the choice among the rules, not for the number of attacks. epsilon_lower (at the claim's delta),
    mu_lower: at least this, in the claim's own terms, with `confidence`; mu_lower presumes Gaussian privacy. auc, its
    interval, true-positive rates by false-positive rate (None: too few controls), roc: see `roc`.
    power: "mu", what a perfect attacker would have shown to break the claim with probability 0.9, in the claim's
    terms; "copies": how many copied targets would have; None for what these targets cannot show.
    """

    attack: str
    about: str
    criterion: str
    threat: str
    group: str = ALL_TARGETS
    status: Literal["ran", "not run", "failed"] = "ran"
    why: str = ""
    targets: int = 0
    members: int = 0
    controls: int = 0
    rule: str = ""
    guesses: int = 0
    correct: int = 0
    p_value: float = 1.0
    p_value_no_learning: float = 1.0
    confidence: float = 0.95
    epsilon_lower: float = 0.0
    mu_lower: float = 0.0
    auc: float = 0.5
    auc_interval: tuple[float, float] = (0.0, 1.0)
    true_positive_rates: Mapping[str, float | None] = field(default_factory=dict)
    roc: tuple[tuple[float, float], ...] = ()
    success: Success | None = None
    power: Mapping[str, float | int | None] = field(default_factory=dict)
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, by field."""
        document: dict[str, Any] = _plain(asdict(replace(self, details={}, power={}, true_positive_rates={})))
        more = {"true_positive_rates": self.true_positive_rates, "power": self.power, "details": self.details}
        return document | {name: _plain(dict(value)) for name, value in more.items()}


def judge(
    name: str,
    attack: Described,
    outcome: Outcome,
    trial: Trial,
    claim: Claim,
    confidence: float,
    rng: np.random.Generator,
    *,
    group: str = ALL_TARGETS,
    share: float = 1.0,
    seconds: float = 0.0,
) -> Finding:
    """What an attack's outcome on a trial proves about a claim.

    rng: breaks ties between scores. group: which targets these are, chosen without a look at their coins. share: of
    the level of all tests of the audit, for `power`. Raises ValueError where the claim says nothing about such trials.
    """
    if len(outcome.scores) != trial.rows:
        raise ValueError(f"an outcome of {len(outcome.scores)} targets does not belong to a trial of {trial.rows}")
    curve = claim.against(trial)
    scores = trial.by_unit(np.clip(outcome.scores, -_LARGEST_SCORE, _LARGEST_SCORE))
    inside, outside = scores[trial.coins], scores[~trial.coins]
    guessed, coins = (scores[::2] - scores[1::2], trial.coins[::2]) if trial.pairs else (scores, trial.coins)
    if outcome.named is None:
        found = tallies(guessed, coins, trial.pairs, rng)
    else:
        found = (named_tally(trial.by_unit(outcome.named.astype(np.float64)) > 0, coins, trial.pairs),)
    values = [_p_value(curve, len(coins), each) for each in found]
    best = found[int(np.argmin(values))]
    area = auc(inside, outside)
    return Finding(
        **_words(name, attack, group),
        targets=len(coins),
        members=len(inside),
        controls=len(outside),
        rule=best.rule,
        guesses=best.guesses,
        correct=best.correct,
        p_value=min(1.0, len(found) * min(values)),
        p_value_no_learning=_no_learning(found, len(coins)),
        confidence=confidence,
        epsilon_lower=_bound(found, trial, claim, confidence, gaussian=False),
        mu_lower=_bound(found, trial, claim, confidence, gaussian=True),
        auc=area,
        auc_interval=auc_interval(area, len(inside), len(outside), confidence),
        true_positive_rates=true_positive_rates(inside, outside),
        roc=roc_points(inside, outside),
        success=_success(outcome, trial, curve, confidence),
        power=_power(claim, trial, len(coins), (1 - confidence) * share, named=outcome.named is not None),
        seconds=seconds,
        details=outcome.details,
    )


def not_run(name: str, attack: Described, why: str, *, group: str = ALL_TARGETS) -> Finding:
    """The finding of an attack that had not what it needs; it is no evidence of anything."""
    return Finding(**_words(name, attack, group), status="not run", why=why)


def failed(name: str, attack: Described, why: str, *, group: str = ALL_TARGETS) -> Finding:
    """The finding of an attack that broke down. why: of an error its type alone, as its message may hold data."""
    return Finding(**_words(name, attack, group), status="failed", why=why)


def _words(name: str, attack: Described, group: str) -> dict[str, Any]:
    return {
        "attack": name,
        "about": attack.about,
        "criterion": attack.criterion.value,
        "threat": attack.threat.words,
        "group": group,
    }


def _p_value(curve: TradeOff, coins: int, tally: Tally) -> float:
    value = one_run.p_value if tally.fixed else one_run.p_value_of_any_number
    return value(curve, coins, tally.guesses, tally.correct)


def _no_learning(found: tuple[Tally, ...], coins: int) -> float:
    nothing = Approximate(0.0, 0.0)
    least = min(_p_value(nothing, coins, each) for each in found)
    return min(1.0, len(found) * least)


def _bound(found: tuple[Tally, ...], trial: Trial, claim: Claim, confidence: float, *, gaussian: bool) -> float:
    """The best bound of all rules, each at its part of the false-alarm rate, on the claim's own neighbours."""

    def family(value: float) -> TradeOff:
        return claim.seen_by(trial, Gaussian(value, claim.delta0) if gaussian else Approximate(value, claim.delta))

    coins = len(trial.coins) // 2 if trial.pairs else len(trial.coins)
    largest = one_run.LARGEST_MU if gaussian else one_run.LARGEST_EPSILON
    level = (1 - confidence) / len(found)
    return max(
        one_run.lower_bound(family, coins, each.guesses, each.correct, level=level, largest=largest, fixed=each.fixed)
        for each in found
    )


@lru_cache(maxsize=256)
def _cached_power(curve: TradeOff, coins: int, pairs: bool, level: float) -> OneRunPower:
    return one_run_power(curve, coins, pairs, level=level)


def _power(claim: Claim, trial: Trial, coins: int, level: float, *, named: bool) -> dict[str, float | int | None]:
    if named:
        return {"mu": None, "copies": names_needed(claim.against(trial), coins, level=level)}
    seen = _cached_power(claim.against(trial), coins, trial.pairs, level)
    steps = 2 if trial.pairs and claim.relation == "add-remove" else 1
    return {"mu": None if seen.mu is None else seen.mu / steps, "copies": seen.copies}


def _success(outcome: Outcome, trial: Trial, curve: TradeOff, confidence: float) -> Success | None:
    """Rates of a unit are the means of its rows; units are the independent draws that intervals count."""
    if outcome.success is None:
        return None
    rights = trial.by_unit(outcome.success.astype(np.float64))
    inside, outside = rights[trial.coins], rights[~trial.coins]
    if not len(inside) or not len(outside):
        return None
    members, control = float(inside.mean()), float(outside.mean())
    plain = Success(
        members,
        control,
        newcombe(members, len(inside), control, len(outside), confidence),
        curve.ceiling(control),
    )
    if outcome.weights is None:
        return plain
    weights = trial.by_unit(outcome.weights)
    weighted = trial.by_unit(outcome.weights * outcome.success)
    first = _ratio(weighted[trial.coins], weights[trial.coins])
    second = _ratio(weighted[~trial.coins], weights[~trial.coins])
    if first is None or second is None:
        return plain
    gap, half = first[0] - second[0], normal_quantile(confidence) * math.hypot(first[1], second[1])
    interval = max(-1.0, gap - half), min(1.0, gap + half)
    return replace(plain, weighted_members=first[0], weighted_control=second[0], weighted_gap_interval=interval)


def _ratio(rights: FloatArray, weights: FloatArray) -> tuple[float, float] | None:
    """A weighted rate and its standard error (that of a ratio of means); None where all weights are 0."""
    total = float(weights.sum())
    if total <= 0:
        return None
    rate = float(rights.sum()) / total
    return rate, float(np.sqrt(np.sum((rights - rate * weights) ** 2))) / total


def _plain(value: Any) -> Any:
    """JSON values: numbers of numpy become plain ones, what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
