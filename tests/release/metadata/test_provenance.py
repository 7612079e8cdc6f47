"""prov.json: the way from the private table to the synthetic one, as W3C PROV."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest


def _pairs(document: Any, relation: str, first: str, second: str) -> set[tuple[str, str]]:
    return {(each[f"prov:{first}"], each[f"prov:{second}"]) for each in document[relation].values()}


def test_every_step_from_the_private_to_the_synthetic_table_is_there(made: Any) -> None:
    document = made.document("prov.json")
    derived = _pairs(document, "wasDerivedFrom", "generatedEntity", "usedEntity")
    for table in ("release:synthetic.csv", "release:synthetic.parquet"):
        assert (table, "release:model.npz") in derived
    assert ("release:model.npz", "release:measurements.npz") in derived
    assert ("release:measurements.npz", "release:private-table") in derived
    used = _pairs(document, "used", "activity", "entity")
    assert ("release:run", "release:private-table") in used
    assert ("release:draw", "release:private-table") not in used
    assert ("release:draw", "release:model.npz") in used
    generated = _pairs(document, "wasGeneratedBy", "entity", "activity")
    assert {("release:measurements.npz", "release:run"), ("release:synthetic.csv", "release:draw")} <= generated
    assert ("release:run", "release:dpsynth") in _pairs(document, "wasAssociatedWith", "activity", "agent")


def test_of_the_private_table_there_is_a_name_alone(made: Any) -> None:
    document = made.document("prov.json")
    assert list(document["entity"]["release:private-table"]) == ["prov:label"]


def test_every_other_entity_is_a_file_with_its_digest(made: Any) -> None:
    entities = made.document("prov.json")["entity"]
    for name, entity in entities.items():
        if name != "release:private-table":
            content = (made.path / entity["dpsynth:file"]).read_bytes()
            assert entity["dpsynth:sha256"] == hashlib.sha256(content).hexdigest()
    assert len(entities) == 7


def test_every_name_that_is_used_is_declared(made: Any) -> None:
    document = made.document("prov.json")
    declared = {name for kind in ("entity", "activity", "agent") for name in document[kind]}
    relations = ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith", "wasAttributedTo")
    named = {name for relation in relations for each in document[relation].values() for name in each.values()}
    assert named <= declared
    blank = [name for relation in relations for name in document[relation]]
    assert len(blank) == len(set(blank))
    assert {name.partition(":")[0] for name in declared} <= set(document["prefix"])


def test_its_library_reads_it_whole(made: Any) -> None:
    model = pytest.importorskip("prov.model")
    read = model.ProvDocument.deserialize(str(made.path / "prov.json"))
    document = made.document("prov.json")
    expected = sum(len(part) for name, part in document.items() if name != "prefix")
    assert len(read.get_records()) == expected
    assert len(list(read.get_records(model.ProvEntity))) == 7
    (agent,) = read.get_records(model.ProvAgent)
    assert [str(kind) for kind in agent.get_asserted_types()] == ["prov:SoftwareAgent"]
    again = model.ProvDocument.deserialize(content=read.serialize(format="json"))
    assert again == read
