"""`dpsynth forecast`: a table, JSON, the epsilon for a wanted error, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.forecast import forecast

app = typer.Typer()
app.command()(forecast)


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    dpsynth.Schema([dpsynth.Boolean(name) for name in "abc"]).save(path)
    return path


def asked(schema_file: Path, *more: str) -> list[str]:
    return [str(schema_file), "--rows", "500", "--synthesizer", "independent", "--draws", "1", *more]


def test_it_prints_errors_and_what_a_run_takes(schema_file: Path) -> None:
    done = CliRunner().invoke(app, asked(schema_file, "--epsilon", "0.1", "--epsilon", "2", "--wanted-error", "0.99"))
    assert done.exit_code == 0, done.output
    assert "three-way" in done.stdout
    assert "likely" in done.stdout
    assert "delta 1e-06" in done.stdout
    assert "at most epsilon 0.1" in done.stdout
    assert "forecast: 500 rows" in done.stdout
    far = CliRunner().invoke(app, asked(schema_file, "--epsilon", "1", "--wanted-error", "1e-9"))
    assert "needs an epsilon above 1" in far.stdout


def test_json(schema_file: Path) -> None:
    done = CliRunner().invoke(app, asked(schema_file, "--json"))
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [each["epsilon"] for each in document["at"]] == [0.3, 1.0, 3.0]
    assert document["resources"]["rows"] == 500
    assert document["epsilon_for_it"] is None


def test_a_public_fact_about_a_column_is_taken(schema_file: Path) -> None:
    def counts(*more: str) -> float:
        done = CliRunner().invoke(app, asked(schema_file, "--epsilon", "1", "--json", *more))
        assert done.exit_code == 0, done.output
        return float(json.loads(done.stdout)["at"][0]["one_way"]["mean"])

    assert counts("--common-values", "a=1", "--common-values", "b=2") != counts()
    for wrong, code in (("a", 2), ("a=many", 2), ("a=9", 1), ("z=1", 1)):
        assert CliRunner().invoke(app, asked(schema_file, "--common-values", wrong)).exit_code == code


def test_refusals(schema_file: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, asked(schema_file, "--epsilon", "0")).exit_code == 1
    assert CliRunner().invoke(app, asked(tmp_path / "absent.yaml")).exit_code == 1
    assert CliRunner().invoke(app, [str(schema_file), "--rows", "0"]).exit_code == 2
