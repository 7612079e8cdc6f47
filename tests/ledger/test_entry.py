"""An entry's units, its canonical JSON and its hash, and the texts that may stand in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import SettingError
from dpsynth.ledger import whole_units
from dpsynth.ledger.entry import Amount, Entry, checked_details, checked_scope, scopes_above
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import Cost

ENTRY = Entry(1, "CAP", "people", "", "", 5, 6, "2026-01-01T00:00:00.000+00:00", "ann", "why", "0.1.0", {"é": True})
costs = st.builds(Cost, st.fractions(0, 100), st.fractions(0, 1))


@given(costs)
def test_charges_are_rounded_up_and_caps_down(cost: Cost) -> None:
    charged, granted = Amount.charged(cost), Amount.granted(cost)
    assert cost <= charged.cost
    assert granted.cost <= cost
    assert charged.mu_squared - granted.mu_squared in (0, 1)
    assert charged.delta - granted.delta in (0, 1)


def test_a_cap_holds_in_63_bits() -> None:
    assert Amount.granted(Cost(10**9, 100)) == Amount(2**63 - 1, 2**63 - 1)
    assert not Amount.charged(Cost(10**9)).fits(Amount.granted(Cost(10**9)))


@given(st.floats(0.01, 20), st.sampled_from([1e-9, 1e-6, 1e-3]))
def test_a_run_in_whole_units_fits_a_cap_of_the_same_promise(epsilon: float, delta: float) -> None:
    budget = budget_from(epsilon, delta)
    assert Amount.charged(whole_units(budget)).fits(Amount.granted(budget))
    assert whole_units(budget) <= budget


def test_the_hash_is_of_the_canonical_json_as_anybody_computes_it() -> None:
    content = {name: value for name, value in ENTRY.to_json().items() if name not in ("hash", "signature")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert text.isascii()
    assert ENTRY.computed_hash() == hashlib.sha256(text.encode()).hexdigest()
    # Written down once: another answer is another format, and old ledgers could not be verified any more.
    assert ENTRY.computed_hash() == "ee187e8c1e28cd283e23fd7c9c33fcb576cd08ae9050ac482c2abfc25fd8f267"


@pytest.mark.parametrize("name", [field.name for field in fields(Entry) if field.name not in ("hash", "signature")])
def test_every_field_is_under_the_hash(name: str) -> None:
    value = getattr(ENTRY, name)
    other = {"b": 1} if name == "details" else value + (1 if isinstance(value, int) else "x")
    assert replace(ENTRY, **{name: other}).computed_hash() != ENTRY.computed_hash()


@given(st.dictionaries(st.text(max_size=5), st.booleans() | st.integers(-9, 9) | st.text(max_size=9), max_size=5))
def test_a_row_comes_back_as_it_went(details: dict[str, str | int | bool]) -> None:
    entry = replace(ENTRY, details=details)
    back = Entry.from_row(entry.row())
    assert back == entry
    assert back.computed_hash() == entry.computed_hash()


def test_scopes() -> None:
    assert scopes_above("a/b/c") == ("a/b/c", "a/b", "a")
    assert checked_scope("Bevölkerung/Besuche 2026/研究") == "Bevölkerung/Besuche 2026/研究"
    assert checked_scope("e\u0301tude") == "\u00e9tude", "one name, one budget"


@pytest.mark.parametrize(
    "scope", ["", "/", "a//b", "a/", "/a", " a", "a /b", "a\nb", "a\u200bb", "a\x00", "x" * 201, 7, "a/" * 8 + "a"]
)
def test_no_scopes(scope: object) -> None:
    with pytest.raises(SettingError, match="scope"):
        checked_scope(scope)


@pytest.mark.parametrize(
    "details",
    [{"a": 1.5}, {"a": None}, {"a": []}, {"a": 2**64}, {"": 1}, {"a": "x" * 501}, {str(n): 1 for n in range(33)}],
)
def test_no_details(details: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="details"):
        checked_details(details)


def test_costs_are_exact() -> None:
    assert Amount(1, 1).cost == Cost(Fraction(1, 2**48), Fraction(1, 2**62))
    assert (Amount(3, 4) - Amount(5, 1)).cost == Cost(Fraction(0), Fraction(3, 2**62))
