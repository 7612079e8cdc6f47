"""dp-accounting as an independent judge: privacy loss distributions of whole plans against our sums of mu^2.

The judge discretises the privacy loss on a grid and rounds it up (its upper estimate) or down (its lower one);
the truth lies between. We must never report less than the lower estimate. How far we may lie above the upper one
is stated for each plan: at most 1 % for plans of counts with a small share of selections, which is what the
synthesizers run; more where the law is far from Gaussian, and the page says how much.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dp_accounting.pld import privacy_loss_distribution as pld

from dpsynth.privacy.calibration import Guarantee
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.discrete_gaussian import mu_per_unit_shift
from dpsynth.privacy.exponential import mu_of_range
from dpsynth.privacy.picks import cost_of_picks

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "privacy-currency.md"

INTERVAL = 1e-4
FINE_INTERVAL = 1e-5
DELTAS = (1e-2, 1e-5, 1e-6, 1e-9)


@pytest.fixture(autouse=True)
def _judge_is_quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The judge logs that its sharper algorithm has no lower estimate; we ask for both on purpose."""
    with caplog.at_level(logging.ERROR):
        yield


@dataclass(frozen=True)
class Gaussian:
    """Continuous Gaussian noise, sensitivity 1."""

    stddev: float

    def cost(self) -> Cost:
        return Cost.of_mu(1 / self.stddev)

    def judged(self, pessimistic: bool, interval: float) -> pld.PrivacyLossDistribution:
        return pld.from_gaussian_mechanism(
            self.stddev, pessimistic_estimate=pessimistic, value_discretization_interval=interval
        )


@dataclass(frozen=True)
class DiscreteGaussian:
    """Discrete Gaussian noise on an integer that moves by `shift`."""

    stddev: float
    shift: int = 1

    def cost(self) -> Cost:
        return Cost.of_mu(self.shift * mu_per_unit_shift(self.stddev))

    def judged(self, pessimistic: bool, interval: float) -> pld.PrivacyLossDistribution:
        return pld.from_discrete_gaussian_mechanism(
            self.stddev, self.shift, pessimistic_estimate=pessimistic, value_discretization_interval=interval
        )


@dataclass(frozen=True)
class Selection:
    """The worst mechanism of bounded range `eta`: two outcomes with log-ratios t and t - eta, t = share * eta."""

    eta: float
    share: float = 0.5

    def cost(self) -> Cost:
        return Cost.of_mu(mu_of_range(self.eta))

    def judged(self, pessimistic: bool, interval: float) -> pld.PrivacyLossDistribution:
        t = self.share * self.eta
        q = (math.exp(-t) - math.exp(-self.eta)) / -math.expm1(-self.eta)
        p = q * math.exp(t)
        lower, upper = ({"t": math.log(x), "t - eta": math.log1p(-x)} for x in (q, p))
        return pld.from_two_probability_mass_functions(
            lower, upper, pessimistic_estimate=pessimistic, value_discretization_interval=interval
        )


@dataclass(frozen=True)
class Selections:
    """Several of them one after the other, priced together."""

    eta: float
    picks: int

    def cost(self) -> Cost:
        return cost_of_picks(self.eta, self.picks)

    def judged(self, pessimistic: bool, interval: float) -> pld.PrivacyLossDistribution:
        return Selection(self.eta).judged(pessimistic, interval).self_compose(self.picks)


Step = Gaussian | DiscreteGaussian | Selection | Selections
Plan = Counter[Step]  # how often each step runs


def judged(plan: Plan, pessimistic: bool, interval: float) -> pld.PrivacyLossDistribution:
    parts = [step.judged(pessimistic, interval).self_compose(times) for step, times in plan.items()]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.compose(part)
    return whole


def guarantee(plan: Plan) -> Guarantee:
    costs = [step.cost() for step, times in plan.items() for _ in range(times)]
    return Guarantee.of(sum(costs, ZERO))


def excess(plan: Plan, interval: float = INTERVAL, understated: float = 1.0) -> float:
    """Largest share by which our epsilon exceeds the judge's upper one; fails when it is below the lower one.

    understated: multiplies our mu, to show that the judge notices.
    """
    ours = guarantee(plan)
    ours = Guarantee(ours.mu * understated, ours.delta0)
    lower, upper = (judged(plan, pessimistic, interval) for pessimistic in (False, True))
    excesses = []
    for delta in DELTAS:
        at_least, at_most = (estimate.get_epsilon_for_delta(delta) for estimate in (lower, upper))
        assert at_most - at_least <= 0.01 * at_most + 1e-3, "the judge is not sharp enough to judge"
        if not ours.epsilon(delta) >= at_least:
            raise Understated(delta)
        excesses.append(ours.epsilon(delta) / at_most - 1)
    return max(excesses)


class Understated(AssertionError):
    """Our epsilon lies below what the judge proves to be lost."""


# Replacing one row moves two cells by one each, so every identity measurement counts twice.
COUNT_PLANS = {
    "one count": Counter({DiscreteGaussian(6.0): 1}),
    "forty counts": Counter({DiscreteGaussian(10.0): 40}),
    "two stddevs": Counter({DiscreteGaussian(8.0): 15, DiscreteGaussian(25.0): 60}),
    "continuous and discrete": Counter({Gaussian(12.0): 20, DiscreteGaussian(12.0): 20}),
    "forty counts, a row replaced": Counter({DiscreteGaussian(10.0): 80}),
    "three rows of a unit in one cell": Counter({DiscreteGaussian(20.0, shift=3): 15}),
    "residual of 2 x 2, stddev 4 * 2.5": Counter({DiscreteGaussian(10.0): 4}),
    "residual of 2 x 2, a row replaced": Counter({DiscreteGaussian(10.0, shift=2): 4}),
    "residual of 3 x 3, stddev 9 * 2": Counter(
        {DiscreteGaussian(18.0, shift=4): 1, DiscreteGaussian(18.0, shift=2): 4, DiscreteGaussian(18.0): 4}
    ),
}


