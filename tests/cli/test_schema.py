"""`dpsynth schema draft` and `check`: for the steward's eyes, and no cell in any message."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app

CANARY = "CANARY-4711-Jane-Doe"


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [None, *range(31, 50)] * 2,
            "sex": ["F", "M", "F", "M"] * 10,
            "postcode": ["01069", "04109", "10115", "01069"] * 10,
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_draft_is_written_unreviewed(tmp_path: Path, suffix: str) -> None:
    data = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        _table().to_parquet(data)
    else:
        _table().to_csv(data, index=False, sep="\t" if "tsv" in suffix else ",")
    result = CliRunner().invoke(app, ["schema", "draft", str(data), "--out", str(tmp_path / "schema.yaml")])
    assert result.exit_code == 0, result.output
    assert "wait for your review" in result.stderr
    schema = dpsynth.Schema.load(tmp_path / "schema.yaml")
    assert schema.names == ("age", "sex", "postcode")
    assert isinstance(schema["age"], dpsynth.Numeric)
    assert schema["age"].nullable
    assert "01069" in schema["postcode"].values, "leading zeros must stay"  # type: ignore[union-attr]
    assert {column for column, _ in schema.unreviewed()} == set(schema.names)
    checked = CliRunner().invoke(app, ["schema", "check", str(data), "--schema", str(tmp_path / "schema.yaml")])
    assert checked.exit_code == 0, checked.output


def test_a_draft_is_printed_without_out_and_never_overwrites(tmp_path: Path) -> None:
    _table().to_csv(tmp_path / "data.csv", index=False)
    result = CliRunner().invoke(app, ["schema", "draft", str(tmp_path / "data.csv")])
    assert "DRAFT" in result.stdout
    (tmp_path / "schema.yaml").write_text("mine")
    again = CliRunner().invoke(
        app, ["schema", "draft", str(tmp_path / "data.csv"), "--out", str(tmp_path / "schema.yaml")]
    )
    assert again.exit_code == 1
    assert (tmp_path / "schema.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "content", [None, "", 'a,b\n1,2\n"CANARY-4711-Jane-Doe,3\n', "a\n1\nCANARY-4711-Jane-Doe,3,4\n"]
)
def test_an_unreadable_table_is_refused_without_quoting_it(tmp_path: Path, content: str | None) -> None:
    data = tmp_path / "data.csv"
    if content is not None:
        data.write_text(content)
    result = CliRunner().invoke(app, ["schema", "draft", str(data)])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: data (")
    assert CANARY not in result.output


def _unreviewed(path: Path) -> Path:
    columns = [dpsynth.Boolean(name, source="unreviewed") for name in ("smoker", "member")]
    dpsynth.Schema([*columns, dpsynth.Boolean("of age", source="law")], public_rows=9).save(path)
    return path


def test_confirming_writes_who_answers_for_the_items(tmp_path: Path) -> None:
    file = _unreviewed(tmp_path / "schema.yaml")
    first = CliRunner().invoke(app, ["schema", "confirm", str(file), "--by", "codebook 2019", "--columns", "smoker"])
    assert first.exit_code == 0, first.output
    assert "wait for your review" in first.stderr
    schema = dpsynth.Schema.load(file)
    assert {column for column, _ in schema.unreviewed()} == {"member"}
    assert (schema["smoker"].source, schema["of age"].source, schema.public_rows) == ("codebook 2019", "law", 9)
    out = tmp_path / "public.json"
    rest = CliRunner().invoke(app, ["schema", "confirm", str(file), "--by", "register", "--out", str(out)])
    assert (rest.exit_code, rest.stderr) == (0, "")
    assert dpsynth.Schema.load(out).unreviewed() == ()
    assert dpsynth.Schema.load(file).unreviewed() != ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["public.json", "schema.yaml"]


@pytest.mark.parametrize(
    "options", [["--by", " "], ["--by", "x", "--columns", "nobody"], ["--by", "x", "--out", "schema.yaml"]]
)
def test_a_refused_confirmation_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _unreviewed(tmp_path / "schema.yaml").read_bytes()
    result = CliRunner().invoke(app, ["schema", "confirm", "schema.yaml", *options])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert (tmp_path / "schema.yaml").read_bytes() == before


def test_check_names_columns_and_rules_and_no_cell(tmp_path: Path) -> None:
    data, schema = tmp_path / "data.csv", tmp_path / "schema.yaml"
    pd.DataFrame({"sex": ["F", CANARY], "age": [1, None]}).to_csv(data, index=False)
    columns = [dpsynth.Categorical("sex", values=["F", "M"]), dpsynth.Numeric("age", lower=0, upper=9, edges=[5])]
    dpsynth.Schema(columns).save(schema)
    text = CliRunner().invoke(app, ["schema", "check", str(data), "--schema", str(schema)])
    as_json = CliRunner().invoke(app, ["schema", "check", str(data), "--schema", str(schema), "--json"])
    assert text.exit_code == as_json.exit_code == 1
    assert "does not fit" in text.stdout
    printed = json.loads(as_json.stdout)
    assert printed["fits"] is False
    assert {problem["column"] for problem in printed["problems"]} == {"sex", "age"}
    assert CANARY not in text.output + as_json.output
