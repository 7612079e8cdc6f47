"""Printing results."""

from __future__ import annotations

import json

import pytest

from dpsynth.cli.output import in_bytes, print_json, print_table


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, "é"]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, "é"]}


def test_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("step", "cells"), [("[red]age[/red]", "12")])
    assert "[red]age[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "words"), [(12, "12 B"), (2.5e9, "2.5 GB"), (3e15, "3e+03 TB")])
def test_sizes(size: float, words: str) -> None:
    assert in_bytes(size) == words
