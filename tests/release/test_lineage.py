"""A release as an OpenLineage event: of the shape that the specification asks for, with nothing private in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dpsynth.errors import SettingError
from dpsynth.release.lineage import PRIVACY_FACET, run_event


@pytest.fixture(scope="module")
def event(request: pytest.FixtureRequest) -> Any:
    release = request.getfixturevalue("signed_once")
    import dpsynth

    made = dpsynth.load(release.path)
    return run_event(made.certificate, made.schema, namespace="clinic", output="visits", run_id=str(uuid.UUID(int=7)))


def _facets(part: Any) -> Iterator[Any]:
    for name, value in part.items() if isinstance(part, dict) else ():
        if name in ("facets", "outputFacets"):
            yield from value.values()
        else:
            yield from _facets(value)
    for value in part if isinstance(part, list) else ():
        yield from _facets(value)


def test_the_event_has_what_the_specification_requires(event: Any) -> None:
    assert json.loads(json.dumps(event)) == event
    assert {"eventTime", "producer", "schemaURL", "run", "job"} <= set(event)
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    assert event["eventType"] == "COMPLETE"
    assert event["run"]["runId"] == str(uuid.UUID(int=7))
    for data_set in (*event["inputs"], *event["outputs"], event["job"]):
        assert data_set["namespace"] == "clinic"
        assert data_set["name"]
    found = list(_facets(event))
    assert len(found) == 4
    assert all(facet["_producer"] and facet["_schemaURL"].startswith("https://") for facet in found)


def test_the_output_carries_promise_and_columns(event: Any) -> None:
    (output,) = event["outputs"]
    privacy = output["facets"][PRIVACY_FACET]
    assert (privacy["epsilon"], privacy["delta"], privacy["private"]) == (2.0, 1e-6, True)
    assert [field["name"] for field in output["facets"]["schema"]["fields"]] == [
        "person", "sex", "age", "member", "joined",
    ]  # fmt: skip
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 60


def test_of_the_private_table_there_is_a_name_alone(event: Any) -> None:
    assert event["inputs"] == [{"namespace": "clinic", "name": "private-table"}]
    assert "400" not in json.dumps(event)


def test_names_and_run_ids_are_checked(signed_once: Any, release_of: Callable[..., Any]) -> None:
    import dpsynth

    made = dpsynth.load(signed_once.path)
    names = {"namespace": "clinic", "output": "visits", "source": "raw"}
    for name in names:
        with pytest.raises(SettingError, match=name):
            run_event(made.certificate, made.schema, **{**names, name: " "})
    with pytest.raises(SettingError, match="run_id"):
        run_event(made.certificate, made.schema, **names, run_id="7")
    ids = {run_event(made.certificate, made.schema, **names)["run"]["runId"] for _ in range(3)}
    assert len(ids) == 3
