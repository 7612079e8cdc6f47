"""`dpsynth sample`: rows of a release into one new file, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    schema = dpsynth.Schema([dpsynth.Categorical("sex", values=["F", "M"]), dpsynth.Boolean("smoker")])
    table = pd.DataFrame({"sex": ["F", "M"] * 50, "smoker": [True, False] * 50})
    made = dpsynth.synthesize(table, schema, epsilon=1.0, delta=1e-6, synthesizer="independent")
    return made.save(tmp_path_factory.mktemp("sample") / "release")


def _sample(release: Path, out: Path, *options: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["sample", str(release), "--out", str(out), *options])
    return result.exit_code, result.stdout, result.stderr


def test_both_kinds_of_file_hold_the_rows_of_the_seed(release: Path, tmp_path: Path) -> None:
    expected = dpsynth.load(release).sample(30, seed=7)
    code, printed, _ = _sample(release, tmp_path / "t.csv", "--rows", "30", "--seed", "7", "--json")
    assert (code, json.loads(printed)) == (0, {"rows": 30, "out": str(tmp_path / "t.csv")})
    assert list(pd.read_csv(tmp_path / "t.csv")["sex"]) == list(expected["sex"])
    code, printed, _ = _sample(release, tmp_path / "t.parquet", "--rows", "30", "--seed", "7")
    assert (code, printed) == (0, f"table: {tmp_path / 't.parquet'}, 30 rows\n")
    assert list(pd.read_parquet(tmp_path / "t.parquet")["sex"]) == list(expected["sex"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.parquet"]


def test_a_file_is_replaced_only_when_asked(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    out.write_text("mine")
    code, _, message = _sample(release, out, "--rows", "3")
    assert (code, out.read_text()) == (1, "mine")
    assert "--overwrite" in message
    assert _sample(release, out, "--rows", "3", "--overwrite")[0] == 0
    assert len(pd.read_csv(out)) == 3


def test_progress_is_shown_when_asked(release: Path, tmp_path: Path) -> None:
    assert "draw rows" in _sample(release, tmp_path / "a.csv", "--rows", "30", "--progress")[2]
    assert _sample(release, tmp_path / "b.csv", "--rows", "30")[2] == ""


@pytest.mark.parametrize("name", ["t.xlsx", "nowhere/t.csv", "folder.csv"])
def test_what_cannot_be_written_is_refused(release: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    code, _, message = _sample(release, tmp_path / name, "--rows", "3", "--overwrite")
    assert code == 1
    assert message.startswith("error: out (")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]
    assert list((tmp_path / "folder.csv").iterdir()) == []
