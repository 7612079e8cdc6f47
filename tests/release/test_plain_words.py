"""The certificate in words: says the promise, whom it is for, the odds, and what it leaves out."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.privacy.calibration import Guarantee
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.release.plain_words import WIDTH, in_percent, odds_in_words, plain_words, rounded_up

_spec = importlib.util.spec_from_file_location("certificates", Path(__file__).with_name("test_certificate.py"))
assert _spec is not None
assert _spec.loader is not None
_certificates = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_certificates)
make_certificate = _certificates.make_certificate


def test_it_says_everything_that_matters() -> None:
    certificate = make_certificate(unit=PrivacyUnit(column="patient_id", max_rows=3))
    text = " ".join(plain_words(certificate).split())
    for words in (
        "epsilon 1 and delta 1e-09",
        "all rows of one value of 'patient_id' (at most 3 rows)",
        "one-ways: 25% of the budget",
        "120 cells",
        "noise of 8.5 to 9 rows",
        "noise of 4.25 rows",
        "exact discrete Gaussian on the integers",
        "no seed reaches the noise",
        "age: upper [codebook]",
        "not recorded in a ledger",
        *certificate.exclusions,
        *certificate.known_limits,
        *certificate.how_to_verify,
    ):
        assert words in text, words
    assert "NOT PRIVATE" not in text


def test_the_choice_and_the_workload_are_said() -> None:
    workload = {"degree": 2, "label": "pay", "column_weights": [["age", 2.0]], "cliques": []}
    certificate = make_certificate(reason="7 columns: reasons", settings={"workload": workload, "gap": 0.5})
    text = " ".join(plain_words(certificate).split())
    assert "Synthesizer: mst, chosen by auto: 7 columns: reasons." in text
    assert "right about: all sets of 2 columns; those with pay weigh" in text
    assert "(gap=0.5)" in text
    assert "chosen by auto" not in plain_words(make_certificate())


@pytest.mark.parametrize("workload", [{"degree": "many"}, {"cliques": [[]]}, ";", None, 0.5, [["\x1b[2J"]]])
def test_a_workload_that_cannot_be_read_is_shown_as_it_is(workload: object) -> None:
    text = plain_words(make_certificate(settings={"workload": workload}))
    assert "The synthetic table" in text
    assert "\x1b" not in text


def test_marginals_have_their_own_noise_where_it_differs() -> None:
    def said(stddev: list[float]) -> str:
        parameters = {"kind": "marginals", "cliques": [["a"], ["a", "b"], ["b", "c"]], "stddev": stddev, "cells": 9}
        base = make_certificate()
        record = dataclasses.replace(base.mechanisms[0], parameters=parameters)
        return " ".join(plain_words(make_certificate(mechanisms=(record, base.mechanisms[1]))).split())

    assert "noise of 2 to 8.25 rows (a + b: 4; b + c: 8.25)" in said([2.0, 4.0, 8.25])
    assert "noise of 2 rows (a + b; b + c)" in said([2.0, 2.0, 2.0])


def test_a_test_release_says_so_first() -> None:
    assert plain_words(make_certificate(private=False)).startswith("NOT PRIVATE")


def test_odds_are_those_of_the_guarantee_and_never_rounded_down() -> None:
    certificate = make_certificate(epsilon=1.0, delta=1e-9)
    bound = 100 * Guarantee(certificate.promise.mu).attack_odds((0.01,))[0][1]
    said = float(odds_in_words(certificate).split("at most ")[1].split("%")[0])
    assert bound <= said <= bound + 0.1


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (PrivacyUnit(), "whether one row is in the private table"),
        (PrivacyUnit(Relation.REPLACE_ONE), "which of two versions of one row is in the private table"),
        (PrivacyUnit(column="id", max_rows=2), "whether one person or other unit is in the private table"),
    ],
)
def test_odds_speak_of_the_right_unit(unit: PrivacyUnit, words: str) -> None:
    assert words in odds_in_words(make_certificate(unit=unit))


def test_lines_are_short() -> None:
    assert max(map(len, plain_words(make_certificate()).splitlines())) <= WIDTH


def test_an_unusual_certificate_is_still_readable() -> None:
    certificate = make_certificate()
    bare = dataclasses.replace(
        certificate,
        settings={},
        public_metadata=(),
        promise=dataclasses.replace(certificate.promise, attack_odds=(), profile=()),
    )
    text = plain_words(bare)
    assert "nothing" in text
    assert "no attacker" in text


def test_a_hostile_certificate_cannot_steer_the_terminal() -> None:
    text = plain_words(make_certificate(synthesizer="mst\x1b[2J\x1b[1;1H\r\x9b", reason="\x07"))
    assert all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize("share", [1e-9, 0.00099999, 0.001817, 0.0160015, 0.0999999, 0.135758, 0.99951, 1.0])
def test_a_bound_is_rounded_up_by_little(share: float) -> None:
    said = float(in_percent(share, up=True).rstrip("%")) / 100
    assert share * (1 - 1e-12) <= said <= share * 1.011


@given(st.floats(0, 1e6), st.integers(2, 8))
def test_printed_bounds_are_never_below_the_bound_and_close(bound: float, digits: int) -> None:
    printed = float(rounded_up(bound, digits))
    assert bound <= printed <= bound * (1 + 10.0 ** (1 - digits)) + 1e-300


@pytest.mark.parametrize(("epsilon", "delta", "weak"), [(1.0, 1e-9, False), (50.0, 1e-9, True), (1.0, 0.1, True)])
def test_a_weak_promise_is_called_weak(epsilon: float, delta: float, weak: bool) -> None:
    assert ("WARNING" in plain_words(make_certificate(epsilon=epsilon, delta=delta))) is weak
