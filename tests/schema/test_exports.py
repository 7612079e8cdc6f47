from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema.exports import TARGETS, exported

QUOTES = "it's \"x\"\\\n'''"
SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M", "no", "null", QUOTES], unknown="other"),
        dpsynth.Categorical("grade", values=range(1, 4), nullable=True),
        dpsynth.OpenCategorical("country", nullable=True),
        dpsynth.Numeric("age", lower=0, upper=120, integer=True),
        dpsynth.Numeric("pay", lower=-1.5, upper=99.5, decimals=1, nullable=True),
        dpsynth.Boolean("smoker"),
        dpsynth.Datetime("seen", lower="2015-01-01", upper="2015-12-31", resolution="hour"),
        dpsynth.Datetime("born", lower="1900-01-01", upper="1999-12-31", nullable=True),
        dpsynth.Identifier("id"),
    ]
)


def test_pandera_is_python_that_names_every_column() -> None:
    tree = ast.parse(exported(SCHEMA, "pandera"))
    mapping = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    assert [ast.literal_eval(key) for key in mapping.keys if key is not None] == list(SCHEMA.names)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    checks = {"pa.Check", "pa.Check.isin", "pa.Check.in_range"}
    assert called == {"pa.DataFrameSchema", "pa.Column", "pd.Timestamp", *checks}
    assert repr(QUOTES) in exported(SCHEMA, "pandera")


def test_great_expectations_is_a_suite() -> None:
    suite = json.loads(exported(SCHEMA, "great-expectations"))
    found = {(one["type"], one["kwargs"].get("column")): one["kwargs"] for one in suite["expectations"]}
    assert found["expect_table_columns_to_match_ordered_list", None]["column_list"] == list(SCHEMA.names)
    assert found["expect_column_values_to_be_in_set", "sex"]["value_set"] == ["F", "M", "no", "null", QUOTES, "(other)"]
    assert found["expect_column_values_to_be_between", "seen"]["max_value"] == "2015-12-31T23:00:00"
    nulls = {column for kind, column in found if kind == "expect_column_values_to_not_be_null"}
    assert nulls == {"sex", "age", "smoker", "seen", "id"}


def test_dbt_is_yaml_whose_labels_stay_text() -> None:
    document = yaml.safe_load(exported(SCHEMA, "dbt"))
    columns = {column["name"]: column.get("data_tests", []) for column in document["models"][0]["columns"]}
    assert list(columns) == list(SCHEMA.names)
    values = columns["sex"][1]["accepted_values"]["arguments"]
    assert values == {"values": ["F", "M", "no", "null", QUOTES, "(other)"], "quote": True}
    assert columns["grade"] == [{"accepted_values": {"arguments": {"values": [1, 2, 3], "quote": False}}}]
    between = columns["born"][0]["dbt_utils.accepted_range"]["arguments"]
    assert between == {"min_value": "'1900-01-01T00:00:00'", "max_value": "'1999-12-31T00:00:00'"}
    assert columns["country"] == []


def test_an_unknown_target_and_a_draft_are_refused() -> None:
    with pytest.raises(SettingError, match="did you mean 'dbt'"):
        exported(SCHEMA, "dbtt")
    draft = dpsynth.Schema([dpsynth.Numeric("age", lower=0, upper=97, source="unreviewed")])
    for target in TARGETS:
        with pytest.raises(SchemaError, match="unreviewed") as caught:
            exported(draft, target)
        assert "97" not in str(caught.value)


def test_the_command_prints_or_writes(tmp_path: Path) -> None:
    SCHEMA.save(tmp_path / "schema.yaml")
    arguments = ["schema", "export", str(tmp_path / "schema.yaml"), "--to", "dbt"]
    assert CliRunner().invoke(app, arguments).stdout == exported(SCHEMA, "dbt")
    written = [*arguments, "--out", str(tmp_path / "schema.yml")]
    assert CliRunner().invoke(app, written).exit_code == 0
    assert (tmp_path / "schema.yml").read_text() == exported(SCHEMA, "dbt")
    assert CliRunner().invoke(app, written).exit_code == 1


# Each reads document and tables with the tool itself; `wrong` has one cell changed. PYTHON_WITH_PANDERA and so on may
# name an interpreter that has the tool.
READERS = {
    "pandera": """
import runpy, sys
import pandas as pd, pandera.errors
schema = runpy.run_path(sys.argv[1])["schema"]
schema.validate(pd.read_parquet(sys.argv[2]))
for wrong in sys.argv[3:]:
    try:
        schema.validate(pd.read_parquet(wrong))
    except pandera.errors.SchemaError:
        continue
    raise AssertionError(wrong)
""",
    "great_expectations": """
import json, sys
import great_expectations as gx, pandas as pd
from pathlib import Path
gx.get_context(mode="ephemeral")
suite = gx.ExpectationSuite(**json.loads(Path(sys.argv[1]).read_text()))
source = gx.get_context(mode="ephemeral").data_sources.add_pandas("pandas").add_dataframe_asset("table")
definition = source.add_batch_definition_whole_dataframe("whole")
def passes(path):
    batch = definition.get_batch(batch_parameters={"dataframe": pd.read_parquet(path)})
    result = batch.validate(suite)
    return result.success
assert passes(sys.argv[2])
assert not any(map(passes, sys.argv[3:]))
""",
}


@pytest.mark.parametrize("name", READERS)
def test_the_tool_itself_passes_a_release_and_sees_a_wrong_cell(name: str, tmp_path: Path) -> None:
    python = os.environ.get(f"PYTHON_WITH_{name.upper()}")
    if python is None:
        pytest.importorskip(name)
        python = sys.executable
    rows = {"sex": "F", "grade": 2, "country": "FR", "age": 30, "pay": 9.5, "smoker": True, "id": "x"}
    table = {key: [value] * 300 for key, value in rows.items()} | {"seen": ["2015-05-05"] * 300, "born": [None] * 300}
    release = dpsynth.synthesize(table, SCHEMA, epsilon=1, delta=1e-6, synthesizer="independent")
    right = release.table
    right.to_parquet(tmp_path / "right.parquet")
    wrong = {"sex": "X", "age": 121, "smoker": None, "seen": pd.Timestamp("2016-01-01")}
    loose = right.astype({"sex": object, "smoker": object})
    for column, value in wrong.items():
        loose.assign(**{column: value}).to_parquet(tmp_path / f"{column}.parquet")
    document = tmp_path / "document.py"
    document.write_text(exported(SCHEMA, name.replace("_", "-")))
    tables = [tmp_path / "right.parquet", *(tmp_path / f"{column}.parquet" for column in wrong)]
    done = subprocess.run([python, "-c", READERS[name], document, *tables], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
