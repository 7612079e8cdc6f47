"""The one door: charges before it asks, never overspends, closes for good."""

from __future__ import annotations

import threading
import time
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


def test_threads_together_never_overspend():
    """Eight threads race for a budget of one: describe() is slow, so that they meet at the charge."""

    class Slow(Probe):
        def describe(self):
            time.sleep(0.01)
            return {"kind": "probe"}

    door, refused = session(1.0), []

    def spend():
        try:
            door.run(Slow(Cost(Fraction(1))), "race")
        except BudgetError:
            refused.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert len(door.records) == 1