@pytest.mark.parametrize("plan", COUNT_PLANS.values(), ids=COUNT_PLANS.keys())
def test_plans_of_counts_are_charged_right_to_one_percent(plan: Plan) -> None:
    assert excess(plan) <= 0.01


FORTY_COUNTS = Counter({DiscreteGaussian(10.0): 40})
PAGE_PLANS: dict[str, tuple[Plan, float]] = {
    "40 discrete Gaussians, s = 10": (FORTY_COUNTS, INTERVAL),
    "10 discrete Gaussians, s = 5": (Counter({DiscreteGaussian(5.0): 10}), INTERVAL),
    "10 discrete Gaussians, s = 3": (Counter({DiscreteGaussian(3.0): 10}), INTERVAL),
    "10 discrete Gaussians, s = 2": (Counter({DiscreteGaussian(2.0): 10}), INTERVAL),
    "10 discrete Gaussians, s = 1": (Counter({DiscreteGaussian(1.0): 10}), INTERVAL),
    "1 discrete Gaussian, s = 1": (Counter({DiscreteGaussian(1.0): 1}), INTERVAL),
    "40 discrete Gaussians, s = 10, and 50 selections with 3 % of mu^2": (
        FORTY_COUNTS + Counter({Selection(0.025): 50}),
        FINE_INTERVAL,
    ),
    "the same, selections with 10 % of mu^2": (FORTY_COUNTS + Counter({Selection(0.0475): 50}), FINE_INTERVAL),
    "50 selections of range 0.2 and nothing else, priced one by one": (Counter({Selection(0.2): 50}), FINE_INTERVAL),
    "the same, priced together": (Counter({Selections(0.2, 50): 1}), FINE_INTERVAL),
}


def page_excesses() -> dict[str, float]:
    """The table of section 4 of the explanation page: plan to excess in percent."""
    section = PAGE.read_text(encoding="utf-8").split("## 4. How tight it is", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([^|]*\S) +\| ([0-9.]+) \|$", section, re.MULTILINE)
    return {name: float(printed) for name, printed in rows}


def test_the_page_tabulates_these_plans() -> None:
    assert page_excesses().keys() == PAGE_PLANS.keys()


@pytest.mark.parametrize("name", PAGE_PLANS)
def test_the_page_states_the_excess_that_is_measured(name: str) -> None:
    printed = page_excesses()[name]
    assert 100 * excess(*PAGE_PLANS[name]) == pytest.approx(printed, rel=0.07, abs=0.05)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("40 discrete Gaussians, s = 10, and 50 selections with 3 % of mu^2", 0.03),
        ("the same, selections with 10 % of mu^2", 0.1),
    ],
)
def test_the_page_states_the_share_of_selections_right(name: str, share: float) -> None:
    plan, _ = PAGE_PLANS[name]
    selected = sum(times * step.cost().mu_squared for step, times in plan.items() if isinstance(step, Selection))
    assert float(selected) / guarantee(plan).mu ** 2 == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("eta", "interval"), [(0.05, FINE_INTERVAL), (1.0, INTERVAL)])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_fifty_selections_and_a_gaussian_are_covered(eta: float, interval: float, share: float) -> None:
    """Whatever log-ratio t = share * eta the worst outcome has."""
    excess(Counter({Selection(eta, share): 50, Gaussian(5.0): 1}), interval)


@pytest.mark.parametrize(("stddev", "times"), [(0.3, 1), (0.5, 4), (0.7, 2)])
def test_little_noise_is_covered_too(stddev: float, times: int) -> None:
    excess(Counter({DiscreteGaussian(stddev): times}), INTERVAL)


@pytest.mark.parametrize("name", ["forty counts", "residual of 3 x 3, stddev 9 * 2"])
def test_the_judge_notices_a_charge_two_percent_too_small(name: str) -> None:
    with pytest.raises(Understated):
        excess(COUNT_PLANS[name], understated=0.98)


def test_the_judge_notices_the_add_remove_charge_on_a_replaced_row() -> None:
    with pytest.raises(Understated):
        excess(COUNT_PLANS["forty counts, a row replaced"], understated=math.sqrt(0.5))


def test_the_judge_notices_selection_charged_as_if_scores_were_monotone() -> None:
    eta = 0.2
    with pytest.raises(Understated):
        excess(Counter({Selection(eta): 50}), FINE_INTERVAL, understated=mu_of_range(eta / 2) / mu_of_range(eta))


@pytest.mark.parametrize("eta", [0.1, 0.5, 2.0])
def test_one_selection_is_charged_exactly_at_epsilon_zero(eta: float) -> None:
    """There the two curves touch, so nothing smaller than mu_of_range could be charged for a single selection."""
    total_variation = judged(Counter({Selection(eta): 1}), True, FINE_INTERVAL).get_delta_for_epsilon(0.0)
    assert guarantee(Counter({Selection(eta): 1})).delta(0.0) == pytest.approx(total_variation, rel=1e-3)
