"""datapackage.json: the Table Schema says what the CSV file holds, and a validator agrees."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

PROFILE = "https://datapackage.org/profiles/2.0/"


def _resource(made: Any, quoted: bool = False) -> Any:
    (resource,) = made.document("datapackage.json", quoted)["resources"]
    return resource


def _fields(made: Any, quoted: bool = False) -> dict[str, Any]:
    return {field["name"]: field for field in _resource(made, quoted)["schema"]["fields"]}


def test_the_package_describes_the_csv_file(made: Any) -> None:
    package, resource = made.document("datapackage.json"), _resource(made)
    content = (made.path / "synthetic.csv").read_bytes()
    assert package["$schema"] == f"{PROFILE}datapackage.json"
    assert resource["$schema"] == f"{PROFILE}dataresource.json"
    assert resource["schema"]["$schema"] == f"{PROFILE}tableschema.json"
    assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert resource["bytes"] == len(content)
    assert (resource["path"], resource["type"], resource["encoding"]) == ("synthetic.csv", "table", "utf-8")
    assert resource["schema"]["missingValues"] == [""]
    assert package["created"] == made.release.certificate.created
    assert "epsilon 4 and delta 1e-06" in package["description"]


def test_every_column_has_the_type_and_the_constraints_of_the_schema(made: Any) -> None:
    fields = _fields(made)
    assert list(fields) == list(made.release.schema.names)
    assert {name: field["type"] for name, field in fields.items()} == {
        "person": "string",
        "sex": "string",
        "=grade": "integer",
        "share": "number",
        "blank": "string",
        "mixed": "string",
        "many": "integer",
        "city": "string",
        "age": "integer",
        "wage": "number",
        "height, m": "number",
        "member": "boolean",
        "smoker": "string",
        "joined": "date",
        "seen": "datetime",
        "born": "date",
    }
    assert {name: field.get("constraints") for name, field in fields.items()} == {
        "person": {"required": True, "unique": True},
        "sex": {"enum": ["F", "M"]},
        "=grade": {"required": True, "enum": [1, 2, 3]},
        "share": {"enum": [0.1, 0.25, 1]},
        "blank": {"enum": ["=1+1"]},
        "mixed": {"required": True, "enum": ["a", "2.5"]},
        "many": {"required": True},
        "city": None,
        "age": {"minimum": 0, "maximum": 99},
        "wage": {"required": True, "minimum": 0.1, "maximum": 10},
        "height, m": {"minimum": 0.1, "maximum": 2.3},
        "member": {"required": True},
        "smoker": {"enum": ["no", "yes"]},
        "joined": {"required": True, "minimum": "2020-01-01", "maximum": "2020-12-31"},
        "seen": {"minimum": "2020-01-01T00:00", "maximum": "2020-12-31T23:59"},
        "born": {"required": True, "minimum": "01/01/1920", "maximum": "31/12/2020"},
    }
    formats = {name: field["format"] for name, field in fields.items() if "format" in field}
    assert formats == {"seen": "%Y-%m-%dT%H:%M", "born": "%d/%m/%Y"}


def test_quoted_formulas_are_described_as_they_are_written(made: Any) -> None:
    fields = _fields(made, quoted=True)
    assert "'=grade" in fields
    assert "=grade" not in fields
    assert fields["blank"]["constraints"]["enum"] == ["'=1+1"]
    assert _resource(made, quoted=True)["hash"] != _resource(made)["hash"]


@pytest.mark.parametrize("quoted", [False, True])
def test_a_validator_agrees(made: Any, quoted: bool) -> None:
    frictionless = pytest.importorskip("frictionless")
    folder = made.quoted if quoted else made.path
    with frictionless.system.use_context(trusted=True):
        report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])
    assert [task.stats["rows"] for task in report.tasks] == [150]
    assert not report.warnings


@pytest.mark.parametrize(
    ("column", "constraints"),
    [
        ("age", {"maximum": 3}),
        ("smoker", {"enum": ["yes"]}),
        ("born", {"minimum": "01/01/2020"}),
        ("sex", {"unique": True}),
    ],
)
def test_the_validator_would_see_a_broken_constraint(
    made: Any, tmp_path: Path, column: str, constraints: dict[str, Any]
) -> None:
    """The power of the test above."""
    frictionless = pytest.importorskip("frictionless")
    shutil.copy(made.path / "synthetic.csv", tmp_path)
    document = made.document("datapackage.json")
    fields = {field["name"]: field for field in document["resources"][0]["schema"]["fields"]}
    fields[column].setdefault("constraints", {}).update(constraints)
    (tmp_path / "datapackage.json").write_text(json.dumps(document))
    with frictionless.system.use_context(trusted=True):
        report = frictionless.validate(str(tmp_path / "datapackage.json"))
    assert {name for (name,) in report.flatten(["fieldName"])} == {column}


def test_the_validator_would_see_another_table(made: Any, tmp_path: Path) -> None:
    frictionless = pytest.importorskip("frictionless")
    shutil.copy(made.path / "datapackage.json", tmp_path)
    (tmp_path / "synthetic.csv").write_text((made.path / "synthetic.csv").read_text().replace("no", "yes"))
    with frictionless.system.use_context(trusted=True):
        report = frictionless.validate(str(tmp_path / "datapackage.json"))
    assert {"hash-count", "byte-count"} <= {kind for (kind,) in report.flatten(["type"])}
