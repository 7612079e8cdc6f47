"""What an epsilon and a delta mean before anything is spent: odds of the best attacker, sums, and what others promised.

All of it follows from the trade-off curve of the promise, exactly; see docs/explanation/privacy-currency.md.
"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

from dpsynth.privacy.calibration import Guarantee, budget_from
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.release.certificate import Promise, Unit
from dpsynth.release.plain_words import WIDTH
from dpsynth.report import words
from dpsynth.report.deployments import DEPLOYMENTS, finds_at_most

FALSE_ALARMS = (0.1, 0.01, 0.001)
TOGETHER = (1, 2, 4, 12, 52)
"""Numbers of releases about the same people whose sum is shown."""


@dataclass(frozen=True)
class Odds:
    """The best attacker at one rate of false alarms (false-positive rate).

    finds: the largest share of those in the table that he can find (true-positive rate). right: the largest share of
    those whom he accuses that are in the table, when half of all suspects are (posterior of an even prior).
    """

    false_alarms: float
    finds: float
    right: float

    @classmethod
    def of(cls, guarantee: Guarantee, false_alarms: float) -> Odds:
        """The odds that a guarantee leaves."""
        finds = guarantee.attack_odds((false_alarms,))[0][1]
        return cls(false_alarms, finds, finds / (finds + false_alarms))


@dataclass(frozen=True)
class Sum:
    """So many releases of the same promise about the same people: epsilon at the delta of one, and the best finds."""

    releases: int
    epsilon: float
    finds: float


@dataclass(frozen=True)
class Explanation:
    """What a promise means; see `explain`.

    promise, unit: as in a certificate. advantage: the most by which a true-positive rate can exceed the
    false-positive rate. even_bet: the most often that a bet at even odds is won.
    """

    promise: Promise
    unit: Unit
    odds: tuple[Odds, ...]
    advantage: float
    even_bet: float
    sums: tuple[Sum, ...]

    @property
    def guarantee(self) -> Guarantee:
        """The trade-off curve behind all numbers."""
        return Guarantee(self.promise.mu, self.promise.delta0)

    @property
    def in_frequencies(self) -> str:
        """The even bet as people, not shares."""
        return (
            f"Of 1,000 attackers who bet on a coin's chance, 500 win by guessing; with the release, at most"
            f" {math.ceil(1000 * self.even_bet - 1e-9)} do."
        )

    @property
    def alone(self) -> float:
        """Finds at 1 % false alarms that epsilon and delta alone, without the curve behind them, would allow."""
        return finds_at_most(self.promise.epsilon, self.promise.delta, 0.01)

    def words(self) -> str:
        """The promise and its odds as a few sentences, one paragraph each, the same as in a report."""
        said = (
            words.promised(self),
            words.about(self),
            words.record_level(self),
            f"{words.odds(self)} {words.even_bet(self.guarantee, self)} {self.in_frequencies}",
            words.weakness(self),
        )
        return "\n".join(textwrap.fill(each, WIDTH) for each in said if each)

    def page(self) -> str:
        """One HTML page with pictures, which needs nothing but itself."""
        from dpsynth.report.explanation_page import page

        return page(self)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values, with the same names."""
        return {
            **json.loads(json.dumps(asdict(self))),
            "finds_by_epsilon_and_delta_alone": self.alone,
            "deployments": [
                {**asdict(each), "finds_by_epsilon_and_delta_alone": finds_at_most(each.epsilon, each.delta, 0.01)}
                for each in DEPLOYMENTS
            ],
        }


def explain(
    *,
    epsilon: float,
    delta: float,
    relation: str | Relation = Relation.ADD_REMOVE,
    unit: str | None = None,
    max_rows_per_unit: int | None = None,
) -> Explanation:
    """What a promise of epsilon and delta would mean: attack odds, exact, and what several releases add up to.

    relation, unit, max_rows_per_unit: whom it is about, as in `synthesize`. The whole budget is taken as Gaussian; a
    run with open columns sets a part of delta aside, and keeps the same epsilon and delta. Raises SettingError.

    Privacy: free. No data is read.

    >>> made = explain(epsilon=1, delta=1e-6)
    >>> [round(each.finds, 4) for each in made.odds], round(made.even_bet, 3)
    ([0.148, 0.0183, 0.0022], 0.547)
    """
    privacy_unit = PrivacyUnit.asked(relation, unit, max_rows_per_unit)
    budget = budget_from(epsilon, delta)
    guarantee = Guarantee.of(budget)
    advantage = guarantee.delta(0.0)
    return Explanation(
        promise=Promise.of(guarantee, epsilon=epsilon, delta=delta),
        unit=Unit.of(privacy_unit),
        odds=tuple(Odds.of(guarantee, each) for each in FALSE_ALARMS),
        advantage=advantage,
        even_bet=min((1 + advantage) / 2, 1.0),
        sums=tuple(_sum(budget, releases, delta) for releases in TOGETHER),
    )


def _sum(budget: Cost, releases: int, delta: float) -> Sum:
    """Releases of one budget each: mu squared adds up."""
    together = Guarantee.of(Cost(budget.mu_squared * releases, budget.delta * releases))
    return Sum(releases, together.epsilon(delta), together.attack_odds((0.01,))[0][1])
