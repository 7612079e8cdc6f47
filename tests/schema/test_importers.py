"""Schemas of other tools: what they say arrives, what they do not say is asked, nothing is run or guessed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.errors import MissingExtraError, SchemaError, SettingError
from dpsynth.release.metadata import datapackage
from dpsynth.release.metadata.described import File
from dpsynth.schema.exports import TARGETS, exported
from dpsynth.schema.importers.importer import FORMATS, import_schema

BY = "data dictionary 2024"
CANARY = "Zebulon Canary"
POSTGRESQL = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE wards (id integer PRIMARY KEY);
CREATE TABLE public.visits (
    id uuid NOT NULL,
    age integer NOT NULL CHECK (age BETWEEN 0 AND 120),
    sex character varying(1) NOT NULL,
    feeling mood,
    pay numeric(10,2) CHECK (pay >= 0 AND pay < 100000),
    born date CHECK (born >= DATE '1900-01-01' AND born < '2020-01-01'::date),
    seen timestamp without time zone,
    ward integer REFERENCES wards(id),
    employer text,
    CONSTRAINT sexes CHECK (((sex)::text = ANY ((ARRAY['F'::character varying, 'M'::character varying])::text[]))),
    CONSTRAINT order_of_days CHECK (born <= seen)
);
ALTER TABLE ONLY public.visits ADD CONSTRAINT visits_pkey PRIMARY KEY (id);
"""


def asked(schema: dpsynth.Schema) -> set[tuple[str, str]]:
    return {(column, item) for column, item, _ in schema.questions()}


def test_sql_says_types_bounds_lists_and_keys(tmp_path: Path) -> None:
    (tmp_path / "tables.sql").write_text(POSTGRESQL)
    schema = import_schema(tmp_path / "tables.sql", table="visits", by=BY)
    assert list(schema)[:6] == [
        dpsynth.Identifier("id", source=BY),
        dpsynth.Numeric("age", lower=0, upper=120, integer=True, source=BY),
        dpsynth.Categorical("sex", values=["F", "M"], source=BY),
        dpsynth.Categorical("feeling", values=["sad", "ok"], nullable=True, source=BY),
        dpsynth.Numeric("pay", lower=0, upper=100000, decimals=2, nullable=True, source=BY),
        dpsynth.Datetime("born", lower="1900-01-01", upper="2019-12-31", nullable=True, source=BY),
    ]
    assert schema["employer"] == dpsynth.OpenCategorical("employer", nullable=True, source=BY)
    assert asked(schema) == {("seen", "lower"), ("seen", "upper"), ("ward", "type")}


MYSQL = (
    "CREATE TABLE `t` (`id` INT UNSIGNED AUTO_INCREMENT, `kind` ENUM('x','y') NOT NULL DEFAULT 'x', `on` tinyint(1))"
)
SQLITE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('x', 'y')), [on] BOOLEAN)"
)
DUCKDB = "CREATE TABLE t (id UBIGINT UNIQUE, kind VARCHAR NOT NULL CHECK (kind IN ('x', 'y')), \"on\" BOOL)"


@pytest.mark.parametrize(("dialect", "text"), [("mysql", MYSQL), ("sqlite", SQLITE), ("duckdb", DUCKDB)])
@pytest.mark.parametrize("named", [True, False])
def test_each_dialect_is_read(tmp_path: Path, dialect: str, text: str, named: bool) -> None:
    (tmp_path / "t.sql").write_text(text)
    schema = import_schema(tmp_path / "t.sql", dialect if named else None, by=BY)
    assert list(schema) == [
        dpsynth.Identifier("id", source=BY),
        dpsynth.Categorical("kind", values=["x", "y"], source=BY),
        dpsynth.Boolean("on", nullable=True, source=BY),
    ]


def test_no_row_of_a_dump_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(f"CREATE TABLE t (a INT);\nINSERT INTO t VALUES ('{CANARY}');\nCREATE DOMAIN x AS '{CANARY}'")
    assert asked(import_schema(path)) == {("a", "lower"), ("a", "upper")}
    path.write_text(f"CREATE TABLE t (a INT\n) ('{CANARY}' oops ;;; (")
    with pytest.raises(SchemaError, match="schema-only") as caught:
        import_schema(path)
    assert CANARY not in str(caught.value) + str(caught.value.__context__)
    assert CANARY not in "".join(capfd.readouterr())


def test_without_sqlglot_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    (tmp_path / "t.sql").write_text(SQLITE)
    with pytest.raises(MissingExtraError, match=r"dpsynth-engine\[sql\]"):
        import_schema(tmp_path / "t.sql")


