"""The ledger beside a model of a few lines, in exact rationals, over random histories.

Long mode, 10,000 steps and more: HYPOTHESIS_PROFILE=thorough.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dpsynth.errors import BudgetError, LedgerError
from dpsynth.ledger import Ledger, Reservation, open_ledger
from dpsynth.privacy.cost import Cost

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SCOPES = ("people", "people/visits", "people/visits/étude", "people/labs", "people/visits/b")
NEXT = {"touched": ("RESERVED", "TOUCHED"), "measured": ("TOUCHED", "MEASURED"), "released": ("MEASURED", "RELEASED")}
NEXT["void"] = ("RESERVED", "VOID")

scopes = st.sampled_from(SCOPES)
requests = st.sampled_from([f"run {number}" for number in range(4)])
costs = st.builds(
    Cost,
    st.fractions(min_value=0, max_value=Fraction(1, 2), max_denominator=10**6),
    st.fractions(min_value=0, max_value=Fraction(1, 10**7), max_denominator=10**12),
)


def units(value: Fraction, unit: int, up: bool) -> Fraction:
    return Fraction(math.ceil(value * unit) if up else math.floor(value * unit), unit)


def rounded(cost: Cost, up: bool) -> tuple[Fraction, Fraction]:
    return units(cost.mu_squared, 2**48, up), units(cost.delta, 2**62, up)


def digest(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.caps: dict[str, tuple[Fraction, Fraction]] = {}
        self.charged: dict[str, tuple[str, str, tuple[Fraction, Fraction]]] = {}
        self.states: dict[str, str] = {}
        self.heads: list[tuple[str, int, str]] = []

    @initialize(cap=st.fractions(min_value=Fraction(1, 2), max_value=2, max_denominator=1000))
    def init(self, cap: Fraction) -> None:
        cost = Cost(cap, Fraction(1, 10**6))
        # Two programs have the file open, and take turns.
        self.handles = [Ledger.init(self.path, cost, "people"), open_ledger(self.path)]
        self.caps["people"] = rounded(cost, up=False)

    def teardown(self) -> None:
        for handle in getattr(self, "handles", []):
            handle.close()
        self.folder.cleanup()

    def spent(self, scope: str) -> tuple[Fraction, Fraction]:
        costs = [
            cost
            for request, (place, _, cost) in self.charged.items()
            if self.states[request] != "VOID" and (place == scope or place.startswith(f"{scope}/"))
        ]
        return sum((mu for mu, _ in costs), Fraction(0)), sum((delta for _, delta in costs), Fraction(0))

    def left(self, scope: str) -> tuple[Fraction, Fraction]:
        rooms = [
            [cap - spent for cap, spent in zip(self.caps[above], self.spent(above), strict=True)]
            for above in self.caps
            if scope == above or scope.startswith(f"{above}/")
        ]
        return min(room[0] for room in rooms), min(room[1] for room in rooms)

    def turn(self) -> Ledger:
        self.handles.reverse()
        return self.handles[0]

    @rule(scope=scopes, cost=costs, request=requests, plan=st.sampled_from(["plan a", "plan b"]))
    def reserve(self, scope: str, cost: Cost, request: str, plan: str) -> None:
        asked = (scope, plan, rounded(cost, up=True))
        left = self.left(scope)
        try:
            found = self.turn().reserve(scope, cost, request_id=request, plan_hash=plan)
        except BudgetError:
            assert request not in self.charged
            assert any(part > room for part, room in zip(asked[2], left, strict=True))
        except LedgerError:
            assert self.charged[request] != asked
        except ValueError:
            assert asked[2] == (0, 0)
        else:
            if request in self.charged:
                assert self.charged[request] == asked
            else:
                assert all(part <= room for part, room in zip(asked[2], left, strict=True))
                self.charged[request], self.states[request] = asked, "RESERVED"
            assert found.state.value == self.states[request]
            assert (found.cost.mu_squared, found.cost.delta) == asked[2]

    def event(self, request: str, event: str) -> Reservation:
        more = {"digest": digest(request)} if event == "measured" else {}
        found: Reservation = getattr(self.turn(), event)(request, **more)
        return found

    @rule(request=requests, event=st.sampled_from(sorted(NEXT)))
    def move_on(self, request: str, event: str) -> None:
        before, after = NEXT[event]
        state = self.states.get(request)
        repeated = state == after and event != "touched"
        if state == before or repeated:
            found = self.event(request, event)
            assert found.state.value == after
            assert found.digest == (digest(request) if after in ("MEASURED", "RELEASED") else "")
            self.states[request] = after
        else:
            with pytest.raises(LedgerError):
                self.event(request, event)

    @rule(scope=scopes, cost=costs, times=st.integers(1, 6))
    def cap(self, scope: str, cost: Cost, times: int) -> None:
        wanted = Cost(cost.mu_squared * times, cost.delta * times)
        granted = rounded(wanted, up=False)
        enough = all(cap >= spent for cap, spent in zip(granted, self.spent(scope), strict=True))
        if enough and granted != (0, 0):
            self.turn().cap(scope, wanted, actor="steward")
            self.caps[scope] = granted
        else:
            with pytest.raises((LedgerError, ValueError)):
                self.turn().cap(scope, wanted)

    @rule()
    def reopen(self) -> None:
        self.turn().close()
        self.handles[0] = open_ledger(self.path)

    @rule()
    def certify(self) -> None:
        self.heads.append(self.turn().head)

    @invariant()
    def agrees(self) -> None:
        if not self.caps:
            return
        ledger = self.turn()
        for scope in SCOPES:
            left = ledger.remaining(scope)
            assert (left.mu_squared, left.delta) == self.left(scope)
        for scope, cap in self.caps.items():
            assert all(spent <= room for spent, room in zip(self.spent(scope), cap, strict=True))
        assert {one.request_id for one in ledger.explain("people")} == {
            request for request, state in self.states.items() if state != "VOID"
        }

    @rule()
    def verify(self) -> None:
        assert not self.turn().verify(self.heads)


def test_every_history_agrees_with_the_model() -> None:
    size = settings(max_examples=250 if LONG else 25, stateful_step_count=50 if LONG else 30)
    run_state_machine_as_test(LedgerMachine, settings=size)
