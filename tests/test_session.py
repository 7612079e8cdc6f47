"""The one door: charges before it asks, never overspends, closes for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import BudgetError, SessionClosedError, SettingError
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Session


@dataclass
class Probe:
    """A mechanism of a given cost that counts how often it was asked."""

    price: Cost
    asked: list[str] = field(default_factory=list)
    fails: bool = False

    def cost(self, unit):
        return self.price

    def query(self, private):
        self.asked.append("query")
        if self.fails:
            raise SettingError("broken")
        return private

    def randomise(self, exact, source):
        self.asked.append("randomise")
        return 7

    def movement(self, exact, neighbour):
        return ZERO

    def describe(self):
        return {"kind": "probe"}


def session(mu_squared: float, delta: float = 0.0) -> Session:
    budget = Cost(Fraction(mu_squared), Fraction(delta))
    return Session(object(), PrivacyUnit(), budget, InsecureTestEntropy(0))  # type: ignore[arg-type]


def test_a_mechanism_within_budget_runs_and_is_recorded():
    door, probe = session(1.0), Probe(Cost(Fraction(1)))
    assert door.run(probe, "all of it") == 7
    assert [(record.label, record.cost) for record in door.records] == [("all of it", probe.price)]
    assert door.spent == probe.price


@pytest.mark.parametrize("price", [Cost(Fraction(11, 10)), Cost(Fraction(0), Fraction(1, 10))])
def test_too_dear_a_mechanism_never_sees_data(price):
    door, probe = session(1.0), Probe(price)
    with pytest.raises(BudgetError, match="'peek'"):
        door.run(probe, "peek")
    assert probe.asked == []
    assert door.spent == ZERO


def test_what_fails_after_the_charge_stays_charged():
    door, probe = session(1.0), Probe(Cost(Fraction(1)), fails=True)
    with pytest.raises(SettingError):
        door.run(probe, "broken")
    with pytest.raises(BudgetError):
        door.run(Probe(Cost(Fraction(1, 10))), "again")


def test_a_closed_session_answers_nothing():
    door = session(1.0)
    door.close()
    probe = Probe(ZERO)
    with pytest.raises(SessionClosedError):
        door.run(probe, "late")
    assert probe.asked == []


@given(st.lists(st.floats(min_value=0, max_value=0.6), max_size=12))
def test_no_adaptive_driver_overspends(prices):
    """Whatever is asked in whatever order: the exact sum of what ran stays within the budget."""
    door = session(1.0)
    for price in prices:
        probe = Probe(Cost(Fraction(price)))
        left = 1 - door.spent.mu_squared
        try:
            door.run(probe, "step")
            assert Fraction(price) <= left
        except BudgetError:
            assert Fraction(price) > left
            assert probe.asked == []
    assert door.spent.mu_squared == sum((record.cost.mu_squared for record in door.records), Fraction(0)) <= 1