PANDERA_YAML = """
schema_type: dataframe
version: 0.35.0
columns:
  age: {dtype: int64, in_range: {min_value: 0, max_value: 120, include_min: true, include_max: true}}
  sex: {dtype: 'string[python]', nullable: true, isin: [F, M]}
  id: {dtype: int64, unique: true}
  pay:
    dtype: float64
    checks:
      greater_than_or_equal_to: 0
      less_than: {value: 100000, options: {check_name: less_than}}
"""
PANDERA_SOURCE = """
import os
import pandera.pandas as pa
from pandera.typing import Series
os.remove(__file__)
class People(pa.DataFrameModel):
    age: Series[int] = pa.Field(ge=0, le=120)
    sex: str = pa.Field(isin=["F", "M"], nullable=True)
    id: Series[pa.Int64] = pa.Field(unique=True)
    pay: float = pa.Field(ge=0, lt=LARGEST)
"""


def test_pandera_in_its_three_forms(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(PANDERA_YAML)
    (tmp_path / "people.py").write_text(PANDERA_SOURCE)

    def check(name: str, **statistics: Any) -> SimpleNamespace:
        return SimpleNamespace(name=name, statistics=statistics)

    def column(dtype: str, *checks: SimpleNamespace, nullable: bool = False, unique: bool = False) -> SimpleNamespace:
        return SimpleNamespace(dtype=dtype, checks=checks, nullable=nullable, unique=unique)

    columns = {
        "age": column("int64", check("in_range", min_value=0, max_value=120)),
        "sex": column("str", check("isin", allowed_values=["F", "M"]), nullable=True),
        "id": column("int64", unique=True),
        "pay": column("float64", check("greater_than_or_equal_to", min_value=0)),
    }
    as_object = SimpleNamespace(name=None, columns=columns)
    for source in (tmp_path / "people.yaml", tmp_path / "people.py", as_object):
        schema = import_schema(source, by=BY)
        assert list(schema)[:3] == [
            dpsynth.Numeric("age", lower=0, upper=120, integer=True, source=BY),
            dpsynth.Categorical("sex", values=["F", "M"], nullable=True, source=BY),
            dpsynth.Identifier("id", source=BY),
        ]
        assert schema["pay"].lower == 0
        assert asked(schema) == (set() if source == tmp_path / "people.yaml" else {("pay", "upper")})
    assert (tmp_path / "people.py").exists()  # the source was read, not run


def test_json_schema_and_pydantic() -> None:
    from datetime import date
    from typing import Literal

    from pydantic import BaseModel, Field

    class Person(BaseModel):
        age: int = Field(ge=0, lt=121)
        sex: Literal["F", "M"]
        born: date | None
        pay: float | None = Field(None, ge=0, le=9.99, multiple_of=0.01)

    for source in (Person, Person.model_json_schema(), {"type": "array", "items": Person.model_json_schema()}):
        schema = import_schema(source, by=BY)
        assert schema["age"] == dpsynth.Numeric("age", lower=0, upper=120, integer=True, source=BY)
        assert schema["sex"] == dpsynth.Categorical("sex", values=["F", "M"], source=BY)
        assert schema["pay"] == dpsynth.Numeric("pay", lower=0, upper=9.99, decimals=2, nullable=True, source=BY)
        assert asked(schema) == {("born", "lower"), ("born", "upper")}
        assert schema["born"].nullable


def test_frictionless_keys_marks_and_categories() -> None:
    document = {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "grade", "type": "integer", "constraints": {"enum": [1, 2, 3], "required": True}},
            {"name": "answer", "type": "boolean", "trueValues": ["Y"], "falseValues": ["N"]},
            {"name": "day", "type": "date", "format": "%d.%m.%Y", "constraints": {"minimum": "01.02.2020"}},
            {"name": "size", "type": "string", "categories": ["S", "L"], "categoriesOrdered": True},
            {"name": "ward", "type": "integer"},
        ],
        "primaryKey": "id",
        "missingValues": ["", "NA"],
        "foreignKeys": [{"fields": ["ward"], "reference": {"resource": "wards", "fields": ["id"]}}],
    }
    schema = import_schema(document, by=BY)
    assert schema.missing_values == ("NA",)
    assert schema["id"] == dpsynth.Identifier("id", source=BY)
    assert schema["grade"] == dpsynth.Categorical("grade", values=[1, 2, 3], ordered=True, source=BY)
    assert schema["answer"] == dpsynth.Boolean("answer", nullable=True, labels=("N", "Y"), source=BY)
    assert schema["size"].ordered
    assert (schema["day"].lower, schema["day"].format) == ("2020-02-01", "%d.%m.%Y")
    assert asked(schema) == {("day", "upper"), ("ward", "type")}


