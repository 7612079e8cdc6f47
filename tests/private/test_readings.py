"""All readings of a label are listed: those that `label_finder` finds, and no other."""

from __future__ import annotations

import sys

import pytest

from dpsynth.private.cells import label_finder
from dpsynth.private.readings import LONG_S, text_readings, unknown_tick, whole_readings
from dpsynth.schema.columns import Boolean, Categorical


def test_no_other_letter_folds_into_the_words() -> None:
    folding = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).casefold() in set("falsetru")}
    assert folding == {*"falsetru", *"FALSETRU", LONG_S}


@pytest.mark.parametrize(
    "column",
    [
        Categorical("c", values=["a", "01", "1.0", "True", "-3"]),
        Categorical("c", values=[0, 2.0, 2.5, "7"], unknown="other"),
        Boolean("b"),
        Boolean("b", labels=["no", "yes"]),
        Boolean("b", labels=[1, 0]),
    ],
)
def test_listed_readings_are_those_of_the_finder(column: Categorical | Boolean) -> None:
    tick_of, whole = label_finder(column), whole_readings(column)
    assert [whole.get(number, unknown_tick(column)) for number in range(-5, 12)] == list(map(tick_of, range(-5, 12)))
    texts = text_readings(column)
    if texts is not None:
        for text in ["a", "A", "01", "1", "1.0", "True", "TRUE", "false", "0", "no", "yes", "YES", "-3", "zz"]:
            assert texts.get(text, unknown_tick(column)) == tick_of(text), text
