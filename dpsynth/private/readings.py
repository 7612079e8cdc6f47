"""All cells that read as a label, listed: for engines that cannot call `label_finder` on a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from dpsynth.codec.categorical import spelled
from dpsynth.private.cells import label_finder, number_written
from dpsynth.schema.columns import Boolean, Categorical

WHOLE_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
WORDS = ("false", "0", "true", "1")
LONG_S = "\u017f"  # its case folding is s, and no other letter beside A to Z folds to a letter of the words


def text_readings(column: Categorical | Boolean) -> Mapping[str, int] | None:
    """Every text that reads as a label, with its tick; None when there is no end to them, as a number has of spellings.

    >>> text_readings(Categorical("sex", values=["F", "M"]))
    {'F': 0, 'M': 1}
    """
    if not all(isinstance(label, str) for label in column.labels):
        return None
    spellings = [str(written(label)) for label in column.labels for written in (str, number_written)]
    words = [cased for word in WORDS for cased in _cased(word)] if isinstance(column, Boolean) else []
    tick_of = label_finder(column)
    return {text: tick_of(text) for text in dict.fromkeys([*spellings, *words])}


def whole_readings(column: Categorical | Boolean) -> Mapping[int, int]:
    """Every whole number of 64 bits that reads as a label, with its tick.

    >>> whole_readings(Categorical("rooms", values=[1, 2.0, "3"]))
    {1: 0, 2: 1, 3: 2}
    """
    texts = [written(label) for label in column.labels for written in (str, spelled, number_written)]
    numbers = [int(text) for text in [*texts, *WORDS] if WHOLE_NUMBER.fullmatch(text)]
    tick_of, unknown = label_finder(column), unknown_tick(column)
    found = {number: tick_of(number) for number in dict.fromkeys(numbers) if -(2**63) <= number < 2**63}
    return {number: tick for number, tick in found.items() if tick != unknown or str(number) in texts}


def unknown_tick(column: Categorical | Boolean) -> int:
    """The tick, or the mark, of every cell that is no reading."""
    return label_finder(column)("x" * (1 + max(map(len, map(str, column.labels)))) + "x" * 5)


def _cased(word: str) -> list[str]:
    """Every text whose case folding is the word."""
    letters = [{letter, letter.upper()} | ({LONG_S} if letter == "s" else set()) for letter in word]
    return ["".join(chosen) for chosen in product(*map(sorted, letters))]
