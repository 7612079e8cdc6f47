"""`dpsynth plan`: steps, noise, needs and promise, from the schema alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    columns = [
        dpsynth.Identifier("id"),
        dpsynth.Numeric("age", lower=0, upper=120, integer=True, edges=[18, 65]),
        dpsynth.Categorical("sex", values=["F", "M"]),
    ]
    dpsynth.Schema(columns).save(path)
    return path


def _run(schema_file: Path, *more: str) -> tuple[int, str, str]:
    start = ["plan", "--schema", str(schema_file), "--epsilon", "1", "--delta", "1e-9"]
    result = CliRunner().invoke(app, [*start, *more])
    return result.exit_code, result.stdout, result.stderr


def test_the_plan_of_the_library_is_printed(schema_file: Path) -> None:
    code, out, _ = _run(schema_file, "--json", "--synthesizer", "independent")
    assert code == 0
    planned = json.loads(out)
    schema = dpsynth.Schema.load(schema_file)
    assert planned == dpsynth.plan(schema, epsilon=1, delta=1e-9, synthesizer="independent").to_json()


def test_people_get_a_table_and_the_promise(schema_file: Path) -> None:
    code, out, _ = _run(schema_file, "--unit", "id", "--max-rows-per-unit", "2", "--relation", "replace-one")
    assert code == 0
    for words in ("mechanism", "budget", "cells", "epsilon 1 and delta 1e-09", "replace-one", "'id' (at most 2 rows)"):
        assert words in out
    odds = dpsynth.plan(dpsynth.Schema.load(schema_file), epsilon=1, delta=1e-9).guarantee.attack_odds((0.01,))[0][1]
    said = float(out.split("1% false alarms finds at most ")[1].split("%")[0])
    assert 100 * odds <= said <= 100 * odds + 0.1


def test_the_choice_and_the_workload_are_printed(schema_file: Path) -> None:
    _, chosen, _ = _run(schema_file)
    schema = dpsynth.Schema.load(schema_file)
    planned = dpsynth.plan(schema, epsilon=1, delta=1e-9)
    assert f"synthesizer: {planned.synthesizer}, chosen by auto: {planned.reason}\n" in chosen
    _, named, _ = _run(schema_file, "--synthesizer", "mwem", "--label", "sex", "--workload", "1;weights=age:2")
    assert "synthesizer: mwem\n" in named
    assert "right about: every single column; those with sex weigh" in named
    assert json.loads(_run(schema_file, "--json")[1])["reason"] == planned.reason


@pytest.mark.parametrize(
    "more",
    [
        ["--synthesizer", "nosuch"],
        ["--set", "no_such_setting=1"],
        ["--unit", "id"],
        ["--max-rows-per-unit", "2"],
        ["--label", "sexx"],
        ["--synthesizer", "mst", "--label", "sex"],
        ["--synthesizer", "aim", "--workload", "age,se"],
        ["--epsilon", "-1"],
    ],
    ids=" ".join,
)
def test_a_plan_that_cannot_be_is_refused(schema_file: Path, more: list[str]) -> None:
    code, out, err = _run(schema_file, *more, "--json")
    assert (code, out) == (1, "")
    assert json.loads(err)["error"] == "setting"


def test_a_broken_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text("version: 1\ncolumns:\n- name: age\n  type: numerical\n")
    code, _, err = _run(path)
    assert code == 1
    assert "did you mean 'numeric'?" in err


def test_rows_bring_a_forecast(schema_file: Path) -> None:
    code, out, _ = _run(schema_file, "--rows", "500000000")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("forecast:")]
    assert "500,000,000 rows" in line
    assert "TMPDIR" in line
    code, out, _ = _run(schema_file, "--rows", "1000", "--json")
    assert (code, json.loads(out)["forecast"]["place"]) == (0, "memory")
    assert _run(schema_file, "--rows", "0")[0] == 2


def test_fairness_is_said_and_stands_in_the_settings(schema_file: Path) -> None:
    code, out, _ = _run(schema_file, "--fairness", "protected=sex; outcome=age")
    assert code == 0
    assert "fair: age does not depend on sex; sets of columns that would join them otherwise are left out" in out
    code, out, _ = _run(schema_file, "--synthesizer", "mst", "--set", "fairness=protected=sex; outcome=age", "--json")
    assert code == 0
    assert json.loads(out)["settings"]["fairness"] == {"protected": ["sex"], "outcome": "age", "admissible": []}
    code, _, error = _run(schema_file, "--fairness", "protected=sex; outcome=wage")
    assert code == 1
    assert "did you mean 'age'" in " ".join(error.split())
