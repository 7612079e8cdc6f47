"""How commands end: exit codes, the grammar of errors, and that no private value reaches a screen."""

from __future__ import annotations

import json
import warnings

import pytest
import typer
from typer.testing import CliRunner

from dpsynth.cli.refusals import refusals
from dpsynth.errors import BudgetError, DataError, MissingExtraError, Problem, SettingError

CANARY = "CANARY-4711-Jane-Doe"

app = typer.Typer(pretty_exceptions_enable=False)
RAISES = {
    "setting": SettingError("epsilon (-1) must be positive; got -1; try 1"),
    "budget": BudgetError("too much"),
    "data": DataError("the table does not fit:", [Problem("must be in the list", column="city", rule="unknown")]),
    "extra": MissingExtraError("dpsynth demo", "demo"),
    "interrupt": KeyboardInterrupt(),
    "value": ValueError(f"could not convert string to float: '{CANARY}'"),
    "key": KeyError(CANARY),
    "exit": typer.Exit(7),
    "usage": typer.BadParameter("must be otherwise"),
}


@app.command()
def fail(how: str, as_json: bool = False) -> None:
    with refusals(as_json):
        warnings.warn(f"mixed types near {CANARY}", UserWarning, stacklevel=1)
        raise RAISES[how]


@pytest.mark.parametrize(
    ("how", "exit_code", "code"),
    [
        ("setting", 1, "setting"),
        ("budget", 1, "budget"),
        ("data", 1, "data"),
        ("extra", 1, "missing-extra"),
        ("interrupt", 130, "interrupted"),
        ("value", 1, "unexpected"),
        ("key", 1, "unexpected"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_end_has_its_code_and_message(how: str, exit_code: int, code: str, as_json: bool) -> None:
    result = CliRunner().invoke(app, [how, *(["--as-json"] if as_json else [])])
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert CANARY not in result.output
    if as_json:
        error = json.loads(result.stderr)
        assert error["error"] == code
        assert error["message"]
    else:
        assert result.stderr.startswith("error: ")


def test_the_parser_keeps_its_own_ends() -> None:
    assert CliRunner().invoke(app, ["exit"]).exit_code == 7
    assert CliRunner().invoke(app, ["usage"]).exit_code == 2


def test_an_unexpected_error_names_its_type_and_the_way_to_see_it() -> None:
    result = CliRunner().invoke(app, ["value"])
    assert "unexpected ValueError" in result.stderr
    assert "DPSYNTH_DEBUG=1" in result.stderr
    assert "may hold values" in result.stderr


@pytest.mark.filterwarnings("ignore:mixed types")
def test_debugging_lets_the_error_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPSYNTH_DEBUG", "1")
    result = CliRunner().invoke(app, ["value"])
    assert isinstance(result.exception, ValueError)
    assert CANARY in str(result.exception), "the canary must be there to be found, or the other tests show nothing"


def test_the_lines_of_a_refusal_are_kept_together() -> None:
    result = CliRunner().invoke(app, ["data"])
    assert result.stderr.splitlines() == [
        "error: the table does not fit:",
        "  - column 'city', rule unknown: must be in the list",
    ]