DBT = """
version: 2
models:
  - name: people
    columns:
      - {name: id, data_type: bigint, data_tests: [unique, not_null]}
      - name: sex
        data_type: varchar
        tests: [not_null, {accepted_values: {values: ['F', 'M', 'no']}}]
      - name: age
        data_type: integer
        data_tests:
          - dbt_utils.accepted_range: {arguments: {min_value: 0, max_value: 121, inclusive: false}}
          - accepted_values: {values: [1], config: {where: "sex = 'F'"}}
      - {name: note}
  - {name: empty}
"""


def test_dbt_properties_and_manifest(tmp_path: Path) -> None:
    (tmp_path / "schema.yml").write_text(DBT)

    def test_node(name: str, column: str, **arguments: Any) -> dict[str, Any]:
        told = {"name": name, "namespace": None, "kwargs": {"column_name": column, **arguments}}
        return {"name": name, "test_metadata": told, "attached_node": "model.p.people"}

    types = {"id": "bigint", "sex": "varchar", "age": "integer", "note": None}
    nodes = {
        "model.p.people": {
            "name": "people",
            "columns": {name: {"name": name, "data_type": kind} for name, kind in types.items()},
        },
        "a": test_node("unique", "id"),
        "b": test_node("not_null", "sex"),
        "c": test_node("accepted_values", "sex", values=["F", "M", "no"]),
        "d": test_node("accepted_range", "age", min_value=1, max_value=120),
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"metadata": {}, "nodes": nodes, "sources": {}}))
    for name in ("schema.yml", "manifest.json"):
        schema = import_schema(tmp_path / name, by=BY)
        assert list(schema)[:3] == [
            dpsynth.Identifier("id", source=BY),
            dpsynth.Categorical("sex", values=["F", "M", "no"], source=BY),
            dpsynth.Numeric("age", lower=1, upper=120, integer=True, nullable=True, source=BY),
        ]
        assert asked(schema) == {("note", "type")}


@pytest.fixture(scope="module")
def certificates() -> ModuleType:
    place = Path(__file__).parents[1] / "release" / "test_certificate.py"
    spec = importlib.util.spec_from_file_location("certificates", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OURS = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M", "no", 'it\'s "x"\\'], source=BY),
        dpsynth.Categorical("grade", values=range(1, 4), nullable=True, ordered=True, source=BY),
        dpsynth.Numeric("age", lower=0, upper=120, integer=True, source=BY),
        dpsynth.Numeric("pay", lower=-1.5, upper=99.5, nullable=True, source=BY),
        dpsynth.Boolean("smoker", source=BY),
        dpsynth.Datetime("seen", lower="2015-01-01", upper="2015-12-31", resolution="hour", source=BY),
        dpsynth.Datetime("born", lower="1900-01-01", upper="1999-12-31", nullable=True, source=BY),
        dpsynth.Identifier("id", source=BY),
        dpsynth.OpenCategorical("country", nullable=True, source=BY),
    ]
)


@pytest.mark.parametrize("target", [*TARGETS, "frictionless"])
def test_our_own_exports_come_back(tmp_path: Path, certificates: ModuleType, target: str) -> None:
    """Apart from what a format has no words for: whole numbers, the order of a list, that a column is text."""
    path = tmp_path / ("document" + {"pandera": ".py", "dbt": ".yml"}.get(target, ".json"))
    if target == "frictionless":
        files = {"synthetic.csv": File(1, "0" * 64)}
        path.write_text(json.dumps(datapackage.document(OURS, certificates.make_certificate(), files)))
    else:
        path.write_text(exported(OURS, target))
    back = import_schema(path, by=BY)
    assert back.names == OURS.names
    whole, typed = target in ("dbt", "frictionless", "pandera"), target in ("dbt", "frictionless")
    for ours, theirs in zip(OURS, back, strict=True):
        expected = ours.__class__
        assert isinstance(theirs, expected)
        for item in ("lower", "upper", "nullable", "labels", "resolution"):
            if item == "nullable" and ours.name == "country":
                continue
            assert getattr(theirs, item, None) == getattr(ours, item, None), (ours.name, item)
        assert not whole or getattr(theirs, "integer", None) == getattr(ours, "integer", None)
    numbers = {("pay", "integer"), *([] if whole else [("age", "integer")])}
    assert asked(back) == (set() if typed else {("country", "type"), *numbers})


