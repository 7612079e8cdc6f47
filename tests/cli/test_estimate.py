"""`dpsynth estimate`: the same numbers as in Python, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    schema = dpsynth.Schema(
        [
            dpsynth.Categorical("sex", values=["F", "M"]),
            dpsynth.Boolean("smoker"),
            dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[30, 60]),
        ]
    )
    table = {"sex": rng.choice(["F", "M"], 800), "smoker": rng.random(800) < 0.3, "age": rng.integers(0, 99, 800)}
    settings = {"marginals": "smoker,sex;age"}
    made = dpsynth.synthesize(
        table, schema, epsilon=2.0, delta=1e-6, synthesizer="direct", settings=settings, rows=50, seed=1
    )
    return made.save(tmp_path_factory.mktemp("estimate") / "release")


def _estimate(release: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["estimate", str(release), *words])
    return result.exit_code, result.stdout, result.stderr


def test_json_is_what_python_says(release: Path) -> None:
    code, printed, _ = _estimate(release, "smoker ~ sex", "--json")
    assert code == 0
    assert json.loads(printed) == dpsynth.load(release).estimate("smoker ~ sex").to_json()


def test_people_see_the_interval_and_what_it_is_worth(release: Path) -> None:
    code, printed, _ = _estimate(release, "share(smoker) by sex", "--about", "table", "--level", "0.9")
    assert code == 0
    assert "naive interval" in printed
    assert "M, True" in printed
    assert "valid: 90% of such intervals hold the truth about the private table" in printed
    code, printed, _ = _estimate(release, "mean(age)")
    assert "approximate: values of age are known to within bins" in printed


def test_trials_are_shown_beside_it(release: Path) -> None:
    code, printed, _ = _estimate(release, "mean(smoker)", "--trials", "3", "--json")
    assert code == 0
    assert json.loads(printed)["trials"]["repetitions"] == 3
    assert "3 tables drawn from the model" in _estimate(release, "mean(smoker)", "--trials", "3")[1]


def test_a_wrong_request_is_refused_with_advice(release: Path) -> None:
    code, printed, error = _estimate(release, "mean(agee)", "--json")
    assert (code, printed) == (1, "")
    assert "did you mean 'age'" in json.loads(error)["message"]


def test_tables_come_from_a_loaded_release(release: Path) -> None:
    loaded = dpsynth.load(release)
    tables = loaded.sample_tables(2, seed=1)
    assert [table.shape for table in tables] == [(50, 3)] * 2
    assert list(tables[0].columns) == list(loaded.table.columns)
    assert not loaded.design.chosen
