from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema import Boolean, Categorical, Identifier, Numeric, OpenCategorical, Schema


@pytest.fixture
def drafted() -> Schema:
    return Schema(
        [
            Numeric("age", lower=0, upper=97, integer=True, source={"upper": "unreviewed", "lower": "law"}),
            Categorical("city", values=["Oslo"], source="unreviewed"),
            Boolean("smoker"),
            Identifier("id", source="unreviewed"),
        ]
    )


def test_a_schema_is_a_sequence_of_named_columns(drafted: Schema) -> None:
    assert drafted.names == ("age", "city", "smoker", "id")
    assert len(drafted) == 4
    assert [column.name for column in drafted] == list(drafted.names)
    assert "age" in drafted
    assert "Age" not in drafted
    assert drafted["smoker"] == Boolean("smoker")
    assert isinstance(drafted.columns, tuple)
    assert Schema(column for column in drafted) == drafted
    assert drafted.public_rows is None


def test_an_unknown_column_suggests_a_close_name(drafted: Schema) -> None:
    with pytest.raises(SettingError, match=r"column \('smokr'\) must be in the schema; did you mean 'smoker'\?"):
        drafted["smokr"]


def test_rules_between_columns_name_the_column() -> None:
    with pytest.raises(SchemaError, match="column 'a', rule name: name must be unique"):
        Schema([Boolean("a"), OpenCategorical("a")])
    with pytest.raises(SchemaError, match="at least one column"):
        Schema([])
    with pytest.raises(SchemaError, match="entry 2 of columns must be a column such as Numeric; got text"):
        Schema([Boolean("a"), "b"])  # type: ignore[list-item]


@pytest.mark.parametrize("rows", [-1, 2.0, True, "many"])
def test_public_rows_is_a_whole_number(rows: object) -> None:
    with pytest.raises(SchemaError, match="public_rows must be a whole number"):
        Schema([Boolean("a")], public_rows=rows)  # type: ignore[arg-type]
    assert Schema([Boolean("a")], public_rows=0).public_rows == 0


def test_missing_values_are_kept_in_order() -> None:
    schema = Schema([Boolean("a", source="unreviewed")], missing_values=["?", "N"])
    assert schema.missing_values == ("?", "N")
    assert "missing_values=<unreviewed>" in repr(schema)
    confirmed = schema.confirmed(by="codebook 2019")
    assert confirmed.missing_values == ("?", "N")
    assert "missing_values=('?', 'N')" in repr(confirmed)
    assert Schema.from_json(schema.to_json()) == schema != Schema(schema.columns)
    assert Schema(schema.columns).missing_values == ()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ("NA", "must be a list of texts; got text"),
        ({"NA"}, "must be a list of texts; got a set"),
        (["?", 9], "entry 2 of missing_values must be text; got a whole number"),
        (["?", float("nan")], "entry 2 of missing_values must be text; got a missing value"),
        (["\ud800"], "entry 1 of missing_values must be text"),
        ([""], "entry 1 of missing_values must not be the empty text"),
        (["?", "N", "?"], "entry 3 of missing_values must be distinct"),
    ],
)
def test_missing_values_are_texts_each_given_once(texts: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Schema([Boolean("a")], missing_values=texts)


def test_unreviewed_items_are_listed_one_by_one(drafted: Schema) -> None:
    assert drafted.unreviewed() == (
        ("age", "upper"),
        ("city", "type"),
        ("city", "nullable"),
        ("city", "values"),
        ("id", "type"),
    )
    assert ("age", "lower", "law") in drafted.provenance()
    assert ("smoker", "type", "declared") in drafted.provenance()


def test_an_unreviewed_schema_is_refused_with_the_way_out(drafted: Schema) -> None:
    with pytest.raises(SchemaError) as caught:
        drafted.require_reviewed()
    message = str(caught.value)
    for words in ("column 'age', rule unreviewed: upper", "'city'", "type, nullable, values", "source: codebook 2019"):
        assert words in message
    assert "schema.confirmed(by=" in message
    assert "smoker" not in message
    assert "Oslo" not in message
    assert "97" not in message


def test_confirming_replaces_only_what_nobody_had_declared(drafted: Schema) -> None:
    some = drafted.confirmed(by="codebook 2019", columns=["city"])
    assert some["city"].source == "codebook 2019"
    assert some.unreviewed() == (("age", "upper"), ("id", "type"))
    every = drafted.confirmed(by="codebook 2019")
    every.require_reviewed()
    assert every["age"].source == {"upper": "codebook 2019", "lower": "law"}
    assert every["smoker"].source == "declared"
    assert drafted.unreviewed()


@pytest.mark.parametrize("by", ["", "  ", "unreviewed"])
def test_somebody_must_confirm(drafted: Schema, by: str) -> None:
    with pytest.raises(SettingError, match="must name who declared"):
        drafted.confirmed(by=by)


def test_confirming_names_known_columns(drafted: Schema) -> None:
    with pytest.raises(SettingError, match="did you mean 'city'"):
        drafted.confirmed(by="law", columns=["cty"])
    with pytest.raises(SettingError, match="must be a list"):
        drafted.confirmed(by="law", columns="city")


def test_a_schema_can_be_copied(drafted: Schema) -> None:
    assert copy.deepcopy(drafted) == drafted


def test_importing_the_schema_loads_no_heavy_package() -> None:
    code = (
        "import sys, types; package = types.ModuleType('dpsynth'); "
        "import importlib.util as u; package.__path__ = list(u.find_spec('dpsynth').submodule_search_locations); "
        "sys.modules['dpsynth'] = package; import dpsynth.schema; "
        "print(sorted({'pandas', 'pydantic', 'yaml', 'numba', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_draft_is_for_the_steward_alone_and_a_confirmed_schema_is_not(tmp_path: Path) -> None:
    draft = Schema([Boolean("smoker", source="unreviewed")])
    draft.save(tmp_path / "draft.yaml")
    assert (tmp_path / "draft.yaml").stat().st_mode & 0o077 == 0
    draft.confirmed(by="codebook").save(tmp_path / "schema.yaml")
    assert (tmp_path / "schema.yaml").stat().st_mode & 0o600 == 0o600
