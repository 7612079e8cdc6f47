"""Settings given as KEY=VALUE."""

from __future__ import annotations

import pytest
import typer

from dpsynth.cli.options import parsed_settings


def test_pairs_become_texts() -> None:
    assert parsed_settings(["a=1", " b = x=y "]) == {"a": "1", "b": "x=y"}
    assert parsed_settings(None) == {}


@pytest.mark.parametrize("pairs", [["a"], ["=1"], ["a=1", "a=2"]])
def test_other_texts_are_wrong_usage(pairs: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parsed_settings(pairs)
