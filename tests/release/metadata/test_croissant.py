"""croissant.json: a Croissant 1.1 dataset with responsible-AI fields, which its own library reads."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest


def test_the_dataset_describes_both_tables(made: Any) -> None:
    document = made.document("croissant.json")
    assert document["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    files = {each["contentUrl"]: each for each in document["distribution"]}
    assert list(files) == ["synthetic.csv", "synthetic.parquet"]
    for name, file in files.items():
        content = (made.path / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["contentSize"] == f"{len(content)} B"


def test_every_column_is_a_field(made: Any) -> None:
    for quoted in (False, True):
        ((records,), names) = made.document("croissant.json", quoted)["recordSet"], made.release.schema.names
        assert [field["name"] for field in records["field"]] == list(names)
        header = (made.quoted if quoted else made.path) / "synthetic.csv"
        columns = [field["source"]["extract"]["column"] for field in records["field"]]
        assert header.read_text().splitlines()[0] == ",".join(f'"{column}"' for column in columns)
    types = {field["name"]: field["dataType"].removeprefix("sc:") for field in records["field"]}
    expected = {"=grade": "Integer", "share": "Float", "age": "Integer", "wage": "Float", "member": "Boolean"}
    expected |= {"joined": "Date", "seen": "DateTime", "born": "Text", "city": "Text", "mixed": "Text"}
    assert {name: types[name] for name in expected} == expected
    assert len({field["@id"] for field in records["field"]}) == len(names)


def test_it_says_what_a_responsible_reader_asks(made: Any) -> None:
    document, certificate = made.document("croissant.json"), made.release.certificate
    assert document["rai:dataLimitations"] == list(certificate.known_limits)
    assert any("synthetic" in text for text in document["rai:personalSensitiveInformation"])
    assert any("epsilon 4" in text for text in document["rai:personalSensitiveInformation"])
    assert document["rai:dataUseCases"]
    assert document["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]["name"].startswith("dpsynth ")
    assert document["prov:wasDerivedFrom"] == {
        "@type": "prov:Entity",
        "name": "the private table, of which nothing is said here",
    }


@pytest.mark.parametrize("quoted", [False, True])
def test_its_library_reads_metadata_and_rows(made: Any, quoted: bool, caplog: pytest.LogCaptureFixture) -> None:
    croissant = pytest.importorskip("mlcroissant")
    folder = made.quoted if quoted else made.path
    with caplog.at_level(logging.WARNING):
        dataset = croissant.Dataset(jsonld=str(folder / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    # A licence, a citation, a version and a day of publication are for the publisher to say.
    assert all("is recommended" in warning for warning in issues.warnings)
    assert len(issues.warnings) == 4
    assert not [record for record in caplog.records if "@context" in record.getMessage()]
    assert dataset.metadata.ctx.is_v1_1()
    assert len(dataset.metadata.data_limitations) == len(made.release.certificate.known_limits)
    rows = list(dataset.records("rows"))
    table = made.release.table
    assert len(rows) == len(table)
    assert [row["rows/wage"] for row in rows] == pytest.approx(table["wage"].tolist())
    assert [row["rows/city"].decode() for row in rows] == table["city"].tolist()
    assert [row["rows/joined"].date().isoformat() for row in rows] == table["joined"].dt.strftime("%Y-%m-%d").tolist()


def test_its_library_sees_another_table(made: Any, tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant")
    for name in ("synthetic.csv", "synthetic.parquet"):
        shutil.copy(made.path / name, tmp_path)
    document = made.document("croissant.json")
    document["recordSet"][0]["field"][0]["source"]["extract"]["column"] = "nowhere"
    (tmp_path / "croissant.json").write_text(json.dumps(document))
    with pytest.raises(Exception, match=r"Read\(synthetic\.csv\)"):
        list(croissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("rows"))
