"""Errors: what a message holds, and that several problems are told at once."""

from __future__ import annotations

import pytest

from dpsynth.errors import DataError, DPSynthError, MissingExtraError, Problem


def test_problems_name_line_column_and_rule():
    assert str(Problem("must be positive", column="age", rule="lower", line=7)) == (
        "line 7, column 'age', rule lower: must be positive"
    )
    assert str(Problem("must be there")) == "must be there"


def test_all_problems_are_told():
    with pytest.raises(ValueError, match=r"two things:\n  - one\n  - column 'b': two") as caught:
        raise DataError("two things:", [Problem("one"), Problem("two", column="b")])
    assert isinstance(caught.value, DPSynthError)
    assert len(caught.value.problems) == 2


def test_a_missing_extra_names_what_brings_it():
    with pytest.raises(ImportError, match=r"pip install 'dpsynth-engine\[demo\]'"):
        raise MissingExtraError("the demo", "demo")