def test_without_an_answer_no_confirmation_helps(tmp_path: Path) -> None:
    draft = import_schema({"fields": [{"name": "age", "type": "integer", "constraints": {"minimum": 0}}]})
    assert {origin for _, _, origin in draft.provenance()} == {"unreviewed", "unanswered"}
    confirmed = draft.confirmed(by=BY)
    assert asked(confirmed) == {("age", "upper")}
    for schema in (draft, confirmed):
        with pytest.raises(SchemaError, match="largest number that can be entered"):
            dpsynth.plan(schema, epsilon=1, delta=1e-6)
    confirmed.save(tmp_path / "schema.yaml")
    text = (tmp_path / "schema.yaml").read_text()
    assert "# QUESTION age, upper:" in text
    assert asked(dpsynth.Schema.load(tmp_path / "schema.yaml")) == {("age", "upper")}
    assert "<unanswered>" in repr(confirmed)
    answered = confirmed.answered("age", by="law", upper=120)
    answered.require_reviewed()
    assert ("age", "upper", "law") in answered.provenance()
    with pytest.raises(SettingError, match="keys of a numeric column"):
        confirmed.answered("age", by="law", uper=3)


@pytest.mark.parametrize("by", ["", " ", "unreviewed", "unanswered"])
def test_nobody_cannot_answer(by: str) -> None:
    with pytest.raises(SettingError, match="must name who"):
        import_schema({"fields": [{"name": "a"}]}, by=by)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rows": 1}, "format must be given"),
        ({"fields": 7}, "another shape"),
        ({"fields": [{"type": "string"}]}, "another shape"),
        ({"fields": []}, "must describe columns"),
        ({"models": [{"name": "a", "columns": [{"name": "x"}]}, {"name": "b", "columns": [{"name": "x"}]}]}, "a, b"),
        ({"models": []}, "must describe a table"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises((SchemaError, SettingError), match=words):
        import_schema(content)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="did you mean 'dbt'"):
        import_schema(tmp_path, "dbtt")
    for name, text in {"a.json": "{", "a.yaml": "a: [", "a.py": "def", "b.yaml": "!!python/name:os.system 1"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(SchemaError):
            import_schema(tmp_path / name)
    with pytest.raises(SchemaError, match="readable"):
        import_schema(tmp_path / "absent.sql")
    (tmp_path / "c.yaml").write_text(DBT)
    with pytest.raises(SettingError, match="did you mean 'people'"):
        import_schema(tmp_path / "c.yaml", table="peeple")


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
_FIELD = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=3)},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "date", "datetime", "year", "geojson"]),
        "format": st.sampled_from(["default", "%d.%m.%Y", "%Y"]) | _VALUES,
        "constraints": st.dictionaries(st.sampled_from(["minimum", "maximum", "enum", "required", "unique"]), _VALUES)
        | st.fixed_dictionaries({"minimum": st.integers() | st.floats(), "maximum": st.integers() | st.floats()}),
    },
)


@settings(max_examples=30)
@given(st.lists(_FIELD, max_size=3))
def test_any_document_gives_a_draft_or_a_refusal(fields: list[dict[str, Any]]) -> None:
    try:
        draft = import_schema({"fields": fields}, by=BY)
    except (SchemaError, SettingError):
        return
    again = dpsynth.Schema.from_json(draft.to_json())
    assert again == draft
    for column, item, _ in draft.questions():
        assert item in dict.fromkeys(name for of, name, _ in draft.provenance() if of == column)


def test_every_format_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "import-a-schema.md"
    assert [name for name in FORMATS if f"`{name}`" not in page.read_text()] == []


# Documents that the tools write today, where they are installed (or PYTHON_WITH_PANDERA names an interpreter).
WRITERS = {
    "pandera": """
import sys
import pandera.pandas as pa
columns = {"age": pa.Column(int, pa.Check.in_range(0, 120)), "sex": pa.Column(str, pa.Check.isin(["F", "M"]))}
open(sys.argv[1], "w").write(pa.DataFrameSchema(columns).to_yaml())
"""
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_the_tool_writes_is_read(name: str, tmp_path: Path) -> None:
    python = os.environ.get(f"PYTHON_WITH_{name.upper()}")
    if python is None:
        pytest.importorskip(name)
        python = sys.executable
    path = tmp_path / "written.yaml"
    done = subprocess.run([python, "-c", WRITERS[name], path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert yaml.safe_load(path.read_text())
    assert list(import_schema(path, by=BY)) == [
        dpsynth.Numeric("age", lower=0, upper=120, integer=True, source=BY),
        dpsynth.Categorical("sex", values=["F", "M"], source=BY),
    ]
