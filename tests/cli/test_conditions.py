"""`dpsynth sample` under conditions: what is typed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.cli.conditions import read_known, typed_given, typed_weights
from dpsynth.errors import DataError, SettingError
from dpsynth.schema.selection import Range

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M", "a..b"], nullable=True),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[20, 50]),
    ]
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pd.DataFrame({"sex": ["F", "M"] * 50, "age": list(range(100))})
    made = dpsynth.synthesize(table, SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="independent")
    return made.save(tmp_path_factory.mktemp("conditions") / "release")


def run(release: Path, out: Path, *options: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["sample", str(release), "--out", str(out), "--overwrite", *options])
    return result.exit_code, result.stdout, result.stderr


def test_conditions_shares_and_known_columns_reach_the_rows(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    assert (
        run(release, out, "--rows", "50", "--given", "sex=F,M", "--given", "age=30..40", "--weight", "sex=F:1")[0] == 0
    )
    table = pd.read_csv(out)
    assert set(table.sex) == {"F"}
    assert table.age.between(30, 40).all()
    (tmp_path / "k.csv").write_text("age,sex\n7,M\n99,\n")
    code, printed, _ = run(release, out, "--known", str(tmp_path / "k.csv"), "--json")
    assert (code, json.loads(printed)) == (0, {"rows": 2, "out": str(out)})
    assert pd.read_csv(out).age.tolist() == [7, 99]
    assert pd.read_csv(out).sex.fillna("-").tolist() == ["M", "-"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--given", "sex=Q"], "one of the column's labels"),
        (["--given", "sex"], "COLUMN=VALUE"),
        (["--given", "age=90..10"], "hold at least one value"),
        (["--weight", "sex=F"], "sex=F:0.5,M:0.5"),
        (["--weight", "sex=F:0.1,F:0.2"], "once"),
        (["--known", "no.csv"], "readable table"),
        (["--known", "no.xlsx"], "must end in"),
    ],
)
def test_what_cannot_be_met_is_refused(release: Path, tmp_path: Path, options: list[str], message: str) -> None:
    code, _, printed = run(release, tmp_path / "t.csv", *options)
    assert code == 1
    assert message in printed
    assert not (tmp_path / "t.csv").exists()


def test_a_label_is_itself_whatever_it_looks_like() -> None:
    assert typed_given(["sex=a..b", "sex=missing", "age=..5,7"], SCHEMA) == {
        "sex": ["a..b", None],
        "age": [Range(None, "5"), "7"],
    }
    assert typed_weights(["sex=missing:0.1,F:.2"], SCHEMA) == {"sex": {None: 0.1, "F": 0.2}}


def test_known_text_stays_text(tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_text("a,b\n007,NA\n,x\n")
    assert read_known(tmp_path / "k.csv").fillna("-").to_dict("list") == {"a": ["007", "-"], "b": ["NA", "x"]}
    (tmp_path / "k.parquet").write_text("no")
    with pytest.raises(DataError):
        read_known(tmp_path / "k.parquet")
    with pytest.raises(SettingError):
        read_known(tmp_path / "k")
