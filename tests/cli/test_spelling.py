"""Errors on the command line speak of options and schema files, not of Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app

PROMISE = ["--epsilon", "1", "--delta", "1e-6"]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    dpsynth.Schema([dpsynth.Boolean("member"), dpsynth.Identifier("person")]).save(tmp_path / "schema.yaml")
    return tmp_path / "schema.yaml"


def test_options_are_named_as_they_are_typed(schema: Path) -> None:
    for options in (["--max-rows-per-unit", "3"], ["--unit", "person"]):
        result = CliRunner().invoke(app, ["plan", "--schema", str(schema), *PROMISE, *options])
        assert result.exit_code == 1
        assert "--max-rows-per-unit" in result.stderr
        assert "max_rows_per_unit" not in result.stderr
        assert "unit=" not in result.stderr


def test_items_of_a_schema_are_written_as_in_its_file(schema: Path) -> None:
    (schema.parent / "data.csv").write_text("member,person\ntrue,1\n,2\nmaybe,3\n")
    arguments = ["schema", "check", str(schema.parent / "data.csv"), "--schema", str(schema)]
    for options in ([], ["--json"]):
        result = CliRunner().invoke(app, [*arguments, *options])
        assert result.exit_code == 1
        assert "nullable: true" in result.stdout
        assert "nullable=True" not in result.stdout


def test_an_unreviewed_schema_points_to_the_command_that_confirms(schema: Path) -> None:
    dpsynth.Schema([dpsynth.Boolean("member", source="unreviewed")]).save(schema)
    result = CliRunner().invoke(app, ["plan", "--schema", str(schema), *PROMISE])
    assert result.exit_code == 1
    assert "dpsynth schema confirm FILE --by" in result.stderr


def test_a_taken_place_points_to_the_option(schema: Path) -> None:
    result = CliRunner().invoke(
        app, ["synthesize", "none.csv", "--schema", str(schema), *PROMISE, "--out", str(schema.parent)]
    )
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
